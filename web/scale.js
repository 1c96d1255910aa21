// SPDX-License-Identifier: GPL-2.0-or-later
// Where an axis begins, ends and has its ticks; how a window moves. Pure functions.

// Steps of an axis of seconds.
export const SECONDS = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5,
	1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200,
	86400, 172800, 604800];
const DECADES = 7;	// that a logarithmic axis shows at most
export const LEAST_SPAN_S = 0.01;

// The least round number that leaves a little air above v.
export function roundUp(v) {
	const padded = v * 1.06;
	const unit = 10 ** Math.floor(Math.log10(padded));
	for (const step of [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10]) {
		if (step * unit >= padded)
			return step * unit;
	}
	return 10 * unit;
}

// The ends of a logarithmic axis for values from `least` (the smallest above zero) to `most`:
// whole decades below, 1, 2 or 5 of one above.
export function logRange(least, most) {
	if (!(most > 0))
		return [0.1, 1];
	const unit = 10 ** Math.floor(Math.log10(most) + 1e-9);
	const top = [1, 2, 5, 10, 20].find(n => n * unit >= most * 1.02) * unit;
	const low = Math.min(Number.isFinite(least) && least > 0 ? least : most, top / 10);
	const bottom = 10 ** Math.floor(Math.log10(low) + 1e-9);
	return [Math.max(bottom, 10 ** (Math.ceil(Math.log10(top) - 1e-9) - DECADES)), top];
}

// Decades, with 2 and 5 between them where there is room for so many labels.
export function logTicks(min, max, room) {
	const first = Math.floor(Math.log10(min) + 1e-9), last = Math.floor(Math.log10(max) + 1e-9);
	const decades = Math.log10(max / min);
	const between = decades * 3 <= room ? [1, 2, 5] : [1];
	const stride = Math.max(1, Math.ceil(decades / Math.max(1, room)));
	const ticks = [];
	for (let e = first; e <= last; e += stride) {
		for (const n of between) {
			// Written, so that 10^-1 times 2 is 0.2.
			const v = Number(`${n}e${e}`);
			if (v >= min * (1 - 1e-9) && v <= max * (1 + 1e-9))
				ticks.push(v);
		}
	}
	return ticks;
}

const within = ({ from, to }, full) => full ?
	{ from: Math.max(from, full.from), to: Math.min(to, full.to) } : { from, to };

// Multiplies the span, about x, within `full` if that is given.
export function scaleAbout({ from, to }, factor, x, full) {
	const least = LEAST_SPAN_S / (to - from);
	const by = Math.max(factor, Math.min(1, least));
	return within({ from: x - (x - from) * by, to: x + (to - x) * by }, full);
}

// Moves by seconds, as far as `full` reaches; the span stays.
export function moveBy({ from, to }, by_s, full) {
	let by = by_s;
	if (full)
		by = Math.max(Math.min(0, full.from - from), Math.min(Math.max(0, full.to - to), by));
	return { from: from + by, to: to + by };
}

// Two fingers went from a0 and b0 to a1 and b1, in parts of the width: what was under each
// stays there. Fingers that crossed or met change nothing.
export function pinch(window, [a0, b0], [a1, b1], full) {
	const { from, to } = window;
	const span = to - from;
	if (Math.abs(b1 - a1) < 0.02 || (b1 - a1) * (b0 - a0) <= 0)
		return window;
	const next = Math.max(LEAST_SPAN_S, span * (b0 - a0) / (b1 - a1));
	const start = from + a0 * span - a1 * next;
	return within({ from: start, to: start + next }, full);
}
