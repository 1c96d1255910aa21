// SPDX-License-Identifier: GPL-2.0-or-later
// Words for what is measured: the kinds and names of curves. Pure functions.

const LISTS = {
	interrupt_source: "interrupts",
	unit_cpu_us: "CPU of unit",
	process_cpu_us: "CPU of process",
};
const EXITS = { count: "exits", handling: "time handling exits", away: "time away", idle: "time idle",
	agent: "exits of the agent", taken: "samples taken" };
const WORDS = [[/_(ms|us)$/, ""], [/^cpu_/, "CPU "], [/^psi_/, "pressure "], [/^net_/, "network "],
	[/_/g, " "]];

// Of the workload, or what an exit costs: {kind, name}.
export function workload({ kind, name }) {
	if (LISTS[kind])
		return name ? `${LISTS[kind]} ${name}` : LISTS[kind];
	return EXITS[kind] ?? WORDS.reduce((text, [from, to]) => text.replace(from, to), kind);
}

// {kind, reason, reason_name}; all reasons where reason is null.
export function exits({ kind, reason, reason_name }) {
	const of = reason === null || reason === undefined ? null : reason_name ?? reason;
	if (kind === "count")
		return of === null ? "all exits" : `${of} exits`;
	return of === null ? EXITS[kind] : `${EXITS[kind]} of ${of}`;
}

// How much a correlation is, for whoever does not live with them.
export function strength(r) {
	const a = Math.abs(r);
	const much = a >= 0.8 ? "very strong" : a >= 0.6 ? "strong" : a >= 0.4 ? "moderate" : a >= 0.2 ? "weak" : "hardly any";
	return a >= 0.2 && r < 0 ? `${much}, opposite` : much;
}

// Positive: what y does follows x.
export function lag(seconds) {
	if (!seconds)
		return "at once";
	const s = `${+Math.abs(seconds).toPrecision(3)}\u202fs`;
	return seconds > 0 ? `${s} later` : `${s} earlier`;
}
