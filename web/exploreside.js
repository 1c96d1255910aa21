// SPDX-License-Identifier: GPL-2.0-or-later
// Below the charts: which time it is, the marks and gaps in it as words that lead to their
// time, and the curves there are to choose from.

import { h, setText } from "./dom.js";
import { Chooser } from "./chooser.js";
import * as format from "./format.js";
import * as kinds from "./explorekinds.js";

const MOST_EVENTS = 200;

export class Side {
	// on: pick(ids or null), zoom(from, to).
	constructor(on) {
		this.on = on;
		this.words = h("p", { class: "span" });
		this.list = h("ul", { class: "events" });
		this.happened = h("details", { class: "happened", hidden: true }, h("summary", {}), this.list);
		this.chosen = h("section", { class: "chart choose", hidden: true,
			"aria-label": "Curves to choose from" }, h("header", {}, h("h2", {})));
		this.chooser = new Chooser(this.chosen, kinds.MOST, { pick: pick => on.pick(pick) });
		this.roots = [this.words, this.happened, this.chosen];
	}

	// panes: what is drawn; view: the charts'; now: epoch seconds.
	set(panes, view, now) {
		const { from, to, wall } = this.view = view;
		this.now = now;
		const since = s => format.elapsed(s, (to - from) / 100, to);
		const ends = wall ? `${format.moment(from, to)} to ${format.clock(to)}` :
			`${since(from)} to ${since(to)} since boot`;
		setText(this.words, `${ends}, ${format.duration(to - from)}`);
		this.happenings();
		this.offer(panes);
	}

	offer(panes) {
		const { state } = panes;
		this.chosen.hidden = state.by === "total";
		setText(this.chosen.querySelector("h2"), `${kinds.BY[state.by].title}: what to show`);
		if (state.by === "total")
			return;
		const ids = panes.ids();
		const lookOf = panes.lookOf(ids);
		this.chooser.set(entries(panes).map(e => ({ ...e, look: lookOf(e.id) })), new Set(ids),
			state.pick !== null);
	}

	happenings() {
		const { marks, gaps, from, to } = this.view;
		const all = [...marks.map(m => ({ from: m.x, to: m.to, text: m.label })),
			...gaps.map(g => ({ from: g.from, to: g.to, text: `gap: ${g.cause}` }))];
		const endOf = e => e.to === null ? Infinity : e.to ?? e.from;
		const seen = all.filter(e => e.from < to && endOf(e) >= from).slice(0, MOST_EVENTS);
		const key = JSON.stringify(seen);
		if (key === this.key)
			return;
		this.key = key;
		this.happened.hidden = !seen.length;
		setText(this.happened.firstChild, `Marks and gaps in view (${seen.length})`);
		this.list.replaceChildren(...seen.map(event => this.happening(event)));
	}

	happening({ from, to, text }) {
		const { wall } = this.view;
		const known = wall ? format.moment(from, this.now) : format.duration(from);
		const when = Number.isFinite(from) ? known : "before";
		const long = to > from && Number.isFinite(from) ? to - from : NaN;
		const button = h("button", { type: "button" }, text);
		button.addEventListener("click", () => {
			const span = Number.isFinite(long) ? long : (this.view.to - this.view.from) / 4;
			const middle = Number.isFinite(long) ? (from + to) / 2 : Number.isFinite(from) ? from : to;
			this.on.zoom(middle - span * 0.75, middle + span * 0.75);
		});
		return h("li", {}, h("span", { class: "when" }, when), button,
			Number.isFinite(long) ? h("span", { class: "long" }, format.duration(long)) : null);
	}
}

// What the chooser lists.
function entries(panes) {
	const { state, data } = panes;
	if (state.by === "reason") {
		const value = r => r[state.what] ?? NaN;
		const list = data.ranking.filter(r => value(r) > 0);
		const most = Math.max(...list.filter(r => r.number !== kinds.IDLE_REASON).map(value));
		return list.map(r => ({ id: String(r.number), label: r.name ?? String(r.number),
			title: `reason ${r.number}`, share: Math.min(1, value(r) / most),
			text: state.what === "count" ? format.count(value(r)) : format.value(value(r), "s") }));
	}
	if (state.by === "workload")
		return kinds.workloads(state).map(kind => ({ id: kind, label: kinds.BY.workload.label({ kind }),
			title: kind, share: NaN, text: "" }));
	const list = panes.ranked();
	return list.map(r => ({ id: r.id, label: r.label, share: r.mean / list[0].mean,
		text: format.value(r.mean, r.unit) }));
}
