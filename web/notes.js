// SPDX-License-Identifier: GPL-2.0-or-later
// What the page says when there is little or nothing to draw: each text ends in
// what to do about it.

import { codeBlock, h } from "./dom.js";
import * as api from "./api.js";
import * as format from "./format.js";

const QEMU = `-chardev socket,id=vmexit,path=/run/vm/NAME.sock,server=on,wait=off \\
-device virtio-serial \\
-device virtserialport,chardev=vmexit,name=org.vmexit.agent.0`;

const p = (...children) => h("p", {}, ...children);
const code = text => h("code", {}, text);

function note(kind, title, ...body) {
	return h("section", { class: `note ${kind}` }, h("h2", {}, title), ...body);
}

export function noVms() {
	return [
		h("h2", {}, "No VM yet"),
		p("vmexitd watches the libvirt domains of this host, and the sockets named in its ",
		  "configuration. It has seen neither so far; a VM appears here as soon as it starts."),
		h("h3", {}, "With libvirt"),
		p("Start a domain: KVM's own count of its exits is recorded from the firmware's first ",
		  "instruction on. To let the guest report as well, run ", code("vmexit-agent"),
		  " in it, and on the host, as root:"),
		codeBlock("vmexitctl attach DOMAIN"),
		h("h3", {}, "With QEMU alone"),
		p("Give the VM a port for the agent:"),
		codeBlock(QEMU),
		p("and name its socket to vmexitd, as ", code("NAME=SOCKET"), ", in ",
		  code("/etc/vmexit/vmexitd.conf"), ":"),
		codeBlock("channel = NAME=/run/vm/NAME.sock"),
	];
}

export function failed(title, message, ...actions) {
	return [
		h("h2", {}, title),
		h("p", { class: "verbatim" }, message),
		actions.length ? h("p", { class: "actions" }, ...actions) : null,
	];
}

// What to call a domain in a shell.
function domain(vm) {
	return /^[\w.+-]+$/.test(vm.name) ? vm.name : vm.id;
}

function agentNote(vm) {
	switch (vm.agent) {
	case "no-channel":
		return note("info", "Host source only",
			p("This VM has no channel for the agent, so what happens inside the guest is not ",
			  "seen. As root on the host, give it one while it runs:"),
			codeBlock(`vmexitctl attach ${domain(vm)}`));
	case "waiting":
		return note("info", "The agent is silent",
			p("The channel is open, but nothing in the guest speaks on it. Start ",
			  code("vmexit-agent"), " in the guest."));
	case "unreachable":
		return note("warn", "The agent's channel cannot be opened",
			h("p", { class: "verbatim" }, vm.error || "vmexitd gave no reason; see its log."));
	default:
		return null;
	}
}

function leafNote(vm) {
	if (vm.leaf !== "no")
		return null;
	return note("info", "This host's KVM is not patched",
		p("Counts come from the host only, and the guest reports its workload alone. The ",
		  "handling share, and counts read inside the guest, need the kernel series on the ",
		  "host (folder ", code("kernel"), " of the sources)."));
}

const CAUSES = {
	fell: "a counter fell within one life of the VM",
	cycles: "more cycles than its vCPUs have had",
	sum: "its exits by reason do not make its total",
	clock: "a host time that cannot be",
	host: "the host itself counted otherwise",
	lives: "more boots or lives than are believed",
	often: "too much of this boot was not true",
};

function quarantineNote(vm) {
	const q = vm.quarantined;
	if (!q)
		return null;
	return note("warn", "The guest sent samples that are not believed",
		p(`${format.count(q.samples)} since ${format.moment(q.since, api.now())}: `,
		  `${CAUSES[q.cause] ?? q.cause}. They are not in the charts. Either something in the `,
		  "guest makes numbers up, or its agent is broken; the host's own counts are beside it. ",
		  code(`api/v1/vms/${vm.id}/gaps`), " lists them."));
}

// What to say above the charts of the latest boot.
export function vmNotes(vm) {
	const agent = vm.state === "running" || vm.agent === "no-channel" && vm.state !== "unknown" ? agentNote(vm) : null;
	return [agent, leafNote(vm), quarantineNote(vm)].filter(n => n);
}

// What to say in a chart's place. kind: "count", "handling", "away" or "sum".
export function emptyChart(kind, vm, { latest, wall }) {
	const share = { handling: "handling share", away: "lost share" }[kind];
	if (share && vm.leaf === "no")
		return `The ${share} needs the kernel series on the host.`;
	if (share && latest && vm.state === "running" && (vm.agent === "no-channel" || vm.agent === "waiting"))
		return `The ${share} is read in the guest; it appears when the agent reports.`;
	if (wall)
		return "No samples in this range. Choose a longer one, or the whole boot.";
	if (latest && vm.state === "running")
		return "No samples yet. The first should be here within a few seconds.";
	return share ? `No ${share} was recorded in this boot.` : "No samples were recorded in this boot.";
}

export const NO_BOOT = "This VM has not been seen running yet. Its first boot appears here as soon as it starts.";
