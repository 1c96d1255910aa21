// SPDX-License-Identifier: GPL-2.0-or-later
// The list of VMs: links, so that the browser's own habits (open in a tab, back,
// bookmark) work; the arrow keys move through it besides.

import { $, h, setText } from "./dom.js";
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

export class List {
	// href(vm): where its link leads.
	constructor(href) {
		this.root = $("vm-list");
		this.href = href;
		this.rows = new Map();
		this.root.addEventListener("keydown", event => this.key(event));
	}

	set(vms, selected) {
		const rows = new Map();
		for (const vm of vms) {
			const row = this.rows.get(vm.id) ?? this.row();
			rows.set(vm.id, row);
			this.fill(row, vm, vm === selected);
		}
		this.rows = rows;
		const items = [...rows.values()].map(row => row.item);
		if (items.length !== this.root.children.length ||
		    items.some((item, i) => item !== this.root.children[i]))
			this.root.replaceChildren(...items);
		// In a narrow window the list scrolls by itself.
		if (selected && this.selected !== selected.id)
			this.reveal(rows.get(selected.id)?.item);
		this.selected = selected?.id;
		setText($("vm-count"), vms.length ? String(vms.length) : "");
	}

	reveal(item) {
		const { root } = this;
		if (item && root.scrollHeight > root.clientHeight)
			root.scrollTop = item.offsetTop - root.offsetTop - 40;
	}

	row() {
		const row = {};
		row.state = h("span", { class: "state" });
		row.name = h("span", { class: "name" });
		row.rate = h("span", { class: "rate" });
		row.hint = h("span", { class: "hint" });
		row.link = h("a", {}, row.state, row.name, row.rate, row.hint);
		row.item = h("li", {}, row.link);
		return row;
	}

	fill(row, vm, selected) {
		const href = this.href(vm);
		if (row.link.getAttribute("href") !== href)
			row.link.setAttribute("href", href);
		if (selected)
			row.link.setAttribute("aria-current", "page");
		else
			row.link.removeAttribute("aria-current");
		row.state.className = `state ${vm.state}`;
		setText(row.name, vm.name);
		row.link.title = vm.id === vm.name ? vm.name : `${vm.name}\n${vm.id}`;
		const words = [stateWords(vm), stuckWords(vm), vm.state === "running" && agentWords(vm),
			       quarantineWords(vm)];
		setText(row.hint, words.filter(w => w).join(" · "));
		this.rate(row, vm);
	}

	rate(row, vm) {
		const value = currentRate(vm);
		setText(row.rate, Number.isFinite(value) ? format.rate(value) : "");
	}

	rates(vms) {
		for (const vm of vms) {
			const row = this.rows.get(vm.id);
			if (row)
				this.rate(row, vm);
		}
	}

	key(event) {
		const links = [...this.root.querySelectorAll("a")];
		const at = links.indexOf(document.activeElement);
		const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
		if (to === undefined || at < 0 || !links[to])
			return;
		event.preventDefault();
		links[to].focus();
	}
}
