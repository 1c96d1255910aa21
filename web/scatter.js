// SPDX-License-Identifier: GPL-2.0-or-later
// A scatter plot on a canvas. One point is looked at: the one next to the pointer, or the one
// that the arrow keys have gone to, in the order of time; a click or Enter chooses it.

import { h } from "./dom.js";
import { colour } from "./palette.js";

const NEAR_PX = 24;
const LEFT = 66, RIGHT = 16, TOP = 12, BOTTOM = 46;
const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';

// Round values that cover min..max in about n steps, as {from, to, step}.
export function scale(min, max, n) {
	if (!(max > min)) {
		const air = Math.abs(min) * 0.1 || 1;
		[min, max] = [min - air, max + air];
	}
	const raw = (max - min) / Math.max(1, n);
	const unit = 10 ** Math.floor(Math.log10(raw));
	const step = unit * [1, 2, 2.5, 5, 10].find(f => f * unit >= raw * (1 - 1e-9));
	return { from: Math.floor(min / step + 1e-9) * step, to: Math.ceil(max / step - 1e-9) * step, step };
}

export function ticks({ from, to, step }) {
	return Array.from({ length: Math.round((to - from) / step) + 1 }, (_, i) => from + i * step);
}

// The index of the point next to x, y among [x, y] in pixels, -1 if none is near.
export function nearest(points, x, y) {
	let best = -1, least = NEAR_PX ** 2;
	points.forEach(([px, py], i) => {
		const d = (px - x) ** 2 + (py - y) ** 2;
		if (d < least)
			[best, least] = [i, d];
	});
	return best;
}

// The straight line next to the points [t, x, y] (least squares of y), null if there is none.
export function line(points) {
	const n = points.length;
	const mean = at => points.reduce((sum, p) => sum + p[at], 0) / n;
	const mx = mean(1), my = mean(2);
	let xx = 0, xy = 0;
	for (const [, x, y] of points) {
		xx += (x - mx) ** 2;
		xy += (x - mx) * (y - my);
	}
	return n > 1 && xx > 0 ? { slope: xy / xx, at: x => my + (x - mx) * xy / xx } : null;
}

export class Scatter {
	// on: look(point or null, whether by key), choose(point); a point is [t, x, y].
	constructor(on) {
		this.on = on;
		this.canvas = h("canvas", { "aria-hidden": "true" });
		this.root = h("div", { class: "scatter", tabindex: "0", role: "group" }, this.canvas);
		this.points = [];
		this.at = -1;
		this.root.addEventListener("keydown", event => this.key(event));
		this.canvas.addEventListener("pointermove", event => this.hover(event));
		this.canvas.addEventListener("pointerleave", () => this.pinned || this.look(-1, false));
		this.canvas.addEventListener("click", event => {
			this.hover(event);
			this.pinned = this.at >= 0;
		});
		this.canvas.addEventListener("dblclick", () => this.at >= 0 && this.on.choose(this.points[this.at]));
		new ResizeObserver(() => this.draw()).observe(this.root);
	}

	// x and y: {label, show(v)} of the axes; label: what it shows, in words.
	set(points, x, y, label) {
		Object.assign(this, { x, y, at: -1, pinned: false });
		this.points = points.filter(p => p.every(Number.isFinite)).sort((a, b) => a[0] - b[0]);
		this.root.setAttribute("aria-label", label);
		this.root.dataset.points = this.points.length;
		this.on.look(null, false);
		this.draw();
	}

	look(at, byKey) {
		if (at === this.at)
			return;
		this.at = at;
		this.on.look(this.points[at] ?? null, byKey);
		this.draw();
	}

	hover({ offsetX, offsetY, type }) {
		if (this.pinned && type !== "click")
			return;
		this.look(nearest(this.placed ?? [], offsetX, offsetY), false);
	}

	key(event) {
		const last = this.points.length - 1, { at } = this;
		if (last < 0 || event.ctrlKey || event.altKey || event.metaKey)
			return;
		const page = Math.max(1, Math.round(last / 10));
		const to = { ArrowRight: at + 1, ArrowLeft: at < 0 ? last : at - 1, PageDown: at + page,
			PageUp: at - page, Home: 0, End: last, Escape: -1 }[event.key];
		if (to === undefined && !(event.key === "Enter" && at >= 0))
			return;
		event.preventDefault();
		if (to === undefined)
			return this.on.choose(this.points[at]);
		this.pinned = to >= 0;
		this.look(to < 0 && event.key === "Escape" ? -1 : Math.min(last, Math.max(0, to)), true);
	}

	draw() {
		const { clientWidth: width, clientHeight: height } = this.root;
		if (!width || !height || !this.x)
			return;
		const ratio = devicePixelRatio;
		Object.assign(this.canvas, { width: width * ratio, height: height * ratio });
		const ctx = this.canvas.getContext("2d");
		ctx.scale(ratio, ratio);
		const range = (at, pixels) => scale(Math.min(...this.points.map(p => p[at])),
			Math.max(...this.points.map(p => p[at])), Math.max(2, pixels));
		if (!this.points.length)
			return;
		const xs = range(1, (width - LEFT - RIGHT) / 90), ys = range(2, (height - TOP - BOTTOM) / 50);
		const px = v => LEFT + (v - xs.from) / (xs.to - xs.from) * (width - LEFT - RIGHT);
		const py = v => height - BOTTOM - (v - ys.from) / (ys.to - ys.from) * (height - TOP - BOTTOM);
		this.axes(ctx, { width, height, xs, ys, px, py });
		this.placed = this.points.map(([, x, y]) => [px(x), py(y)]);
		this.dots(ctx);
		this.fit(ctx, { xs, ys, px, py, width, height });
		this.ring(ctx);
	}

	axes(ctx, { width, height, xs, ys, px, py }) {
		ctx.font = FONT;
		ctx.lineWidth = 1;
		ctx.strokeStyle = colour("grid");
		ctx.fillStyle = colour("muted");
		ctx.beginPath();
		ctx.textAlign = "center";
		for (const v of ticks(xs)) {
			const x = Math.round(px(v)) + 0.5;
			ctx.moveTo(x, TOP);
			ctx.lineTo(x, height - BOTTOM);
			ctx.fillText(this.x.tick(v, xs.step, xs.to), x, height - BOTTOM + 17);
		}
		ctx.textAlign = "right";
		for (const v of ticks(ys)) {
			const y = Math.round(py(v)) + 0.5;
			ctx.moveTo(LEFT, y);
			ctx.lineTo(width - RIGHT, y);
			ctx.fillText(this.y.tick(v, ys.step, ys.to), LEFT - 8, y + 4);
		}
		ctx.stroke();
		ctx.fillText(this.x.label, width - RIGHT, height - 8, width - RIGHT - 8);
		ctx.save();
		ctx.translate(13, TOP);
		ctx.rotate(-Math.PI / 2);
		ctx.fillText(this.y.label, 0, 0, height - TOP - 8);
		ctx.restore();
	}

	dots(ctx) {
		const radius = this.points.length > 600 ? 2.2 : 3.2;
		ctx.fillStyle = colour("guest");
		ctx.globalAlpha = this.points.length > 200 ? 0.45 : 0.65;
		for (const [x, y] of this.placed) {
			ctx.beginPath();
			ctx.arc(x, y, radius, 0, 2 * Math.PI);
			ctx.fill();
		}
		ctx.globalAlpha = 1;
	}

	fit(ctx, { xs, px, py, width, height }) {
		const best = line(this.points);
		if (!best)
			return;
		ctx.save();
		ctx.beginPath();
		ctx.rect(LEFT, TOP, width - LEFT - RIGHT, height - TOP - BOTTOM);
		ctx.clip();
		ctx.strokeStyle = colour("host");
		ctx.lineWidth = 1.6;
		ctx.setLineDash([6, 4]);
		ctx.beginPath();
		ctx.moveTo(px(xs.from), py(best.at(xs.from)));
		ctx.lineTo(px(xs.to), py(best.at(xs.to)));
		ctx.stroke();
		ctx.restore();
	}

	ring(ctx) {
		const spot = this.placed[this.at];
		if (!spot)
			return;
		ctx.fillStyle = colour("guest");
		ctx.strokeStyle = colour("ink");
		ctx.lineWidth = 2;
		ctx.beginPath();
		ctx.arc(...spot, 6, 0, 2 * Math.PI);
		ctx.fill();
		ctx.stroke();
	}
}
