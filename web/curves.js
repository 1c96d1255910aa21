// SPDX-License-Identifier: GPL-2.0-or-later
// Drawing curves on a chart's canvas: steps, because a rate holds over an interval and a hole
// must stay a hole; slopes for what adds up; areas on top of each other.

import { lastEnd, lowerBound, startOf } from "./track.js";
import { colour } from "./palette.js";

// From values to pixels of the canvas; uPlot's own way costs more per call than a line.
export class Geometry {
	constructor(u, log) {
		const { left, top, width, height } = u.bbox;
		const { x, y } = u.scales;
		this.log = log;
		this.from = x.min;
		this.to = x.max;
		this.left = left;
		this.right = left + width;
		this.kx = width / (x.max - x.min);
		this.low = log ? Math.log10(y.min) : y.min;
		this.least = y.min;
		this.bottom = top + height;
		this.ky = height / ((log ? Math.log10(y.max) : y.max) - this.low);
	}

	x(v) {
		return this.left + (v - this.from) * this.kx;
	}

	// What is too little for a logarithmic axis lies on its lower edge.
	y(v) {
		const value = this.log ? Math.log10(Math.max(v, this.least)) : v;
		return this.bottom - (value - this.low) * this.ky;
	}
}

// Calls run(start, end, i, joined) for each interval in view that can be shown: nothing is no
// place on a logarithmic axis. joined: it begins where the one before ended.
function each(track, { from, to, log }, run) {
	let before = NaN;
	for (let i = lowerBound(track, from); i < track.t.length; i++) {
		const start = startOf(track, i);
		if (start >= to)
			break;
		if (log && track.v[i] <= 0)
			continue;
		run(start, track.t[i], i, start === before);
		before = track.t[i];
	}
}

function line(g, curve) {
	const path = new Path2D();
	const { track, slope } = curve;
	each(track, g, (start, end, i, joined) => {
		const y = g.y(track.v[i]);
		const begin = slope ? g.y(track.min[i]) : y;
		if (joined)
			path.lineTo(g.x(start), begin);
		else
			path.moveTo(g.x(start), begin);
		path.lineTo(g.x(end), y);
	});
	return path;
}

// The area between two columns of a track, or one and the lower edge.
function area(g, track, upper, lower) {
	const path = new Path2D();
	let back = [];
	const close = () => {
		for (let k = back.length - 3; k >= 0; k -= 3) {
			path.lineTo(back[k + 1], back[k + 2]);
			path.lineTo(back[k], back[k + 2]);
		}
		if (back.length)
			path.closePath();
		back = [];
	};
	each(track, g, (start, end, i, joined) => {
		const left = g.x(start), right = g.x(end), y = g.y(track[upper][i]);
		if (!joined) {
			close();
			path.moveTo(left, y);
		} else {
			path.lineTo(left, y);
		}
		path.lineTo(right, y);
		back.push(left, right, lower ? g.y(track[lower][i]) : g.bottom);
	});
	close();
	return path;
}

// Beneath the lines: the spans between least and greatest value where points were
// merged, and the area under the first of few curves.
export function drawBands(ctx, g, curves) {
	curves.forEach((curve, i) => {
		if (curve.slope)
			return;
		ctx.fillStyle = colour(curve.colour);
		if (i === 0 && curves.length <= 2) {
			ctx.globalAlpha = 0.09;
			ctx.fill(area(g, curve.track, "v", null));
		}
		ctx.globalAlpha = curves.length <= 2 ? 0.28 : curves.length <= 4 ? 0.16 : 0.1;
		ctx.fill(area(g, curve.track, "max", "min"));
	});
	ctx.globalAlpha = 1;
}

// points: the most that one curve has in view; crowded lines are thinner.
export function drawLines(ctx, g, curves, { ratio, points, strong }) {
	const crowded = g.right - g.left < 2.5 * points * ratio;
	ctx.lineJoin = "round";
	for (const curve of curves) {
		const dimmed = strong !== null && strong !== curve.id;
		ctx.globalAlpha = dimmed ? 0.25 : 1;
		ctx.strokeStyle = colour(curve.colour);
		ctx.lineWidth = (crowded ? 1.1 : 1.6) * (strong === curve.id ? 1.6 : 1) * ratio;
		ctx.setLineDash((curve.dash ?? []).map(d => d * ratio));
		ctx.stroke(line(g, curve));
	}
	ctx.setLineDash([]);
	ctx.globalAlpha = 1;
}

// Area k of the segments of stack().
function layer(g, segments, k) {
	const path = new Path2D();
	const base = edge => k > 0 ? g.y(edge[k - 1]) : g.bottom;
	let first = 0;
	for (let s = 0; s < segments.length; s++) {
		const { from, to, left, right } = segments[s];
		const joined = s > first && segments[s - 1].to === from;
		if (joined)
			path.lineTo(g.x(from), g.y(left[k]));
		else
			path.moveTo(g.x(from), g.y(left[k]));
		path.lineTo(g.x(to), g.y(right[k]));
		if (s + 1 < segments.length && segments[s + 1].from === to)
			continue;
		for (let b = s; b >= first; b--) {
			path.lineTo(g.x(segments[b].to), base(segments[b].right));
			path.lineTo(g.x(segments[b].from), base(segments[b].left));
		}
		path.closePath();
		first = s + 1;
	}
	return path;
}

// The upper edge of area k where segments are so wide that it hides nothing.
function seam(g, segments, k, least) {
	const path = new Path2D();
	for (const { from, to, left, right } of segments) {
		if (g.x(to) - g.x(from) < least)
			continue;
		path.moveTo(g.x(from), g.y(left[k]));
		path.lineTo(g.x(to), g.y(right[k]));
	}
	return path;
}

// curves from the lowest up, as stack() was given their tracks.
export function drawStack(ctx, g, curves, segments, { ratio, strong }) {
	curves.forEach((curve, k) => {
		ctx.globalAlpha = strong !== null && strong !== curve.id ? 0.3 : 0.86;
		ctx.fillStyle = colour(curve.colour);
		ctx.fill(layer(g, segments, k));
		// A seam, so that neighbours of like brightness stay apart.
		ctx.globalAlpha = 0.75;
		ctx.strokeStyle = colour("card");
		ctx.lineWidth = 0.8 * ratio;
		ctx.stroke(seam(g, segments, k, 3 * ratio));
	});
	ctx.globalAlpha = 1;
	labelStack(ctx, g, curves, segments, ratio);
}

// The name in an area that has the room for it, where it is thickest over a stretch.
function labelStack(ctx, g, curves, segments, ratio) {
	ctx.font = `${11 * ratio}px system-ui, sans-serif`;
	ctx.textAlign = "center";
	ctx.textBaseline = "middle";
	ctx.lineWidth = 3 * ratio;
	ctx.strokeStyle = colour("card");
	ctx.fillStyle = colour("ink");
	curves.forEach((curve, k) => {
		const wide = ctx.measureText(curve.label).width + 8 * ratio;
		const place = roomiest(g, segments, k, wide);
		if (!place || place.high < 15 * ratio)
			return;
		ctx.globalAlpha = 0.85;
		ctx.strokeText(curve.label, place.x, place.y);
		ctx.globalAlpha = 1;
		ctx.fillText(curve.label, place.x, place.y);
	});
}

// Where area k is highest over `wide` pixels without a break: {x, y, high} or null.
function roomiest(g, segments, k, wide) {
	const columns = 48;
	const step = (g.right - g.left) / columns;
	const need = Math.max(1, Math.ceil(wide / step));
	const tops = new Float64Array(columns).fill(-Infinity);
	const bottoms = new Float64Array(columns).fill(Infinity);
	const filled = new Float64Array(columns);
	for (const { from, to, left, right } of segments) {
		const a = Math.max(g.x(from), g.left), b = Math.min(g.x(to), g.right);
		const top = g.y(Math.min(left[k], right[k]));
		const bottom = k > 0 ? g.y(Math.max(left[k - 1], right[k - 1])) : g.bottom;
		for (let c = Math.floor((a - g.left) / step); c < columns && g.left + c * step < b; c++) {
			tops[c] = Math.max(tops[c], top);
			bottoms[c] = Math.min(bottoms[c], bottom);
			filled[c] += Math.min(b, g.left + (c + 1) * step) - Math.max(a, g.left + c * step);
		}
	}
	let best = null;
	for (let c = 0; c + need <= columns; c++) {
		let top = -Infinity, bottom = Infinity, whole = true;
		for (let d = c; d < c + need; d++) {
			top = Math.max(top, tops[d]);
			bottom = Math.min(bottom, bottoms[d]);
			whole &&= filled[d] > step * 0.98;
		}
		if (whole && bottom - top > (best?.high ?? 0))
			best = { x: g.left + (c + need / 2) * step, y: (top + bottom) / 2, high: bottom - top };
	}
	return best;
}

// The newest value of each curve, as a dot.
export function drawHeads(ctx, g, curves, ratio) {
	for (const { track, colour: name } of curves) {
		const end = lastEnd(track);
		if (!isFresh(track, g.to) || end > g.to)
			continue;
		ctx.beginPath();
		ctx.arc(g.x(end), g.y(track.v[track.v.length - 1]), 3 * ratio, 0, 2 * Math.PI);
		ctx.fillStyle = colour(name);
		ctx.fill();
		ctx.lineWidth = 1.5 * ratio;
		ctx.strokeStyle = colour("card");
		ctx.stroke();
	}
}

// Whether a curve reaches the right edge, or nearly so.
export function isFresh(track, to) {
	const last = track.t.length - 1;
	return last >= 0 && track.t[last] >= to - Math.max(10, 4 * track.dt[last]);
}
