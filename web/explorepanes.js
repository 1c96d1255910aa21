// SPDX-License-Identifier: GPL-2.0-or-later
// The charts of the explore view: one for each unit of what is chosen, and all exits above
// what is something else.

import { h } from "./dom.js";
import { Chart } from "./chart.js";
import * as format from "./format.js";
import * as kinds from "./explorekinds.js";
import { Looks, OTHER, SOURCE_LOOK } from "./palette.js";
import { rest } from "./stack.js";
import { summary } from "./track.js";

const SOURCES = ["guest", "host"];
const EXITS = "explore-exits";

export class Panes {
	// on: as a Chart has it.
	constructor(on) {
		this.on = on;
		this.root = h("div", { class: "panes" });
		this.charts = new Map();
		this.looks = new Looks();
	}

	// What is drawn from now on.
	set(state, data, source) {
		if (data !== this.data)
			this.means = null;
		Object.assign(this, { state, data, source });
	}

	// The curves that are drawn, in order.
	ids() {
		const { data, state } = this;
		if (state.by === "reason")
			return data.ids;
		if (state.by === "total")
			return SOURCES;
		if (state.by === "workload")
			return kinds.workloadOf(state);
		if (state.pick)
			return state.pick;
		if (state.by === "vcpu")
			return this.ranked().slice(0, kinds.MOST).map(r => r.id).sort((a, b) => a - b);
		return this.ranked().slice(0, kinds.TOP).map(r => r.id);
	}

	// Groups by what they have in the range that was asked for, most first.
	ranked() {
		this.means ??= [...this.data.groups.values()]
			.map(g => ({ ...g, mean: summary(g.track, -Infinity, Infinity).mean || 0 }))
			.sort((a, b) => b.mean - a.mean);
		return this.means;
	}

	// By id.
	lookOf(ids) {
		const looks = this.looks.assign(ids.map(id => `${this.state.by} ${id}`));
		return id => looks.get(`${this.state.by} ${id}`);
	}

	curves(groups) {
		const { state } = this;
		const lookOf = this.lookOf(groups.map(g => g.id));
		return groups.map(g => ({ id: g.id, label: g.label, track: g.track, slope: state.sum,
			...(state.by === "total" ? SOURCE_LOOK[g.id] : lookOf(g.id)) }));
	}

	// What each chart shows: {id, title, note, view}.
	contents() {
		const { state, data } = this;
		const units = new Map();
		for (const group of this.ids().map(id => data.groups.get(id)).filter(g => g))
			units.set(group.unit, [...units.get(group.unit) ?? [], group]);
		if (!units.size)
			units.set(state.what === "count" ? "exits/s" : "1", []);
		const mode = state.stacked && state.by !== "total" ? "stacked" : "lines";
		const plain = units.size === 1 && kinds.isExits(state.by);
		const panes = [...units].map(([unit, groups], i) => ({
			id: `explore-${i}`, title: kinds.heading(state), note: plain ? "" : format.unitName(unit),
			view: { unit, curves: this.curves(groups), mode, log: state.log },
		}));
		const whole = data.whole.get(this.source);
		if (whole && mode === "stacked")
			this.others(panes[0].view, whole.track);
		const { context } = data;
		if (context.size) {
			const curves = SOURCES.filter(id => context.has(id)).map(id => ({ id, label: id,
				track: context.get(id).track, ...SOURCE_LOOK[id] }));
			panes.unshift({ id: EXITS, title: "Exits per second", view: { unit: "exits/s", curves } });
		}
		return panes;
	}

	// What a stack lacks of the whole.
	others(view, whole) {
		view.whole = whole;
		const track = rest(whole, view.curves.map(c => c.track), this.state.sum);
		if (track.v.some(v => v > 0))
			view.curves.push({ id: "other", label: "other", slope: this.state.sum, track, ...OTHER });
	}

	// common: of all charts' views; nothing: words where there is nothing to draw.
	draw(common, nothing) {
		const contents = this.contents();
		this.keep(new Set(contents.map(c => c.id)));
		contents.forEach(({ id, title, note, view }, i) => {
			const chart = this.charts.get(id) ?? this.chart(id, title);
			chart.name(title, note);
			if (this.root.children[i] !== chart.root)
				this.root.insertBefore(chart.root, this.root.children[i] ?? null);
			chart.hide(this.state.hide);
			chart.set({ ...common, ...view });
			chart.empty(chart.points || chart.hidden.size ? "" : nothing);
		});
	}

	keep(wanted) {
		for (const [id, chart] of this.charts) {
			if (!wanted.has(id)) {
				chart.destroy();
				this.charts.delete(id);
			}
		}
	}

	chart(id, title) {
		const chart = new Chart({ id, title, on: this.on });
		this.charts.set(id, chart);
		return chart;
	}
}
