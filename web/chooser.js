// SPDX-License-Identifier: GPL-2.0-or-later
// A list to choose curves from: most of it first, with a box to search in when it is long.

import { h, setText, swatch } from "./dom.js";

const SEARCH_FROM = 10;
const MOST_ROWS = 200;

export class Chooser {
	// on: pick(ids), or pick(null) for the usual ones. most: that can be chosen.
	constructor(root, most, on) {
		this.root = root;
		this.most = most;
		this.on = on;
		this.rows = new Map();
		this.search = h("input", { type: "search", placeholder: "Search", "aria-label": "Search the list" });
		this.search.addEventListener("input", () => this.show());
		this.usual = h("button", { type: "button" }, "The usual ones");
		this.usual.addEventListener("click", () => this.on.pick(null));
		this.list = h("ul", { class: "choices" });
		this.more = h("p", { class: "said" });
		this.said = h("p", { class: "said", role: "status" });
		this.tools = h("div", { class: "toolbar" }, this.search, this.usual);
		root.append(this.tools, this.list, this.more, this.said);
	}

	// entries: {id, label, title, text, share (of the longest bar, or NaN), look}; chosen: a Set.
	set(entries, chosen, picked) {
		this.entries = entries;
		this.chosen = chosen;
		this.usual.hidden = !picked;
		this.search.hidden = entries.length < SEARCH_FROM;
		this.tools.hidden = this.usual.hidden && this.search.hidden;
		this.show();
	}

	// What is searched for, as much of it as anybody reads.
	show() {
		const wanted = this.search.hidden ? "" : this.search.value.trim().toLowerCase();
		const found = this.entries.filter(e => e.label.toLowerCase().includes(wanted));
		const shown = found.slice(0, MOST_ROWS);
		const rows = new Map(shown.map(entry => [entry.id, this.rows.get(entry.id) ?? this.row(entry)]));
		const order = [...rows.values()].map(row => row.item);
		const focus = document.activeElement;
		this.rows = rows;
		const { children } = this.list;
		if (order.length !== children.length || order.some((item, i) => item !== children[i])) {
			this.list.replaceChildren(...order);
			if (focus !== document.activeElement && this.list.contains(focus))
				focus.focus();
		}
		for (const entry of shown)
			this.fill(rows.get(entry.id), entry);
		const more = found.length - shown.length;
		setText(this.more, more ? `${more} more: search for them.` : "");
	}

	row(entry) {
		const box = h("input", { type: "checkbox" });
		box.addEventListener("change", () => this.pick(entry.id, box.checked));
		const row = { box, mark: h("span", { class: "mark" }), name: h("span", { class: "name" }),
			text: h("span", { class: "text" }), bar: h("span", { class: "bar" }) };
		row.item = h("li", {}, h("label", {}, box, row.mark, row.name, row.text), row.bar);
		return row;
	}

	fill(row, entry) {
		row.box.checked = this.chosen.has(entry.id);
		setText(row.name, entry.label);
		row.name.title = entry.title ?? entry.label;
		setText(row.text, entry.text);
		row.bar.style.transform = `scaleX(${Number.isFinite(entry.share) ? entry.share : 0})`;
		const key = row.box.checked && entry.look ? entry.look.colour : "";
		if (row.key !== key) {
			row.key = key;
			row.mark.replaceChildren(...(key ? [swatch(entry.look.colour, entry.look.dash)] : []));
		}
	}

	pick(id, on) {
		const ids = new Set(this.chosen);
		if (on && ids.size >= this.most) {
			this.rows.get(id).box.checked = false;
			setText(this.said, `${this.most} at once are enough: take one away first.`);
			return;
		}
		setText(this.said, "");
		if (on)
			ids.add(id);
		else
			ids.delete(id);
		this.on.pick([...ids]);
	}
}
