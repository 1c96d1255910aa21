// SPDX-License-Identifier: GPL-2.0-or-later
// A chart in words and numbers, for whoever does not see it: a sentence, and a table of what
// is in view in so many rows.

import { h } from "./dom.js";
import * as format from "./format.js";
import { indexAt, lowerBound, startOf, summary } from "./track.js";

const ROWS = 20;
const SAID = 8;		// curves in the sentence

export function moment(x, view) {
	const step = (view.to - view.from) / 200;
	if (!view.wall)
		return format.elapsed(x, step, view.to);
	const clock = format.clock(x, step < 1 ? 1 : 0);
	return view.to - view.from > 86400 ? `${format.date(x)} ${clock}` : clock;
}

// What a curve has at x, NaN in a hole.
export function valueAt(curve, x) {
	const { track, slope } = curve;
	const i = indexAt(track, x);
	if (i < 0)
		return NaN;
	if (!slope)
		return track.v[i];
	const start = startOf(track, i);
	return track.min[i] + (track.v[i] - track.min[i]) * (x - start) / (track.t[i] - start);
}

// What a curve had between from and to: the mean, of a sum its last value.
function within(curve, from, to) {
	if (!curve.slope)
		return summary(curve.track, from, to).mean;
	const i = lowerBound(curve.track, to);
	const last = i < curve.track.t.length && startOf(curve.track, i) < to ? i : i - 1;
	return last >= 0 && curve.track.t[last] > from ? valueAt(curve, Math.min(to, curve.track.t[last])) : NaN;
}

export function sentence(title, curves, view) {
	const parts = curves.slice(0, SAID).map(curve => {
		const { mean, peak, points } = summary(curve.track, view.from, view.to);
		if (!points)
			return `${curve.label}: nothing`;
		const say = v => format.value(v, view.unit);
		return curve.slope ? `${curve.label}: ${say(within(curve, view.from, view.to))}` :
			`${curve.label}: mean ${say(mean)}, peak ${say(peak)}`;
	});
	if (curves.length > SAID)
		parts.push(`and ${curves.length - SAID} more`);
	const ends = `${moment(view.from, view)} to ${moment(view.to, view)}`;
	return `${title}, ${ends}${view.wall ? "" : " since boot"}. ${parts.join("; ") || "Nothing to draw"}.`;
}

export function table(title, curves, view) {
	const step = (view.to - view.from) / ROWS;
	const rows = Array.from({ length: ROWS }, (_, i) => {
		const from = view.from + i * step, to = from + step;
		return h("tr", {}, h("th", { scope: "row" }, moment(from, view)),
			...curves.map(c => h("td", {}, format.value(within(c, from, to), view.unit))));
	});
	const what = curves.some(c => c.slope) ? "at the end of each step" : "mean of each step";
	return h("table", {}, h("caption", {}, `${title}: ${what} of ${format.duration(step)}`),
		h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "From"),
			...curves.map(c => h("th", { scope: "col" }, c.label)))),
		h("tbody", {}, ...rows));
}
