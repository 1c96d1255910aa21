// SPDX-License-Identifier: GPL-2.0-or-later
// One chart: axes, cursor and selection by uPlot, the curves drawn here as steps,
// because a rate holds over an interval and a hole must stay a hole.

/* global uPlot */

import * as format from "./format.js";
import { $, h, setText, swatch } from "./dom.js";
import { SOURCES, indexAt, lastEnd, lowerBound, startOf } from "./track.js";

const DASH = { guest: [], host: [5, 3] };
const AXIS_WIDTH = 62;
const PADDING = 14;
const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
const SECONDS = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5,
	1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200,
	86400, 172800, 604800];

// The colours of style.css, which change with the theme.
let colours = {};
export function readColours() {
	const style = getComputedStyle(document.documentElement);
	const get = name => style.getPropertyValue(`--${name}`).trim();
	colours = {
		guest: get("guest"), host: get("host"), grid: get("grid"), axis: get("muted"),
		mark: get("mark"), card: get("card"),
	};
}

// The least round number that leaves a little air above v.
function roundUp(v) {
	const padded = v * 1.06;
	const unit = 10 ** Math.floor(Math.log10(padded));
	for (const step of [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10]) {
		if (step * unit >= padded)
			return step * unit;
	}
	return 10 * unit;
}

export class Chart {
	// kind: "count" or "handling". on: zoom(from, to), reset(), cursor(x or null).
	constructor(id, kind, on) {
		this.root = $(id);
		this.plot = this.root.querySelector(".plot");
		this.legend = this.root.querySelector(".legend");
		this.kind = kind;
		this.on = on;
		this.hidden = new Set();
		this.show = kind === "count" ? format.rate : format.share;
		this.least = kind === "count" ? 1 : 0.0001;
		this.buildLegend();
		new ResizeObserver(() => this.resize()).observe(this.plot);
	}

	buildLegend() {
		this.entries = {};
		for (const source of SOURCES) {
			const value = h("span", { class: "value" });
			const button = h("button", { type: "button", "aria-pressed": "true",
				title: `Show or hide the ${source} source` }, swatch(source), `${source} `, value);
			button.addEventListener("click", () => {
				const hide = !this.hidden.delete(source);
				if (hide)
					this.hidden.add(source);
				button.setAttribute("aria-pressed", String(!hide));
				this.draw();
			});
			this.entries[source] = { button, value };
			this.legend.append(button);
		}
	}

	// view: {from, to, wall, live, marks: [{x, label}]}, on the axis of the tracks.
	set(tracks, view) {
		this.tracks = tracks;
		if (this.uplot && this.view.wall !== view.wall)
			this.destroy();
		this.view = view;
		for (const source of SOURCES)
			this.entries[source].button.hidden = !this.track(source).t.length;
		if (!this.uplot)
			this.create();
		else
			this.draw();
	}

	track(source) {
		return this.tracks[source][this.kind];
	}

	visible() {
		return SOURCES.filter(s => !this.hidden.has(s) && this.track(s).t.length);
	}

	draw() {
		this.top = this.ceiling();
		const points = this.publish();
		if (this.uplot) {
			const width = this.uplot.width - AXIS_WIDTH - PADDING;
			const crowded = width < 2.5 * Math.max(...Object.values(points), 0);
			for (const line of this.uplot.series.slice(1))
				line.width = crowded ? 1.1 : 1.6;
			this.uplot.setData(this.data());
		}
		this.values();
	}

	// uPlot only needs the extent: what is drawn comes from the tracks.
	data() {
		return [[this.view.from, this.view.to], [null, null], [null, null]];
	}

	ceiling() {
		let top = 0;
		for (const source of this.visible()) {
			const track = this.track(source);
			for (let i = lowerBound(track, this.view.from); i < track.t.length; i++) {
				if (startOf(track, i) >= this.view.to)
					break;
				top = Math.max(top, track.max[i]);
			}
		}
		const rounded = roundUp(Math.max(top, this.least));
		return this.kind === "handling" && top <= 1 ? Math.min(rounded, 1) : rounded;
	}

	// What a test or a script may read: points in view and the range of the axis.
	publish() {
		const points = {};
		for (const source of this.visible()) {
			const track = this.track(source);
			let end = lowerBound(track, this.view.from);
			const begin = end;
			while (end < track.t.length && startOf(track, end) < this.view.to)
				end++;
			points[source] = end - begin;
		}
		this.plot.dataset.points = JSON.stringify(points);
		this.plot.dataset.from = this.view.from;
		this.plot.dataset.to = this.view.to;
		return points;
	}

	create() {
		const axis = {
			stroke: () => colours.axis, font: FONT, ticks: { show: false }, gap: 6,
			grid: { stroke: () => colours.grid, width: 1 },
		};
		const line = source => ({
			label: source, width: 1.6, stroke: () => colours[source], dash: DASH[source],
			points: { show: false }, paths: u => this.path(u, source),
		});
		this.uplot = new uPlot({
			width: this.plot.clientWidth, height: this.plot.clientHeight,
			padding: [10, PADDING, 0, 0],
			legend: { show: false },
			cursor: {
				y: false, points: { show: false },
				drag: { x: true, y: false, setScale: false, dist: 4 },
				bind: { dblclick: () => () => this.on.reset() },
				// Only the position is shared: a drag belongs to the chart it began in.
				sync: { key: "vmexit", scales: ["x", null], setSeries: false,
					filters: { pub: type => /^mouse(move|enter|leave)$/.test(type) } },
			},
			scales: {
				x: { time: this.view.wall, range: () => [this.view.from, this.view.to] },
				y: { range: () => [0, this.top] },
			},
			axes: [{
				...axis, size: 26, space: 72,
				...(this.view.wall ? { values: wallLabels } : { incrs: SECONDS, values: bootLabels }),
			}, {
				...axis, size: AXIS_WIDTH, space: 36,
				values: (u, splits, index, space, step) => splits.map(v => this.kind === "count" ?
					format.axisNumber(v, step, this.top) : format.axisPercent(v, step)),
			}],
			series: [{}, ...SOURCES.map(line)],
			hooks: {
				drawAxes: [u => this.underlay(u)],
				draw: [u => this.overlay(u)],
				setSelect: [u => this.selected(u)],
				setCursor: [u => this.moved(u)],
			},
		}, this.data(), this.plot);
		this.dots = {};
		for (const source of SOURCES)
			this.uplot.over.append(this.dots[source] = h("div", { class: `dot ${source}`, hidden: true }));
		this.draw();
	}

	destroy() {
		this.uplot?.destroy();
		this.uplot = null;
	}

	resize() {
		const { clientWidth: width, clientHeight: height } = this.plot;
		if (this.uplot && width && (width !== this.uplot.width || height !== this.uplot.height))
			this.uplot.setSize({ width, height });
	}

	// Calls run(path of points) for each stretch without a hole within view.
	stretches(u, source, upper, lower, run) {
		const track = this.track(source);
		const x = v => u.valToPos(v, "x", true), y = v => u.valToPos(v, "y", true);
		let points = null, end = NaN;
		for (let i = lowerBound(track, this.view.from); i < track.t.length; i++) {
			const start = startOf(track, i);
			if (start >= this.view.to)
				break;
			if (!points || start !== end) {
				if (points)
					run(points);
				points = [];
			}
			end = track.t[i];
			points.push([x(start), x(end), y(track[upper][i]), lower ? y(track[lower][i]) : y(0)]);
		}
		if (points)
			run(points);
	}

	path(u, source) {
		const stroke = new Path2D();
		if (!this.hidden.has(source)) {
			this.stretches(u, source, "v", null, points => {
				stroke.moveTo(points[0][0], points[0][2]);
				for (const [left, right, top] of points) {
					stroke.lineTo(left, top);
					stroke.lineTo(right, top);
				}
			});
		}
		return { stroke, fill: null, clip: null, band: null, gaps: null, flags: 0 };
	}

	shape(u, source, upper, lower) {
		const shape = new Path2D();
		this.stretches(u, source, upper, lower, points => {
			shape.moveTo(points[0][0], points[0][3]);
			for (const [left, right, top] of points) {
				shape.lineTo(left, top);
				shape.lineTo(right, top);
			}
			for (const [left, right, , bottom] of points.reverse()) {
				shape.lineTo(right, bottom);
				shape.lineTo(left, bottom);
			}
			shape.closePath();
		});
		return shape;
	}

	// Beneath the curves: the area under the first source, and the span between the
	// least and greatest value where points were merged.
	underlay(u) {
		const { ctx, bbox } = u;
		ctx.save();
		ctx.beginPath();
		ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
		ctx.clip();
		this.visible().forEach((source, i) => {
			ctx.fillStyle = colours[source];
			if (i === 0) {
				ctx.globalAlpha = 0.09;
				ctx.fill(this.shape(u, source, "v", null));
			}
			ctx.globalAlpha = 0.28;
			ctx.fill(this.shape(u, source, "max", "min"));
		});
		ctx.restore();
	}

	overlay(u) {
		const { ctx, bbox } = u;
		const ratio = devicePixelRatio;
		const labelled = [];	// the newest mark comes first, and has its label
		ctx.save();
		for (const { x, label } of this.view.marks) {
			const left = Math.round(u.valToPos(x, "x", true)) + 0.5;
			if (left < bbox.left || left > bbox.left + bbox.width)
				continue;
			ctx.strokeStyle = ctx.fillStyle = colours.mark;
			ctx.lineWidth = ratio;
			ctx.setLineDash([2 * ratio, 3 * ratio]);
			ctx.beginPath();
			ctx.moveTo(left, bbox.top);
			ctx.lineTo(left, bbox.top + bbox.height);
			ctx.stroke();
			if (labelled.some(l => Math.abs(l - left) < 60 * ratio))
				continue;
			labelled.push(left);
			ctx.font = FONT.replace("12px", `${11 * ratio}px`);
			const room = bbox.left + bbox.width - left > 80 * ratio;
			ctx.textAlign = room ? "left" : "right";
			ctx.textBaseline = "top";
			ctx.fillText(label, left + (room ? 5 : -5) * ratio, bbox.top + 2 * ratio);
		}
		if (this.view.live)
			this.heads(u, ctx, ratio);
		ctx.restore();
	}

	// Whether a curve reaches the right edge, or nearly so.
	fresh(track) {
		const last = track.t.length - 1;
		return last >= 0 && track.t[last] >= this.view.to - Math.max(10, 4 * track.dt[last]);
	}

	// The newest value of each curve, as a dot.
	heads(u, ctx, ratio) {
		ctx.setLineDash([]);
		for (const source of this.visible()) {
			const track = this.track(source);
			const end = lastEnd(track);
			if (!this.fresh(track) || end > this.view.to)
				continue;
			ctx.beginPath();
			ctx.arc(u.valToPos(end, "x", true), u.valToPos(track.v[track.v.length - 1], "y", true),
				3 * ratio, 0, 2 * Math.PI);
			ctx.fillStyle = colours[source];
			ctx.fill();
			ctx.lineWidth = 1.5 * ratio;
			ctx.strokeStyle = colours.card;
			ctx.stroke();
		}
	}

	selected(u) {
		const { left, width } = u.select;
		if (width < 4)
			return;
		const from = u.posToVal(left, "x"), to = u.posToVal(left + width, "x");
		u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
		this.on.zoom(from, to);
	}

	moved(u) {
		const { left } = u.cursor;
		this.at = left >= 0 ? u.posToVal(left, "x") : null;
		this.values();
		this.on.cursor(this.at);
	}

	// The legend: values under the cursor, else the newest in view.
	values() {
		for (const source of SOURCES) {
			const track = this.track(source);
			const hovering = this.at !== null && this.at !== undefined;
			const shown = this.visible().includes(source);
			const newest = this.view.live && !this.fresh(track) ? -1 :
				Math.min(lowerBound(track, this.view.to), track.t.length - 1);
			const i = hovering ? indexAt(track, this.at) : newest;
			const v = shown && i >= 0 ? track.v[i] : NaN;
			setText(this.entries[source].value, shown ? this.show(v) : "hidden");
			const dot = this.dots?.[source];
			if (!dot)
				continue;
			dot.hidden = !hovering || !Number.isFinite(v);
			if (!dot.hidden)
				dot.style.transform = `translate(${this.uplot.valToPos(this.at, "x")}px, ` +
					`${this.uplot.valToPos(v, "y")}px)`;
		}
	}
}

// A label that the right edge would cut is left out.
function fits(u, v) {
	const { min, max } = u.scales.x;
	const width = u.width - AXIS_WIDTH - PADDING;
	return (max - v) / (max - min) * width > 26 - PADDING;
}

function bootLabels(u, splits, index, space, step) {
	return splits.map(v => fits(u, v) ? format.elapsed(v, step, u.scales.x.max) : "");
}

function wallLabels(u, splits, index, space, step) {
	let day = null;
	return splits.map(v => {
		const label = step >= 60 ? format.clock(v).slice(0, 5) :
			format.clock(v, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)));
		const today = format.date(v);
		const turned = day !== null && today !== day;
		day = today;
		if (!fits(u, v))
			return "";
		return step >= 86400 || turned ? today.slice(5) : label;
	});
}
