// SPDX-License-Identifier: GPL-2.0-or-later
// The overview: all VMs as a table, sorted by any column, live. Address: sort=COLUMN or
// sort=-COLUMN (the greatest first), filter=WORDS.

import { $, h, setText } from "./dom.js";
import { Recent, Spark } from "./spark.js";
import { STATUS, currentRate, currentShare, status } from "./vmwords.js";
import * as api from "./api.js";
import * as format from "./format.js";

const SPARK = { seconds: 600, points: 60 };
const SORT_EVERY_MS = 3000;	// rows that change places all the time cannot be read
const STILL_MS = 4000;		// nor clicked: they stay where they are while the pointer moves

// value: what is sorted by; show: its text; first: the order of a first click.
const COLUMNS = [
	{ key: "name", title: "VM", value: row => row.vm.name.toLowerCase(), first: 1 },
	{ key: "state", title: "State", value: row => STATUS.indexOf(row.status.kind), first: 1 },
	{ key: "rate", title: "Exits/s", value: row => currentRate(row.vm), show: format.rate, first: -1 },
	{ key: "handling", title: "Handling", help: "Time that vCPUs spent on having exits handled, of all their time",
		value: row => currentShare(row.vm, "handling_share"), show: format.share, first: -1 },
	{ key: "lost", title: "Lost", help: "Time that the guest lost to its exits, without idle time, of all its vCPUs' time",
		value: row => currentShare(row.vm, "lost_share"), show: format.share, first: -1 },
	{ key: "recent", title: "Last 10 min", help: "Exits/s; sorted by the highest",
		value: row => row.recent.extent()?.high ?? NaN, first: -1 },
];

// What is not known comes last, whichever the order; equals go by name.
export function compare(a, b, order) {
	const known = v => v === v;
	if (known(a) !== known(b))
		return known(a) ? -1 : 1;
	return a < b ? -order : a > b ? order : 0;
}

export class Overview {
	constructor(page) {
		this.page = page;
		this.rows = new Map();
		this.touched = new Set();
		this.seen = new IntersectionObserver(entries => this.scrolled(entries), { rootMargin: "200px" });
		this.build();
		setInterval(() => this.tick(), SORT_EVERY_MS);
	}

	build() {
		this.filter = h("input", { type: "search", placeholder: "Filter by name or state",
			"aria-label": "Filter the VMs by name or state" });
		this.filter.addEventListener("input", () => {
			this.page.go({ filter: this.filter.value || null });
			this.narrow();
		});
		this.words = h("p", { class: "words" });
		this.heads = COLUMNS.map(column => {
			const button = h("button", { type: "button", title: column.help }, column.title);
			button.addEventListener("click", () => this.sortBy(column));
			return h("th", { scope: "col", role: "columnheader", class: `c-${column.key}` }, button);
		});
		this.body = h("tbody", { role: "rowgroup" });
		this.body.addEventListener("pointermove", () => this.moved = performance.now());
		this.body.addEventListener("keydown", event => this.key(event));
		this.none = h("p", { class: "none", hidden: true }, "No VM has that in its name or state.");
		$("view-overview").append(
			h("div", { class: "toolbar" }, this.words, h("span", { class: "spring" }), this.filter),
			h("div", { class: "card" },
				// Rows are laid out one by one, see overview.css: their roles are told for that.
				h("table", { role: "table", "aria-labelledby": "title" },
					h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...this.heads)), this.body),
				this.none),
			h("p", { class: "hint" }, "Handling: time that vCPUs spent on having exits handled. Lost: time that the ",
				"guest lost to its exits, without idle time. Both are shares of all its vCPUs' time."));
	}

	async show(params) {
		this.shown = true;
		const sort = params.get("sort") ?? "name";
		const key = sort.replace(/^-/, "");
		this.column = COLUMNS.find(c => c.key === key) ?? COLUMNS[0];
		this.order = sort.startsWith("-") ? -1 : 1;
		if (this.filter.value !== (params.get("filter") ?? ""))
			this.filter.value = params.get("filter") ?? "";
		this.page.detail(null);
		this.vms();
		await this.reload();
	}

	hide() {
		this.shown = false;
	}

	vms() {
		const rows = new Map();
		for (const vm of this.page.vms) {
			const row = this.rows.get(vm.id) ?? this.row();
			row.vm = vm;
			rows.set(vm.id, row);
		}
		for (const [id, row] of this.rows) {
			if (!rows.has(id)) {
				this.seen.unobserve(row.root);
				row.root.remove();
			}
		}
		this.rows = rows;
		for (const row of rows.values())
			this.fill(row);
		this.narrow();
		this.sort();
	}

	// The last minutes of all, as stored.
	async reload() {
		const answer = await api.sparklines(SPARK);
		for (const [id, row] of this.rows) {
			const stored = answer.vms[id];
			row.recent = new Recent(SPARK.seconds / SPARK.points, SPARK.points, answer.to);
			if (stored)
				row.recent.fill(stored);
			row.stale = true;
			this.live(row);
		}
		this.sort();
	}

	sample(sample) {
		const row = this.rows.get(sample.vm);
		if (!row)
			return;
		row.stale = row.recent.add(sample) || row.stale;
		this.touched.add(row);
		this.frame ??= requestAnimationFrame(() => {
			this.frame = null;
			for (const each of this.touched) {
				if (each.visible)
					this.live(each);
			}
			this.touched.clear();
		});
	}

	row() {
		const row = { visible: false, stale: true,
			recent: new Recent(SPARK.seconds / SPARK.points, SPARK.points, this.page.now()) };
		row.state = h("span", { class: "state" });
		row.name = h("a");
		row.badge = h("span", { class: "badge" });
		row.numbers = COLUMNS.filter(column => column.show).map(column => ({ ...column,
			cell: h("td", { role: "cell", class: `c-${column.key}` }) }));
		row.spark = new Spark();
		row.root = h("tr", { role: "row" },
			h("th", { scope: "row", role: "rowheader", class: "c-name" }, row.state, row.name),
			h("td", { role: "cell", class: "c-state" }, row.badge), ...row.numbers.map(n => n.cell),
			h("td", { role: "cell", class: "c-recent" }, row.spark.root));
		row.root.row = row;
		this.seen.observe(row.root);
		return row;
	}

	// What changes with the list.
	fill(row) {
		const { vm } = row;
		row.status = status(vm);
		row.state.className = `state ${vm.state}`;
		setText(row.name, vm.name);
		row.name.href = this.page.address({ vm: vm.id });
		row.name.title = vm.id === vm.name ? "" : vm.id;
		row.badge.className = `badge ${row.status.kind}`;
		setText(row.badge, row.status.words);
		row.badge.title = row.status.more;
		row.text = `${vm.name} ${row.status.words}`.toLowerCase();
		this.live(row);
	}

	// What changes with the samples.
	live(row) {
		for (const { cell, value, show } of row.numbers)
			setText(cell, show(value(row)));
		row.stale = row.recent.advance(this.page.now()) || row.stale;
		if (row.stale) {
			row.stale = false;
			const extent = row.recent.extent();
			row.spark.draw(row.recent, extent ?
				`${format.rate(extent.low)} to ${format.rate(extent.high)}` : "no samples");
		}
	}

	scrolled(entries) {
		for (const { target: { row }, isIntersecting } of entries) {
			row.visible = isIntersecting;
			if (isIntersecting)
				this.live(row);
		}
	}

	// What is out of sight follows, and the order with it, at leisure.
	tick() {
		if (!this.shown || document.hidden)
			return;
		for (const row of this.rows.values())
			this.live(row);
		this.sum();
		const still = performance.now() - (this.moved ?? -Infinity) > STILL_MS;
		if (still && !this.body.contains(document.activeElement))
			this.sort();
	}

	sortBy(column) {
		this.order = column === this.column ? -this.order : column.first;
		this.column = column;
		const sort = (this.order < 0 ? "-" : "") + column.key;
		this.page.go({ sort: sort === "name" ? null : sort });
		this.sort();
	}

	sort() {
		const { column, order } = this;
		this.heads.forEach((head, i) => {
			if (COLUMNS[i] === column)
				head.setAttribute("aria-sort", order > 0 ? "ascending" : "descending");
			else
				head.removeAttribute("aria-sort");
		});
		const name = COLUMNS[0].value;
		const rows = [...this.rows.values()].map(row => ({ row, value: column.value(row), name: name(row) }))
			.sort((a, b) => compare(a.value, b.value, order) || compare(a.name, b.name, 1));
		// Only what is not in its place moves.
		let at = this.body.firstElementChild;
		for (const { row: { root } } of rows) {
			if (root === at)
				at = at.nextElementSibling;
			else
				this.body.insertBefore(root, at);
		}
	}

	// Shows the rows that have all words of the filter.
	narrow() {
		const words = this.filter.value.toLowerCase().split(/\s+/);
		let shown = 0;
		for (const row of this.rows.values()) {
			row.root.hidden = !words.every(word => row.text.includes(word));
			shown += !row.root.hidden;
		}
		this.none.hidden = shown > 0;
		this.sum();
	}

	// All that are shown, in one line.
	sum() {
		const rows = [...this.rows.values()].filter(row => !row.root.hidden);
		const rates = rows.map(row => currentRate(row.vm)).filter(Number.isFinite);
		const running = rows.filter(row => row.vm.state === "running").length;
		const words = [`${rows.length} VM${rows.length === 1 ? "" : "s"}`, `${running} running`];
		if (rates.length)
			words.push(`${format.rate(rates.reduce((a, b) => a + b, 0))} exits in all`);
		const alarming = rows.filter(row => STATUS.indexOf(row.status.kind) <= STATUS.indexOf("gap")).length;
		if (alarming)
			words.push(`${alarming} with gaps or worse`);
		setText(this.words, words.join(" · "));
	}

	// The arrow keys go from VM to VM.
	key(event) {
		const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
		const root = document.activeElement.closest("tr");
		if (!step || !root)
			return;
		const rows = [...this.body.children].filter(r => !r.hidden);
		const next = rows[rows.indexOf(root) + step];
		if (next) {
			event.preventDefault();
			next.row.name.focus();
		}
	}
}
