// SPDX-License-Identifier: GPL-2.0-or-later
// A table of what changed: a row for a phase or a reason, a column for each boot, the first
// of which is the baseline. A change is said by an arrow, a sign, a bar to the left or right.

import { h } from "./dom.js";
import { LongTable, diverging } from "./parts.js";
import { LETTERS, difference, percent, ranked, signed } from "./changes.js";

const SHOWN = 12;	// rows, before the rest is asked for

export class ChangeTable {
	// what: the head of the first column; id: of the element that names the table.
	constructor(what, id) {
		this.what = what;
		this.by = "change";
		this.body = h("tbody", {});
		this.head = h("tr", {});
		this.long = new LongTable("changes", id, SHOWN, () => this.draw());
		this.long.table.append(h("thead", {}, this.head), this.body);
		this.root = this.long.root;
	}

	// rows: {name, title, values, notes, about, group, place, show(value), delta(difference)}
	// with a value, a note and whether it is about that for each boot. Groups stay together; a
	// row whose place is "bottom" stays there, out of the ranking. names: of the boots.
	set(rows, names) {
		Object.assign(this, { rows, names });
		this.draw();
	}

	draw() {
		const { rows, by, names } = this;
		const bottom = rows.filter(r => r.place);
		const others = rows.filter(r => !r.place);
		const groups = [...new Set(others.map(r => r.group))];
		const sorted = by === "order" ? others :
			groups.flatMap(group => ranked(others.filter(r => r.group === group)));
		const shown = this.long.take(sorted);
		const sizes = others.flatMap(({ values: [base, ...rest] }) =>
			rest.map(v => Math.abs(difference(base, v)?.absolute ?? 0)));
		const most = Math.max(0, ...sizes);
		this.head.replaceChildren(this.heading("order", this.what), ...names.map((name, i) => i === 0 ?
			h("th", { scope: "col", title: name }, h("b", { class: "letter" }, LETTERS[0]), " baseline") :
			this.heading("change", h("b", { class: "letter" }, LETTERS[i]), i, name)));
		this.body.replaceChildren(...[...shown, ...bottom].map(row => this.row(row, row.place ? 0 : most)));
	}

	heading(by, content, i = 0, title = null) {
		const th = h("th", { scope: "col", title });
		if (i > 1) {
			th.append(content);
			return th;
		}
		const button = h("button", { type: "button", class: "sort" }, content,
			by === "change" ? " change" : null);
		button.addEventListener("click", () => {
			this.by = by;
			this.draw();
			this.head.querySelector(`[aria-sort] button`)?.focus();
		});
		if (this.by === by)
			th.setAttribute("aria-sort", by === "change" ? "descending" : "ascending");
		th.append(button);
		return th;
	}

	row({ name, title, values, notes, about, place, show, delta }, most) {
		return h("tr", { class: place }, h("th", { scope: "row", title }, name),
			...values.map((v, i) => h("td", {},
				h("span", { class: "value" }, about?.[i] ? "≈ " : "", show(v)),
				notes?.[i] ? h("small", {}, ` ${notes[i]}`) : null,
				i > 0 ? this.change(values[0], v, most, delta ?? show) : null)));
	}

	change(base, value, most, show) {
		const change = difference(base, value);
		if (!change)
			return null;
		const { absolute, ratio } = change;
		const way = absolute > 0 ? "▲" : absolute < 0 ? "▼" : "=";
		const by = [signed(absolute, show), percent(ratio)].filter(t => t).join(", ");
		return h("span", { class: absolute ? "change" : "change same" },
			most > 0 ? diverging(absolute / most) : null,
			h("span", { class: "by" }, h("span", { "aria-hidden": "true" }, `${way} `), by));
	}
}
