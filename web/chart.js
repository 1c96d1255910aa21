// SPDX-License-Identifier: GPL-2.0-or-later
// One chart. Axes, cursor and selection are uPlot's; curves, phases, marks and gaps are drawn
// by curves.js and strip.js.
//
//	const chart = new Chart({ id: "rate", title: "Exits per second", on: {
//		zoom(from, to) {},	// by drag, wheel, touch or key: set() that window, or another
//		reset() {},		// double click, two taps, 0, Escape
//		cursor(x) {},		// optional: where the cursor is, null when it left
//		hidden(ids) {},		// optional: a Set, when the legend's choice changed
//	} });
//	parent.append(chart.root);
//	chart.set(view);	// what is to be seen; see below
//	chart.draw();		// tracks of the view were appended to
//	chart.empty("No samples in this range.");	// words in the plot's place, "" for none
//	chart.hide(ids);	// as if these had been clicked in the legend
//	chart.name(title, note);
//	chart.tools.append(link);	// beside the legend
//	chart.destroy();
//
// Instead of id and title, `root` may be an element that has .plot and .legend already.
// `sync` names the charts that share a cursor (default "vmexit", null for none).
//
// A view:
//	from, to	the window on the x axis
//	wall		true: epoch seconds, by the clock; else seconds since a boot
//	unit		of all values, as /series says: "exits/s", "1", "s", "B/s" ..., see format.js
//	curves		[{id, label, title, colour, dash, track, slope}]: colour names a variable of
//			style.css without --, dash is canvas's in pixels; palette.js's look(n) gives
//			both. track: track.js; slope: what adds up, drawn from min to v. title is a
//			tooltip, id is what the data-points attribute calls it
//	mode		"lines" (default) or "stacked", the first curve lowest
//	whole		a track of which the stacked curves are parts: holes are its holes, and
//			a part that is missing is nothing. See stack.js, also for rest()
//	log		true: logarithmic y axis, of lines only
//	live		the right edge is now: newest values as dots, and in the legend
//	full		{from, to} to which pan, zoom and keys go; without it, anywhere
//	phases		[{from, to (null: still on), label}]
//	marks		[{x, label, to}]: to: an interval (null: still on)
//	gaps		[{from, to, cause}]: cause in words
//
// .plot's attributes are for tests and scripts: data-points (JSON: points in view by curve), data-from
// and data-to, data-low and data-high of the y axis; and so is performance.mark("first-chart").

import uPlot from "uplot";
import { $, h, setText } from "./dom.js";
import { PADDING, xAxis, yAxis } from "./axes.js";
import * as curves from "./curves.js";
import * as format from "./format.js";
import { Gestures } from "./gestures.js";
import { Legend } from "./legend.js";
import { colour } from "./palette.js";
import { logRange, roundUp } from "./scale.js";
import { stack } from "./stack.js";
import * as strip from "./strip.js";
import { lowerBound, startOf } from "./track.js";
import * as values from "./values.js";

const LEAST = { "1": 0.0001 };		// top of the axis at least, by unit; else 1
const WORDS_AFTER_MS = 1000;
const TOP_PX = 10;

export class Chart {
	constructor({ root, id, title, note, sync = "vmexit", on }) {
		this.root = root ?? build(id, title, note);
		this.plot = this.root.querySelector(".plot");
		this.tools = this.root.querySelector(".downloads");
		this.words = this.root.querySelector(".empty");
		this.title = title ?? this.root.querySelector("h2").firstChild.textContent.trim();
		this.sync = sync;
		this.on = on;
		this.at = null;
		this.strong = null;
		this.legend = new Legend(this.root.querySelector(".legend"), {
			changed: () => {
				this.on.hidden?.(this.legend.hidden);
				this.draw();
			},
			strong: id => {
				this.strong = id;
				this.uplot?.redraw(false, false);
			},
		});
		this.here = h("p", { class: "here", "aria-hidden": "true" });
		this.table = h("details", { class: "values" }, h("summary", {}, "As a table"),
			h("div", { class: "scroll", tabindex: "0", role: "region",
				"aria-label": `${this.title} as a table` }));
		this.root.append(this.here, this.table);
		this.table.addEventListener("toggle", () => this.tell());
		this.plot.addEventListener("keydown", event => this.gestures?.key(event));
		this.observer = new ResizeObserver(() => this.resize());
		this.observer.observe(this.plot);
	}

	// Changes what it is called.
	name(title, note = "") {
		if (this.title === title && this.note === note)
			return;
		this.title = title;
		this.note = note;
		this.root.querySelector("h2").replaceChildren(title, ...(note ? [h("small", {}, ` ${note}`)] : []));
	}

	// Hides the curves with these ids, and no others.
	hide(ids) {
		this.legend.hide(ids);
	}

	get hidden() {
		return this.legend.hidden;
	}

	set(view) {
		const kind = [view.wall, view.unit, !!view.log].join();
		if (this.uplot && this.kind !== kind)
			this.unplot();
		this.kind = kind;
		this.view = { mode: "lines", curves: [], ...view };
		this.draw();
	}

	empty(text) {
		setText(this.words, text);
		this.words.hidden = !text;
	}

	stacked() {
		return this.view.mode === "stacked" && !this.view.log;
	}

	visible() {
		return this.view.curves.filter(c => !this.hidden.has(c.id) && c.track.t.length);
	}

	draw() {
		if (!this.view)
			return;
		this.legend.set(this.view.curves.filter(c => c.track.t.length), this.stacked());
		this.drawn = this.visible();
		this.points = this.publish();
		this.strip = strip.layout(this.view);
		this.segments = this.stacked() ? this.stack() : null;
		[this.plot.dataset.low, this.plot.dataset.high] = this.range = this.extent();
		if (!this.uplot && this.plot.clientWidth)
			this.create();
		else if (this.uplot)
			this.redraw();
		this.values();
		this.talk ??= setTimeout(() => this.tell(), WORDS_AFTER_MS);
	}

	// uPlot only needs the extent: what is drawn comes from the tracks.
	data() {
		return [[this.view.from, this.view.to], [null, null]];
	}

	// With a curve hidden, what is left is no whole.
	stack() {
		const { from, to, whole } = this.view;
		return stack(this.drawn.map(c => c.track), from, to,
			{ whole: this.hidden.size ? null : whole, slope: this.drawn.some(c => c.slope) });
	}

	redraw() {
		this.uplot.setData(this.data());
		if (this.rows === this.strip.rows)
			return;
		// Another padding is seen with another size only.
		this.rows = this.strip.rows;
		this.uplot.setSize({ width: this.uplot.width, height: this.uplot.height });
	}

	// The y axis.
	extent() {
		let top = 0, least = Infinity;
		const see = v => {
			top = Math.max(top, v);
			if (v > 0)
				least = Math.min(least, v);
		};
		for (const { left, right } of this.segments ?? []) {
			see(left.at(-1));
			see(right.at(-1));
		}
		for (const { track } of this.segments ? [] : this.drawn) {
			for (let i = lowerBound(track, this.view.from); i < track.t.length; i++) {
				if (startOf(track, i) >= this.view.to)
					break;
				see(track.max[i]);
				see(track.v[i]);
			}
		}
		if (this.view.log)
			return logRange(least, top);
		const rounded = roundUp(Math.max(top, LEAST[this.view.unit] ?? 1));
		return [0, this.view.unit === "1" && top <= 1 ? Math.min(rounded, 1) : rounded];
	}

	publish() {
		const points = {};
		for (const { id, track } of this.drawn) {
			let end = lowerBound(track, this.view.from);
			const begin = end;
			while (end < track.t.length && startOf(track, end) < this.view.to)
				end++;
			points[id] = end - begin;
		}
		this.plot.dataset.points = JSON.stringify(points);
		this.plot.dataset.from = this.view.from;
		this.plot.dataset.to = this.view.to;
		return Math.max(...Object.values(points), 0);
	}

	create() {
		const { wall, unit, log } = this.view;
		this.rows = this.strip.rows;
		this.uplot = new uPlot({
			width: this.plot.clientWidth, height: this.plot.clientHeight,
			padding: [() => this.rows ? 3 + this.rows * strip.LANE_PX : TOP_PX, PADDING, 0, 0],
			legend: { show: false },
			cursor: {
				y: false, points: { show: false },
				drag: { x: true, y: false, setScale: false, dist: 4 },
				bind: {
					dblclick: () => () => this.on.reset(),
					mousedown: (u, target, handler) =>
						event => event.shiftKey ? null : handler(event),
				},
				// Only the position is shared: a drag belongs to the chart it began in.
				...(this.sync && { sync: { key: this.sync, scales: ["x", null], setSeries: false,
					filters: { pub: type => /^mouse(move|enter|leave)$/.test(type) } } }),
			},
			scales: {
				x: { time: wall, range: () => [this.view.from, this.view.to] },
				y: { distr: log ? 3 : 1, range: () => this.range },
			},
			axes: [xAxis(wall), yAxis(unit, log)],
			series: [{}, { paths: () => null, points: { show: false } }],
			hooks: {
				drawClear: [u => this.within(u, (ctx, g, ratio) =>
					strip.drawUnder(ctx, g, this.strip, u.bbox.top, ratio))],
				drawAxes: [u => this.paint(u)],
				setSelect: [u => this.selected(u)],
				setCursor: [u => this.moved(u)],
			},
		}, this.data(), this.plot);
		this.gestures = new Gestures(this.plot, this.uplot.over, {
			view: () => this.view,
			zoom: (from, to) => this.on.zoom(from, to),
			reset: () => this.on.reset(),
			point: by => this.point(by),
		});
		this.dots = h("div", { class: "dots" });
		this.uplot.over.append(this.dots);
	}

	unplot() {
		this.uplot?.destroy();
		this.uplot = this.gestures = null;
	}

	destroy() {
		this.observer.disconnect();
		clearTimeout(this.talk);
		this.view = null;
		this.unplot();
		this.root.remove();
	}

	resize() {
		const { clientWidth: width, clientHeight: height } = this.plot;
		if (!this.uplot && this.view && width)
			this.draw();
		else if (this.uplot && width && (width !== this.uplot.width || height !== this.uplot.height))
			this.uplot.setSize({ width, height });
	}

	// Draws where curves and lanes are.
	within(u, draw) {
		const { ctx, bbox } = u;
		ctx.save();
		ctx.beginPath();
		ctx.rect(bbox.left, 0, bbox.width, bbox.top + bbox.height);
		ctx.clip();
		draw(ctx, new curves.Geometry(u, this.view.log), devicePixelRatio);
		ctx.restore();
	}

	paint(u) {
		this.within(u, (ctx, g, ratio) => {
			const how = { ratio, points: this.points, strong: this.strong };
			if (this.segments) {
				curves.drawStack(ctx, g, this.drawn, this.segments, how);
			} else {
				curves.drawBands(ctx, g, this.drawn);
				curves.drawLines(ctx, g, this.drawn, how);
			}
			strip.drawOver(ctx, g, this.strip, u.bbox.top, ratio);
		});
		if (this.view.live && !this.segments)
			curves.drawHeads(u.ctx, new curves.Geometry(u, this.view.log), this.drawn, devicePixelRatio);
		if (this.points && !performance.getEntriesByName("first-chart").length)
			performance.mark("first-chart");
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
		this.on.cursor?.(this.at);
	}

	// Moves the cursor by keys; from the right edge if there is none.
	point(by_s) {
		const { from, to } = this.view;
		const x = Math.min(to, Math.max(from, (this.at ?? to) + by_s));
		this.uplot.setCursor({ left: this.uplot.valToPos(x, "x"), top: 10 }, true, true);
	}

	// The legend: values under the cursor, else the newest in view.
	values() {
		const { view } = this;
		const hovering = this.at !== null;
		for (const curve of view.curves) {
			const shown = this.drawn.includes(curve);
			const x = hovering ? this.at : this.newest(curve);
			this.legend.value(curve.id, this.hidden.has(curve.id) ? "hidden" :
				format.value(shown ? values.valueAt(curve, x) : NaN, view.unit));
		}
		const near = (view.to - view.from) * 4 / Math.max(1, this.plot.clientWidth);
		setText(this.here, hovering ?
			[values.moment(this.at, view), ...strip.at(this.strip, this.at, near)].join(" · ") : "");
		this.dot(hovering);
	}

	newest({ track }) {
		if (this.view.live && !curves.isFresh(track, this.view.to))
			return NaN;
		const i = Math.min(lowerBound(track, this.view.to), track.t.length - 1);
		return i < 0 ? NaN : Math.min(track.t[i], Math.max(this.view.to, startOf(track, i)));
	}

	// Where the cursor meets each line.
	dot(hovering) {
		if (!this.dots)
			return;
		const lines = hovering && !this.segments ? this.drawn : [];
		while (this.dots.children.length < lines.length)
			this.dots.append(h("div", { class: "dot" }));
		[...this.dots.children].forEach((dot, i) => {
			const v = i < lines.length ? values.valueAt(lines[i], this.at) : NaN;
			dot.hidden = !Number.isFinite(v);
			if (dot.hidden)
				return;
			const y = this.uplot.valToPos(this.view.log ? Math.max(v, this.range[0]) : v, "y");
			dot.style.background = colour(lines[i].colour);
			dot.style.transform = `translate(${this.uplot.valToPos(this.at, "x")}px, ${y}px)`;
		});
	}

	// For whoever does not see it; not at each sample.
	tell() {
		clearTimeout(this.talk);
		this.talk = null;
		if (!this.view)
			return;
		const { title, drawn, view } = this;
		this.plot.setAttribute("aria-label", values.sentence(title, drawn, view));
		if (this.table.open)
			this.table.lastChild.replaceChildren(values.table(title, drawn, view));
	}
}

function build(id, title, note) {
	return h("section", { class: "chart", id, "aria-labelledby": `${id}-title` },
		h("header", {},
			h("h2", { id: `${id}-title` }, title, note ? h("small", {}, ` ${note}`) : null),
			h("div", { class: "legend" }),
			h("span", { class: "downloads" })),
		h("div", { class: "body" },
			h("div", { class: "plot", id: `${id}-chart`, tabindex: "0", role: "group",
				"aria-roledescription": "chart", "aria-describedby": $("keys") ? "keys" : null }),
			h("p", { class: "empty", hidden: true })));
}
