// SPDX-License-Identifier: GPL-2.0-or-later
// Which time is shown. A span is what the address says of it: {boot, from, to, last}, null or
// undefined where it says nothing. With a boot ("latest" or a number) times are seconds
// since that opened, else the clock's. from and to: a fixed window. last: so many seconds up to
// the newest sample, which are followed. Neither: the whole boot. Pure functions.

import { LEAST_SPAN_S } from "./scale.js";

const EMPTY = { boot: null, from: null, to: null, last: null };

// A span of what it is to say.
export const spanOf = said => ({ ...EMPTY, ...said });

function finite(text) {
	return text !== null && text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : null;
}

// From an address's parameters; usual: the span of an address that says none.
export function readSpan(params, usual) {
	const boot = params.get("boot") === "latest" ? "latest" : finite(params.get("boot"));
	const [from, to, last] = ["from", "to", "last"].map(name => finite(params.get(name)));
	if (from !== null && to > from)
		return spanOf({ boot, from, to });
	if (last > 0)
		return spanOf({ boot, last });
	return spanOf(boot === null ? usual : { boot });
}

// What to change in the address.
export function writeSpan({ boot, from, to, last }) {
	const number = v => v === null ? null : +v.toFixed(3);
	return { boot, from: number(from), to: number(to), last: number(last) };
}

// The boot that a span is about, of /boots' list, or null by the clock.
export function bootOf(span, boots) {
	if (span.boot === null)
		return null;
	return (span.boot === "latest" ? boots[0] : boots.find(b => b.boot === span.boot)) ?? null;
}

// How far there is anything, or something was asked for, on the span's axis. edge: the newest,
// epoch seconds.
export function fullOf(span, boots, edge) {
	const boot = bootOf(span, boots);
	if (!boot)
		return { to: edge,
			from: Math.min(edge - (span.last ?? 300), span.from ?? edge, ...boots.map(b => b.opened)) };
	const to = boot.closed === null ? edge : Math.max(boot.closed, lastSample(boot));
	return { from: 0, to: Math.max(1, to - boot.opened) };
}

// A boot may be closed a moment before its last samples.
function lastSample({ sources }) {
	return Math.max(-Infinity, ...Object.values(sources ?? {}).map(s => s?.to ?? -Infinity));
}

export function windowOf(span, full) {
	if (span.from !== null)
		return { from: span.from, to: span.to };
	if (span.last !== null)
		return { from: full.to - span.last, to: full.to };
	return full;
}

// Whether the window moves with the newest sample.
export function follows(span, boots) {
	const boot = bootOf(span, boots);
	return span.from === null && (!boot || boot.closed === null);
}

// The span that shows from..to: one that is followed if that reaches the newest sample of
// what still grows, and the whole of a boot if it covers that.
export function spanTo(span, from, to, boots, full) {
	if (to - from < LEAST_SPAN_S) {
		const middle = (from + to) / 2;
		[from, to] = [middle - LEAST_SPAN_S / 2, middle + LEAST_SPAN_S / 2];
	}
	const boot = bootOf(span, boots);
	if (boot && from <= full.from && to >= full.to)
		return spanOf({ boot: span.boot });
	if (follows({ ...span, from: null }, boots) && to >= full.to - (to - from) * 0.01)
		return spanOf({ boot: span.boot, last: to - from });
	return spanOf({ boot: span.boot, from, to });
}
