// SPDX-License-Identifier: GPL-2.0-or-later
// What happened meanwhile: phases as bands, marks as lines or bars in lanes above the plot,
// gaps hatched. Canvas only; every text is drawn, never parsed.

import { colour } from "./palette.js";

export const LANE_PX = 17;
const LANES = 3;
const FONT_PX = 11;
const LEAST_TEXT_PX = 14, MOST_TEXT = 100;
const NARROW_PX = 6;	// gaps that are not hatched

// Puts intervals ({from, to}) into lanes so that none covers another; what has no room in
// them is in the last. Returns the lane of each, in the order given.
export function lanes(intervals, most = LANES) {
	const ends = [];
	const order = intervals.map((_, i) => i).sort((a, b) => intervals[a].from - intervals[b].from);
	const ret = new Array(intervals.length);
	for (const i of order) {
		let lane = ends.findIndex(end => end <= intervals[i].from);
		if (lane < 0)
			lane = Math.min(ends.length, most - 1);
		ends[lane] = Math.max(ends[lane] ?? -Infinity, intervals[i].to);
		ret[i] = lane;
	}
	return ret;
}

// view's phases, marks, gaps, sorted into what is where; rows: lanes needed above the plot.
export function layout({ from, to, phases = [], marks = [], gaps = [] }) {
	const seen = (a, b) => a < to && b > from;
	const bands = phases.map(p => ({ ...p, to: p.to ?? Infinity })).filter(p => seen(p.from, p.to));
	const bars = marks.filter(m => m.to !== undefined)
		.map(m => ({ ...m, from: m.x, to: m.to ?? Infinity })).filter(m => seen(m.from, m.to));
	const lines = marks.filter(m => m.to === undefined && m.x >= from && m.x <= to);
	const lane = lanes(bars);
	const first = bands.length ? 1 : 0;
	bars.forEach((bar, i) => bar.row = first + lane[i]);
	return { bands, bars, lines, gaps: gaps.filter(g => seen(g.from, g.to)),
		rows: first + (bars.length ? Math.max(...lane) + 1 : 0) };
}

// What there is at x, in words.
export function at({ bands, bars, lines, gaps }, x, near) {
	const here = list => list.filter(e => e.from <= x && x < e.to).map(e => e.label);
	return [...here(bands), ...here(bars),
		...lines.filter(l => Math.abs(l.x - x) <= near).map(l => l.label),
		...gaps.filter(g => g.from <= x && x < g.to).map(g => `gap: ${g.cause}`)];
}

// Begins and ends nearer to each other than `near` are one; a guest may have made thousands.
export function runs(spans, near) {
	const ret = [];
	for (const [left, right] of [...spans].sort((a, b) => a[0] - b[0])) {
		const last = ret.at(-1);
		if (last && left - last[1] < near)
			last[1] = Math.max(last[1], right);
		else
			ret.push([left, right]);
	}
	return ret;
}

// As much of a text as there is room for, in few measurements.
export function clip(ctx, text, room) {
	if (room < LEAST_TEXT_PX)
		return "";
	let fits = 0, over = Math.min(text.length, MOST_TEXT) + 1;
	if (over > text.length && ctx.measureText(text).width <= room)
		return text;
	while (over - fits > 1) {
		const n = (fits + over) >> 1;
		if (ctx.measureText(`${text.slice(0, n)}…`).width <= room)
			fits = n;
		else
			over = n;
	}
	return fits > 2 ? `${text.slice(0, fits)}…` : "";
}

const edges = (g, { from, to }) => [Math.max(g.left, g.x(Math.max(from, g.from))),
	Math.min(g.right, g.x(Math.min(to, g.to)))];

// Beneath the curves: phases and gaps.
export function drawUnder(ctx, g, { bands, gaps }, top, ratio) {
	bands.forEach((band, i) => {
		const [left, right] = edges(g, band);
		ctx.fillStyle = colour(i % 2 ? "phase-b" : "phase-a");
		ctx.fillRect(left, top, right - left, g.bottom - top);
	});
	ctx.fillStyle = colour("gap");
	for (const [left, right] of runs(gaps.map(gap => edges(g, gap)), 2 * ratio)) {
		if (right - left < NARROW_PX * ratio)
			ctx.fillRect(left, top, Math.max(right - left, 2 * ratio), g.bottom - top);
		else
			hatch(ctx, left, top, right - left, g.bottom - top, ratio);
	}
}

function hatch(ctx, x, y, width, height, ratio) {
	ctx.save();
	ctx.beginPath();
	ctx.rect(x, y, width, height);
	ctx.clip();
	ctx.strokeStyle = colour("gap");
	ctx.lineWidth = 1.5 * ratio;
	ctx.beginPath();
	const step = 7 * ratio;
	// The lines are the canvas's, so that they stand still when the gap moves.
	for (let at = Math.floor((x - height) / step) * step; at < x + width; at += step) {
		ctx.moveTo(at, y + height);
		ctx.lineTo(at + height, y);
	}
	ctx.stroke();
	ctx.restore();
}

function text(ctx, ratio) {
	ctx.font = `${FONT_PX * ratio}px system-ui, sans-serif`;
	ctx.textAlign = "left";
	ctx.textBaseline = "middle";
}

// Above the curves: the lanes over the plot, and the lines through it.
export function drawOver(ctx, g, { bands, bars, lines, rows }, top, ratio) {
	text(ctx, ratio);
	const lane = LANE_PX * ratio;
	const ceiling = top - rows * lane;
	for (const band of bands) {
		const [left, right] = edges(g, band);
		ctx.fillStyle = colour("muted");
		ctx.fillText(clip(ctx, band.label, right - left - 6 * ratio), left + 4 * ratio, ceiling + lane / 2);
	}
	const ends = [];
	for (const bar of bars) {
		const [left, right] = edges(g, bar);
		// What is no wider than a line, and where one is already.
		if (right - left < 2 * ratio && Math.abs(left - ends[bar.row]) < ratio)
			continue;
		ends[bar.row] = left;
		const y = ceiling + bar.row * lane + 1.5 * ratio, height = lane - 3 * ratio;
		ctx.fillStyle = colour("sunken");
		ctx.fillRect(left, y, Math.max(right - left, 2 * ratio), height);
		ctx.fillStyle = colour("mark");
		ctx.fillRect(left, y, 2 * ratio, height);
		ctx.fillStyle = colour("ink");
		ctx.fillText(clip(ctx, bar.label, right - left - 9 * ratio), left + 5 * ratio, y + height / 2);
	}
	drawLines(ctx, g, lines, top, ratio);
}

// Instants: the newest comes first and has its label.
function drawLines(ctx, g, lines, top, ratio) {
	const labelled = [];
	ctx.strokeStyle = ctx.fillStyle = colour("mark");
	ctx.lineWidth = ratio;
	let before = null;
	for (const { x, label } of lines) {
		const left = Math.round(g.x(x)) + 0.5;
		if (left === before)
			continue;
		before = left;
		ctx.setLineDash([2 * ratio, 3 * ratio]);
		ctx.beginPath();
		ctx.moveTo(left, top);
		ctx.lineTo(left, g.bottom);
		ctx.stroke();
		if (labelled.some(l => Math.abs(l - left) < 70 * ratio))
			continue;
		labelled.push(left);
		const room = g.right - left > 84 * ratio;
		const next = Math.min(...lines.map(l => g.x(l.x)).filter(x => x > left + 1), Infinity);
		ctx.textAlign = room ? "left" : "right";
		ctx.fillText(clip(ctx, label, Math.min(160 * ratio, room ? next - left - 8 * ratio : Infinity)),
			left + (room ? 5 : -5) * ratio, top + 8 * ratio);
	}
	ctx.setLineDash([]);
	ctx.textAlign = "left";
}
