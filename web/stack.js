// SPDX-License-Identifier: GPL-2.0-or-later
// Tracks on top of each other: the curves of a stack share a grid of segments, made of
// every edge of theirs. Pure functions.

import { emptyTrack, lowerBound, startOf } from "./track.js";

// What holds at the edge x of interval i; slope: between min at its begin and v at its end.
function valueAt(track, i, start, x, slope) {
	if (!slope)
		return track.v[i];
	const part = (x - start) / (track.t[i] - start);
	return track.min[i] + (track.v[i] - track.min[i]) * part;
}

// One track's place in a walk from left to right.
class Walker {
	constructor(track, from) {
		this.track = track;
		this.i = lowerBound(track, from);
		this.first = track.t.length ? startOf(track, 0) : Infinity;
		this.enter(from);
	}

	// Goes to the interval that holds just behind x, or to the next one.
	enter(x) {
		const { track } = this;
		while (this.i < track.t.length && track.t[this.i] <= x)
			this.i++;
		this.start = this.i < track.t.length ? startOf(track, this.i) : Infinity;
		this.end = this.i < track.t.length ? track.t[this.i] : Infinity;
		this.covers = this.start <= x;
	}

	// Between its first and its last interval, but in neither.
	inHole(x) {
		return !this.covers && x >= this.first && this.i < this.track.t.length;
	}

	next() {
		return this.covers ? this.end : this.start;
	}
}

// The segments of a stack from..to: {from, to, left, right}, where left[k] and right[k] are
// the sums of the curves 0..k at its two edges. Where `whole` (a track) has a hole, so has the
// stack; a curve that is not there then counts nothing. Without a whole, the stack has
// a hole where one of its curves has one, and before the first or behind the last interval of
// a curve that counts nothing.
export function stack(tracks, from, to, { whole = null, slope = false } = {}) {
	const walkers = tracks.map(track => new Walker(track, from));
	const guide = whole && new Walker(whole, from);
	const all = guide ? [...walkers, guide] : walkers;
	const segments = [];
	let x = from;
	while (x < to) {
		let next = to;
		for (const walker of all) {
			if (walker.next() < next)
				next = walker.next();
		}
		const there = guide ? guide.covers :
			walkers.some(w => w.covers) && !walkers.some(w => w.inHole(x));
		if (there)
			segments.push(segment(walkers, x, next, slope));
		for (const walker of all)
			walker.enter(next);
		x = next;
	}
	return segments;
}

function segment(walkers, from, to, slope) {
	const left = new Array(walkers.length), right = new Array(walkers.length);
	let low = 0, high = 0;
	for (let k = 0; k < walkers.length; k++) {
		const { track, i, start, covers } = walkers[k];
		if (covers) {
			low += valueAt(track, i, start, from, slope);
			high += valueAt(track, i, start, to, slope);
		}
		left[k] = low;
		right[k] = high;
	}
	return { from, to, left, right };
}

// What is left of `whole` without the tracks: a track on the whole's intervals. slope: of what
// adds up, at the ends of these.
export function rest(whole, tracks, slope = false) {
	const track = emptyTrack();
	const at = tracks.map(() => 0);
	const left = (v, known) => {
		// What floating point leaves over is nothing.
		return v - known > v * 1e-6 ? v - known : 0;
	};
	let before = 0;
	for (let i = 0; i < whole.t.length; i++) {
		const start = startOf(whole, i), end = whole.t[i];
		let known = 0;
		tracks.forEach((t, k) => {
			while (at[k] < t.t.length && (slope ? t.t[at[k]] < end : t.t[at[k]] <= start))
				at[k]++;
			known += slope ? reached(t, at[k], end) : held(t, at[k], start, end);
		});
		const v = left(whole.v[i], known);
		track.t.push(end);
		track.dt.push(whole.dt[i]);
		track.v.push(v);
		track.min.push(slope ? Math.min(before, v) : v);
		track.max.push(v);
		before = v;
	}
	return track;
}

// A sum's value at x, which interval i ends at or behind.
function reached(track, i, x) {
	if (i === track.t.length)
		return i ? track.v[i - 1] : 0;
	const start = startOf(track, i);
	return start < x ? valueAt(track, i, start, x, true) : track.min[i];
}

// A rate's mean over start..end, from interval i on.
function held(track, i, start, end) {
	let sum = 0;
	for (; i < track.t.length; i++) {
		const begin = startOf(track, i);
		if (begin >= end)
			break;
		sum += track.v[i] * (Math.min(end, track.t[i]) - Math.max(start, begin));
	}
	return sum / (end - start);
}
