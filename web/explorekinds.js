// SPDX-License-Identifier: GPL-2.0-or-later
// What Explore can show: what each choice asks /series for, what its curves are called, and
// which of them are shown when nobody chose. Pure.

import { readSpan, writeSpan } from "./timeline.js";

export const TOP = 8;			// curves, when nobody chose
export const MOST = 16;			// that can be chosen
// Time away in which a vCPU was idle is a reason of its own, and nothing lost.
export const IDLE_REASON = 4294967294;

export const WHAT = {
	count: { title: "Exits", of: "exits" },
	handling: { title: "Handling time", of: "time that exits were handled" },
	away: { title: "Time away", of: "time away from the guest" },
};

export const BY = {
	total: { title: "Total", id: s => s.source, label: s => s.source },
	reason: { title: "Reason", id: s => String(s.reason), label: s => s.reason_name ?? String(s.reason) },
	vcpu: { title: "vCPU", id: s => String(s.vcpu), label: s => `vCPU ${s.vcpu}` },
	interrupt: { title: "Interrupt source", id: s => s.name, label: s => s.name, kind: "interrupt_source",
		heading: "Interrupts by source" },
	unit: { title: "Unit", id: s => s.name, label: s => s.name, kind: "unit_cpu_us",
		heading: "CPU time of units" },
	workload: { title: "Workload", id: s => s.kind, heading: "Workload",
		label: s => s.kind.replace(/_(ms|us|bytes)$/, "").replaceAll("_", " ") },
};

// The guest's workload, as /series names it.
export const WORKLOAD = ["cpu_user_ms", "cpu_nice_ms", "cpu_system_ms", "cpu_idle_ms", "cpu_iowait_ms",
	"cpu_irq_ms", "cpu_softirq_ms", "cpu_steal_ms", "context_switches", "interrupts", "softirqs", "forks",
	"tasks_runnable", "tasks_blocked", "memory_available_bytes", "disk_reads", "disk_read_bytes",
	"disk_writes", "disk_written_bytes", "disk_busy_ms", "net_received_packets", "net_received_bytes",
	"net_sent_packets", "net_sent_bytes", "psi_cpu_some_us", "psi_memory_some_us", "psi_memory_full_us",
	"psi_io_some_us", "psi_io_full_us", "page_faults", "pages_swapped_in", "pages_swapped_out"];
const USUAL_WORKLOAD = ["cpu_user_ms", "cpu_system_ms", "cpu_iowait_ms", "cpu_steal_ms"];

// Whether it is about exits, else about what the guest did.
export const isExits = by => !BY[by].kind && by !== "workload";

// Exits are not timed away by vCPU.
export const hasWhat = ({ by, what }) => isExits(by) && !(by === "vcpu" && what === "away");

// An address that somebody wrote may have a % too many.
function decoded(text) {
	try {
		return decodeURIComponent(text);
	} catch {
		return text;
	}
}

const one = (text, known, usual) => Object.hasOwn(known, text) ? text : usual;

// The address: what is shown. pick and hide are lists of ids, pick null when nobody chose.
export function readState(params, usual) {
	const list = name => params.has(name) ?
		params.get(name).split(",").filter(s => s).map(decoded) : null;
	const state = {
		span: readSpan(params, usual),
		by: one(params.get("by"), BY, "total"),
		what: one(params.get("what"), WHAT, "count"),
		sum: params.get("mode") === "cumulative",
		stacked: params.get("style") === "stacked",
		log: params.get("scale") === "log",
		source: ["guest", "host"].includes(params.get("source")) ? params.get("source") : null,
		pick: list("pick"), hide: list("hide") ?? [],
	};
	if (!hasWhat(state))
		state.what = "count";
	return state;
}

export function writeState(state) {
	const list = ids => ids?.length ? ids.map(encodeURIComponent).join(",") : null;
	return { ...writeSpan(state.span), by: state.by === "total" ? null : state.by,
		what: state.what === "count" ? null : state.what, mode: state.sum ? "cumulative" : null,
		style: state.stacked ? "stacked" : null, scale: state.log ? "log" : null, source: state.source,
		pick: state.pick ? state.pick.map(encodeURIComponent).join(",") : null, hide: list(state.hide) };
}

// Levels, which do not add up.
const LEVELS = ["tasks_runnable", "tasks_blocked", "memory_available_bytes"];

// The workload's series there are to choose from, and those that are chosen.
export const workloads = state => WORKLOAD.filter(kind => !state.sum || !LEVELS.includes(kind));
export const workloadOf = state => (state.pick ?? USUAL_WORKLOAD)
	.filter(kind => workloads(state).includes(kind)).slice(0, MOST);

// What to ask /series for, besides the range. source: whose numbers; ids: reasons.
export function query(state, source, ids) {
	const mode = state.sum ? "cumulative" : undefined;
	const { by, what } = state;
	switch (by) {
	case "total": return { kind: what, mode, source: state.source ?? undefined };
	case "reason": return { kind: what, reason: ids.join(","), source, mode };
	case "vcpu": return { kind: what, vcpu: "all", source, mode };
	case "workload": return { kind: workloadOf(state).join(","), source: "guest", mode };
	default: return { kind: BY[by].kind, source: "guest", mode };
	}
}

// What a chart is called.
export function heading(state) {
	const { by, what, sum } = state;
	if (!isExits(by))
		return `${BY[by].heading}${sum ? ", summed up" : ""}`;
	const of = by === "total" ? "" : ` by ${by === "vcpu" ? "vCPU" : by}`;
	if (what === "count")
		return sum ? `Exits so far${of}` : `Exits per second${of}`;
	return sum ? `${WHAT[what].title} so far${of}` : `${WHAT[what].title}, share${of}`;
}

// Of all reasons in a live event; undefined where it does not say.
export function totalOf(sample, what) {
	return { count: sample.exits_rate, handling: sample.handling_share, away: sample.lost_share }[what];
}

// The samples of a live event for the curves with these ids: {id: value}, or null where an
// event does not say it and /series is to be asked.
export function fromSample(state, sample, ids) {
	if (state.sum || !isExits(state.by) || state.by === "vcpu")
		return null;
	if (state.by === "total") {
		const value = totalOf(sample, state.what);
		return value === undefined ? null : { [sample.source]: value };
	}
	if (!sample.reasons)
		return null;
	const column = { count: 1, handling: 2, away: 3 }[state.what];
	const found = new Map(sample.reasons.map(r => [String(r[0]), r[column]]));
	return Object.fromEntries(ids.map(id => [id, found.has(id) ? found.get(id) : 0]));
}
