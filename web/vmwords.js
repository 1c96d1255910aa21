// SPDX-License-Identifier: GPL-2.0-or-later
// What there is to say of a VM's state, agent and sources, and its newest samples.

import * as api from "./api.js";
import * as format from "./format.js";

const AGENT = {
	connected: "agent connected",
	waiting: "agent silent",
	"no-channel": "host source only",
	unreachable: "channel cannot be opened",
};

export function agentWords(vm) {
	return AGENT[vm.agent] ?? `agent ${vm.agent}`;
}

// libvirt's words for what there is to say of a state.
const REASON = {
	"io-error": "after a disk error",
	"migration-failed": "after a migration that failed",
	migration: "for a migration",
	save: "to be saved",
	dump: "for a memory dump",
	snapshot: "for a snapshot",
	watchdog: "by its watchdog",
	panicked: "guest panicked",
	migrated: "migrated away",
	failed: "QEMU failed",
};

export function stateWords(vm) {
	const words = [vm.state === "unknown" ? "state unknown" : vm.state];
	if (vm.reason)
		words.push(REASON[vm.reason] ?? vm.reason);
	return words.join(", ");
}

// A QEMU that does not answer.
export function stuckWords(vm) {
	return typeof vm.stuck === "number" ?
		`QEMU stuck since ${format.moment(vm.stuck, api.now())}` : "";
}

const PATH = {
	libvirt: "host counters through libvirt",
	"debugfs-exits": "host counters from debugfs",
	"debugfs-reasons": "host counters from debugfs, by reason",
};

// How the host's counters are read, and what that costs the VM.
export function pathWords(vm) {
	const path = PATH[vm.host?.via];
	if (!path)
		return "";
	const exits = vm.host.poll_exits;
	return exits > 0 ? `${path}, ${exits.toFixed(1)} exits a reading` : path;
}

// A guest that sent samples in its latest boot that cannot be true.
export function quarantineWords(vm) {
	return vm.quarantined ? "quarantined samples" : "";
}

// The latest sample of a source, unless it is too old to be called current.
export function current(vm, source) {
	const latest = vm[source];
	if (!latest || vm.state !== "running")
		return null;
	return api.now() - latest.t <= Math.max(10, 4 * (latest.dt ?? 1)) ? latest : null;
}

export function currentRate(vm) {
	return current(vm, "guest")?.exits_rate ?? current(vm, "host")?.exits_rate ?? NaN;
}

const GAP_RECENT_S = 600;	// as long as the daemon tells of one
const GAP = {
	full: "its agent's memory was full",
	missed: "its agent did not run in time",
	moved: "it was replaced meanwhile",
	restart: "its agent was started again",
	lost: "they did not come",
	limit: "it sent more than its limit",
	disk: "the host's disk was full",
};

// The worst that is to be said of a VM: {kind, words, more}. kind: "quarantined", "stuck",
// "gap", "unreachable", "silent", "host-only", "agent", "paused", "stopped", "unknown", in the
// order of STATUS. more: a sentence, or "".
export const STATUS = ["quarantined", "stuck", "gap", "unreachable", "silent", "host-only", "agent",
	"paused", "stopped", "unknown"];

export function status(vm) {
	const now = api.now();
	if (vm.quarantined)
		return { kind: "quarantined", words: "quarantined",
			more: `${format.count(vm.quarantined.samples)} samples of the guest are not believed` };
	if (stuckWords(vm))
		return { kind: "stuck", words: "QEMU stuck", more: stuckWords(vm) };
	if (vm.gap && now - vm.gap.to < GAP_RECENT_S)
		return { kind: "gap", words: "gap", more: `samples are missing until ` +
			`${format.moment(vm.gap.to, now)}: ${GAP[vm.gap.cause] ?? vm.gap.cause}` };
	if (vm.state !== "running") {
		const kind = vm.state === "paused" || vm.state === "stopped" ? vm.state : "unknown";
		return { kind, words: stateWords(vm), more: "" };
	}
	switch (vm.agent) {
	case "connected":
		return { kind: "agent", words: "agent connected", more: "" };
	case "waiting":
		return { kind: "silent", words: "agent silent", more: "The channel is open, but nothing speaks on it." };
	case "unreachable":
		return { kind: "unreachable", words: "channel cannot be opened", more: vm.error ?? "" };
	default:
		return { kind: "host-only", words: "host only", more: "It has no channel for the agent." };
	}
}

// The latest of a share ("handling_share", "lost_share"), of the guest or else of the host.
export function currentShare(vm, key) {
	return current(vm, "guest")?.[key] ?? current(vm, "host")?.[key] ?? NaN;
}
