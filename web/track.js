// SPDX-License-Identifier: GPL-2.0-or-later
// A track is one source's values of one kind: value v[i] holds over the interval
// (t[i] - dt[i], t[i]]. Where one interval does not begin at the end of the one
// before, there is a hole, and nothing is made up for it. Pure functions.

export const SOURCES = ["guest", "host"];

export function emptyTrack() {
	return { t: [], dt: [], v: [], min: [], max: [] };
}

// Times are microseconds in the store: what is closer than this is contiguous.
function tolerance(dt) {
	return Math.max(0.002, dt * 0.01);
}

// The start of interval i, at the end of the one before if they touch.
export function startOf(track, i) {
	const start = track.t[i] - track.dt[i];
	if (i === 0)
		return start;
	const end = track.t[i - 1];
	return start - end <= tolerance(track.dt[i]) ? end : start;
}

// Takes {t, dt, v, min, max} with t after what is there; returns whether it was taken.
export function append(track, point) {
	const last = track.t.length - 1;
	if (!Number.isFinite(point.v) || !(point.dt > 0) || !Number.isFinite(point.t))
		return false;
	if (last >= 0 && point.t <= track.t[last])
		return false;
	track.t.push(point.t);
	track.dt.push(point.dt);
	track.v.push(point.v);
	track.min.push(point.min ?? point.v);
	track.max.push(point.max ?? point.v);
	return true;
}

// Joins series of an answer, which may be of several boots, into one track on an axis
// whose zero is `base`.
export function join(series, base) {
	const track = emptyTrack();
	for (const s of series.filter(one => one.t.length).sort((a, b) => a.t[0] - b.t[0])) {
		for (let i = 0; i < s.t.length; i++)
			append(track, { t: s.t[i] - base, dt: s.dt[i], v: s.v[i],
					min: s.min?.[i], max: s.max?.[i] });
	}
	return track;
}

// One track per source and kind. Returns {guest: {count, handling}, host: {...}}.
export function build(series, base) {
	const of = (source, kind) => join(series.filter(s => s.source === source && s.kind === kind), base);
	return Object.fromEntries(SOURCES.map(source => [source,
		{ count: of(source, "count"), handling: of(source, "handling") }]));
}

// The first index whose interval ends at or after x.
export function lowerBound(track, x) {
	let lo = 0, hi = track.t.length;
	while (lo < hi) {
		const mid = (lo + hi) >> 1;
		if (track.t[mid] < x)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

// The index of the interval that holds at x, or -1 in a hole.
export function indexAt(track, x) {
	const i = lowerBound(track, x);
	return i < track.t.length && startOf(track, i) <= x ? i : -1;
}

export function firstStart(track) {
	return track.t.length ? startOf(track, 0) : NaN;
}

export function lastEnd(track) {
	return track.t.length ? track.t[track.t.length - 1] : NaN;
}

// Sums over what of (from, to] is covered; intervals cut by an edge count in part.
export function summary(track, from, to) {
	const ret = { sum: 0, seconds: 0, mean: NaN, peak: NaN, points: 0 };
	for (let i = lowerBound(track, from); i < track.t.length; i++) {
		const start = startOf(track, i);
		if (start >= to)
			break;
		const overlap = Math.min(track.t[i], to) - Math.max(start, from);
		if (overlap <= 0)
			continue;
		ret.sum += track.v[i] * overlap;
		ret.seconds += overlap;
		ret.points++;
		if (!(ret.peak >= track.max[i]))
			ret.peak = track.max[i];
	}
	if (ret.seconds > 0)
		ret.mean = ret.sum / ret.seconds;
	return ret;
}

// Forgets what ended before x.
export function trim(track, x) {
	const n = lowerBound(track, x);
	if (n > 0) {
		for (const column of Object.values(track))
			column.splice(0, n);
	}
}
