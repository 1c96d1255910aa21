// SPDX-License-Identifier: GPL-2.0-or-later
// The list of VMs beside a view of one: links, so that the browser's own habits (open in a
// tab, back, bookmark) work; the arrow keys move through it besides.

import { $, h, setText } from "./dom.js";
import { agentWords, currentRate, quarantineWords, stateWords, stuckWords } from "./vmwords.js";
import * as format from "./format.js";

const FILTER_FROM = 10;		// so many VMs are worth a box to filter them by
const RATES_EVERY_MS = 500;
const STALE_EVERY_MS = 5000;	// what is no longer current goes

export class List {
	constructor(page) {
		this.page = page;
		this.root = $("vm-list");
		this.filter = $("vm-filter");
		this.rows = new Map();
		this.touched = new Set();
		this.root.addEventListener("keydown", event => this.key(event));
		this.filter.addEventListener("input", () => this.narrow());
		setInterval(() => [...this.rows.values()].forEach(row => this.touch(row.vm)), STALE_EVERY_MS);
	}

	// selected: an entry or null. view: the one that its links lead to.
	set(vms, selected, view) {
		const rows = new Map();
		for (const vm of vms) {
			const row = this.rows.get(vm.id) ?? this.row();
			rows.set(vm.id, row);
			this.fill(row, vm, vm === selected, view);
		}
		this.rows = rows;
		const items = [...rows.values()].map(row => row.item);
		if (items.length !== this.root.children.length ||
		    items.some((item, i) => item !== this.root.children[i]))
			this.root.replaceChildren(...items);
		this.filter.hidden = vms.length < FILTER_FROM;
		this.narrow();
		if (selected && this.selected !== selected.id)
			this.reveal(rows.get(selected.id)?.item);
		this.selected = selected?.id;
	}

	// Shows those whose names have all words of the filter.
	narrow() {
		const words = this.filter.hidden ? [] : this.filter.value.toLowerCase().split(/\s+/);
		let shown = 0;
		for (const { item, vm } of this.rows.values()) {
			const name = vm.name.toLowerCase();
			item.hidden = !words.every(word => name.includes(word));
			shown += !item.hidden;
		}
		const all = this.rows.size;
		setText($("vm-count"), shown < all ? `${shown} of ${all}` : all ? String(all) : "");
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

	fill(row, vm, selected, view) {
		row.vm = vm;
		const href = this.page.address({ view, vm: vm.id });
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
		this.rate(row);
	}

	rate(row) {
		const value = currentRate(row.vm);
		setText(row.rate, Number.isFinite(value) ? format.rate(value) : "");
	}

	// A VM has a new sample: shown soon, together with those of all others.
	touch(vm) {
		this.touched.add(vm.id);
		this.timer ??= setTimeout(() => requestAnimationFrame(() => {
			this.timer = null;
			for (const id of this.touched) {
				const row = this.rows.get(id);
				if (row && !row.item.hidden)
					this.rate(row);
			}
			this.touched.clear();
		}), RATES_EVERY_MS);
	}

	key(event) {
		const links = [...this.root.querySelectorAll("li:not([hidden]) a")];
		const at = links.indexOf(document.activeElement);
		const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
		if (to === undefined || at < 0 || !links[to])
			return;
		event.preventDefault();
		links[to].focus();
	}
}
