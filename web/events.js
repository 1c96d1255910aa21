// SPDX-License-Identifier: GPL-2.0-or-later
// What /marks and /gaps answer as a chart draws it. Pure functions.

const GAP = {
	full: "the agent's memory was full",
	missed: "the agent did not run in time",
	moved: "the VM was replaced meanwhile",
	restart: "the agent was started anew",
	lost: "samples were lost on the way",
	limit: "the guest sent more than it may",
	disk: "the host's disk was full",
};

export const gapWords = cause => GAP[cause] ?? cause;

// Marks of /marks, newest first: instants, and intervals from their begin to their end.
export function marksOf(marks, base) {
	const begins = new Map(marks.filter(m => m.kind === "begin").map(m => [`${m.boot} ${m.sequence}`, m]));
	const ret = [];
	for (const mark of marks) {
		if (mark.kind === "instant")
			ret.push({ x: mark.t - base, label: mark.label });
		if (mark.kind !== "end")
			continue;
		const key = `${mark.boot} ${mark.begin}`;
		const begin = begins.get(key);
		begins.delete(key);
		// One that began before the range is there with its end alone.
		ret.push({ x: (begin?.t ?? -Infinity) - base, to: mark.t - base, label: mark.label });
	}
	for (const begin of begins.values())
		ret.push({ x: begin.t - base, to: null, label: begin.label });
	return ret.sort((a, b) => b.x - a.x);
}

// The phases of one boot: firmware up to the guest's kernel, then what the guest marked.
export function phasesOf(marks, base) {
	const phases = marks.filter(m => m.kind === "phase").sort((a, b) => a.t - b.t);
	const ret = phases.map((m, i) => ({ label: m.label === "finished" ? "running" : m.label, from: m.t - base,
		to: phases[i + 1] ? phases[i + 1].t - base : null }));
	if (ret.length && phases[0].label === "kernel" && ret[0].from > 0)
		ret.unshift({ label: "firmware", from: 0, to: ret[0].from });
	return ret;
}

// Gaps and what was not believed, of these sources.
export function gapsOf({ gaps, quarantined }, base, sources) {
	return [...gaps.filter(g => sources.includes(g.source))
		.map(g => ({ from: g.from - base, to: g.to - base, cause: gapWords(g.cause) })),
		...(sources.includes("guest") ? quarantined : [])
			.map(q => ({ from: q.from - base, to: q.to - base, cause: "samples that are not believed" }))];
}
