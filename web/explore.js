// SPDX-License-Identifier: GPL-2.0-or-later
// The explore view: any time of one VM, by whatever there are curves of. The address says
// all of what is shown, see explorekinds.js.

import { $, h, setText } from "./dom.js";
import { Chart } from "./chart.js";
import { Chooser } from "./chooser.js";
import { Controls } from "./explorecontrols.js";
import { Data } from "./exploredata.js";
import * as events from "./events.js";
import * as kinds from "./explorekinds.js";
import * as api from "./api.js";
import * as format from "./format.js";
import * as notes from "./notes.js";
import * as timeline from "./timeline.js";
import { Looks, OTHER, SOURCE_LOOK } from "./palette.js";
import { rest } from "./stack.js";
import { summary } from "./track.js";

const USUAL_LAST_S = 3600;
const LOAD_AFTER_MS = 150;	// moves in so short a time ask once
const LOAD_EVERY_MS = 350;
const TAIL_EVERY_MS = 2000;
const RANK_EVERY_MS = 30000;	// what is most, while it grows
const SETTLE_MS = 250;
const RELOAD_AFTER = 2000;	// appended points, before asking for merged ones again
const COMMIT_S = 3;		// samples take a moment to be committed: the end of what is followed
const STALE_S = 60;		// without a sample, a VM of unknown state is taken for ended
const KEPT_SAMPLES = 300;	// live samples put behind an answer that was under way

export class Explore {
	constructor(page) {
		this.page = page;
		this.controls = new Controls({
			change: changes => this.change(changes),
			axis: value => this.axis(value),
			follow: () => this.follow(),
			reset: () => this.reset(),
		});
		this.charts = new Map();
		this.panes = h("div", { class: "panes" });
		this.chosen = h("section", { class: "chart choose", hidden: true, "aria-label": "Curves to choose from" },
			h("header", {}, h("h2", {})));
		this.chooser = new Chooser(this.chosen, kinds.MOST, { pick: pick => this.change({ pick, hide: [] }) });
		this.words = h("p", { class: "span" });
		this.list = h("ul", { class: "events" });
		this.happened = h("details", { class: "happened", hidden: true }, h("summary", {}, ""), this.list);
		$("view-explore").append(this.controls.root, this.panes, this.words, this.happened, this.chosen);
		this.looks = new Looks();
		setInterval(() => this.moves() && this.invalidate(), 1000);
	}

	// ---- the frame's calls ----

	async show(params) {
		const vm = this.page.find(params.get("vm"));
		if (this.vm !== vm) {
			this.boots = this.data = null;
			this.recent = [];
		}
		this.vm = vm;
		this.state = kinds.readState(params, vm.state === "running" ? { last: USUAL_LAST_S } : { boot: "latest" });
		await this.load(0);
	}

	hide() {
		this.abort?.abort();
		clearTimeout(this.timer);
		this.page.detail(null);
		this.vm = null;
	}

	async vms() {
		const { vm } = this;
		const before = this.boots?.[0]?.boot;
		const { boots } = await api.boots(vm.id);
		if (vm !== this.vm)
			return;
		this.boots = boots;
		if (before !== boots[0]?.boot && this.state.span.boot === "latest")
			await this.load(0);
		else
			this.invalidate();
	}

	async reload() {
		this.boots = null;
		await this.load(0);
	}

	theme() {
		this.invalidate();
	}

	report() {
		if (!this.data)
			return { boot: "latest" };
		const { boot, from, to } = this.clock();
		return boot && from === undefined ? { boot } : { from, to };
	}

	sample(sample) {
		if (sample.vm !== this.vm?.id)
			return;
		this.recent.push(sample);
		if (this.recent.length > KEPT_SAMPLES)
			this.recent.shift();
		if (!this.data || this.data.range.to !== null)
			return;
		if (!this.take(sample))
			this.tail();
		if (this.timer === null && (this.appended > RELOAD_AFTER || performance.now() - this.asked > RANK_EVERY_MS ||
		    this.newReason(sample)))
			this.later();
		this.invalidate();
	}

	// One that had not occurred, where there is room for it.
	newReason({ source, reasons }) {
		const { ids, range } = this.data;
		return this.state.by === "reason" && !this.state.pick && ids.length < kinds.TOP && source === this.source() &&
			range.to === null && !!reasons?.some(([number, rate]) =>
				rate > 0 && number !== kinds.IDLE_REASON && !ids.includes(String(number)));
	}

	// Whether the event had all that is shown of its source.
	take(sample) {
		const { data, state } = this;
		if (data.range.boot && sample.boot !== data.range.boot)
			return true;
		if (state.by === "total" ? state.source && sample.source !== state.source : sample.source !== this.source())
			return true;
		const values = kinds.fromSample(state, sample, data.ids);
		if (values)
			this.appended += data.take(sample, values);
		return values !== null;
	}

	// ---- time ----

	// The newest that there is, or now if more is to come: what ended ends with its last sample.
	edge() {
		const { guest, host } = this.vm;
		const newest = Math.max(guest?.t ?? -Infinity, host?.t ?? -Infinity, ...this.boots.map(b => b.closed ?? -Infinity));
		const now = this.page.now();
		if (this.grows() || !Number.isFinite(newest))
			return Math.max(now - COMMIT_S, Number.isFinite(newest) ? newest : -Infinity);
		return newest;
	}

	// Whether samples come, or may come.
	grows() {
		const { guest, host, state } = this.vm;
		const newest = Math.max(guest?.t ?? -Infinity, host?.t ?? -Infinity);
		return this.boots[0]?.closed === null && (state === "running" || newest > this.page.now() - STALE_S);
	}

	base() {
		return timeline.bootOf(this.state.span, this.boots)?.opened ?? 0;
	}

	full() {
		return timeline.fullOf(this.state.span, this.boots, this.edge());
	}

	window() {
		return timeline.windowOf(this.state.span, this.full());
	}

	follows() {
		return this.grows() && timeline.follows(this.state.span, this.boots);
	}

	moves() {
		return this.vm && this.data && this.follows() && !document.hidden;
	}

	zoom(from, to) {
		if (!this.data)
			return;
		this.before ??= this.state.span;
		this.state = { ...this.state, span: timeline.spanTo(this.state.span, from, to, this.boots, this.full()) };
		this.page.go(kinds.writeState(this.state));
		this.render();
		if (this.lacks())
			this.later();
	}

	// What zooming began with, or the usual range.
	reset() {
		const { boot } = this.state.span;
		this.change({ span: this.before ?? { boot, from: null, to: null, last: boot === null ? USUAL_LAST_S : null } });
	}

	follow() {
		const { from, to } = this.window();
		const { boot } = this.state.span;
		if (this.follows())
			this.change({ span: { boot, from, to, last: null } });
		else
			this.change({ span: { boot, from: null, to: null, last: boot === null ? to - from : null } });
	}

	// "": by the clock, the same time if there was any; else a boot, the whole of it.
	axis(value) {
		const base = this.base();
		const { from, to } = this.window();
		const boot = value === "" ? null : value === "latest" ? value : Number(value);
		const span = boot !== null ? { boot, from: null, to: null, last: null } :
			this.follows() ? { boot, from: null, to: null, last: to - from } : { boot, from: from + base, to: to + base, last: null };
		this.change({ span });
	}

	// Whether the window needs data that are not here, or in finer steps.
	lacks() {
		const { range, merged, seen } = this.data;
		const { from, to } = this.window();
		const there = (range.from === null || from >= range.from) &&
			(range.to === null || to <= range.to && !this.follows());
		return !there || merged && Math.abs((to - from) / seen - 1) > 0.02;
	}

	// ---- what is shown ----

	change(changes) {
		if (!this.vm)
			return;
		const { span } = changes;
		this.before = null;
		this.state = { ...this.state, ...changes };
		if (!kinds.hasWhat(this.state))
			this.state.what = "count";
		this.page.go(kinds.writeState(this.state), { push: !!span || "by" in changes });
		this.load(0);
	}

	// Whose numbers, where it is one source's.
	source() {
		return kinds.isExits(this.state.by) ? this.state.source ?? (this.vm.guest ? "guest" : "host") : "guest";
	}

	later() {
		clearTimeout(this.timer);
		const wait = Math.max(LOAD_AFTER_MS, LOAD_EVERY_MS - (performance.now() - (this.asked ?? -Infinity)));
		this.timer = setTimeout(() => this.load(this.follows() ? 0 : 0.5), wait);
	}

	// margin: so much of the window to both sides, for panning.
	async load(margin) {
		clearTimeout(this.timer);
		this.timer = null;
		this.abort?.abort();
		const { signal } = this.abort = new AbortController();
		const { vm } = this;
		this.asked = performance.now();
		try {
			this.boots ??= (await api.boots(vm.id, signal)).boots;
			if (signal.aborted)
				return;
			if (!this.boots.length) {
				this.page.panel(notes.failed(vm.name, notes.NO_BOOT));
				return;
			}
			const data = this.request(margin);
			// What the stream says of reasons begins before what is asked for ends.
			const detail = this.page.detail(this.state.by === "reason" && this.follows() && !this.state.sum ? vm.id : null);
			if (this.data)
				await detail;
			await data.load(this.points() * (data.seen ? (data.width / data.seen) : 1), signal);
			if (signal.aborted)
				return;
			this.data = data;
			this.appended = 0;
			if (data.range.to === null)
				this.recent.forEach(sample => this.take(sample));
			this.render();
			// Behind the curves, which they shall not hold up.
			await data.events(signal);
			if (!signal.aborted)
				this.render();
		} catch (error) {
			this.failed(error, signal);
		}
	}

	failed(error, signal) {
		if (!signal.aborted)
			this.page.failed(error);
	}

	request(margin) {
		const { span } = this.state;
		const boot = timeline.bootOf(span, this.boots);
		if (span.boot !== null && !boot)
			throw new api.ApiError(`there is no boot ${span.boot} of this VM`, 404);
		const { from, to } = this.window();
		const more = (to - from) * margin;
		const whole = boot && span.from === null && span.last === null;
		const range = { boot: boot?.boot, base: boot?.opened ?? 0, from: whole ? null : from - more,
			to: whole || this.follows() ? null : to + more };
		const data = new Data(this.vm.id, this.state, this.source(), range);
		data.seen = to - from;
		data.width = (range.to ?? to) - (range.from ?? from);
		return data;
	}

	// A little less than one interval for each pixel across.
	points() {
		return Math.max(400, (this.panes.clientWidth || 900) * 0.8);
	}

	async tail() {
		if (this.tailing)
			return;
		const { data, abort } = this;
		this.tailing = true;
		try {
			await data.tail(abort.signal);
			if (data === this.data)
				this.invalidate();
		} catch (error) {
			this.failed(error, abort.signal);
		}
		setTimeout(() => this.tailing = false, TAIL_EVERY_MS);
	}

	invalidate() {
		this.frame ??= requestAnimationFrame(() => {
			this.frame = null;
			if (this.vm && this.data)
				this.render();
		});
	}

	// ---- drawing ----

	render() {
		const wall = timeline.bootOf(this.state.span, this.boots) === null;
		const { from, to } = this.window();
		const { data } = this;
		const base = data.range.base;
		const sources = this.state.by === "total" && !this.state.source ? ["guest", "host"] : [this.source()];
		const opened = wall ? this.boots.map(b => ({ x: b.opened, label: `boot ${b.boot}` })) : [];
		this.view = { from, to, wall, live: this.follows(), full: this.full(),
			marks: [...events.marksOf(data.marks, base), ...opened],
			phases: wall ? [] : events.phasesOf(data.marks, base),
			gaps: events.gapsOf(data.gaps, base, sources) };
		this.drawPanes(this.contents());
		this.settling ??= setTimeout(() => this.settle(), SETTLE_MS);
		this.controls.set(this.state, this.boots, { source: this.source(), follows: this.follows(),
			open: this.grows() && timeline.follows({ ...this.state.span, from: null }, this.boots),
			zoomed: this.state.span.from !== null || !!this.before, window: { from: from + base, to: to + base } });
	}

	// The groups that are drawn, in order.
	drawn() {
		const { groups } = this.data;
		const ids = this.ids();
		return ids.filter(id => groups.has(id)).map(id => groups.get(id));
	}

	ids() {
		const { data, state } = this;
		if (state.by === "reason")
			return data.ids;
		if (state.by === "total")
			return ["guest", "host"];
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
		const { data } = this;
		data.means ??= [...data.groups.values()].map(g => ({ ...g, mean: summary(g.track, -Infinity, Infinity).mean || 0 }))
			.sort((a, b) => b.mean - a.mean);
		return data.means;
	}

	curves(groups) {
		const { state } = this;
		const looks = this.looks.assign(groups.map(g => `${state.by} ${g.id}`));
		return groups.map(g => ({ id: g.id, label: g.label, track: g.track, slope: state.sum,
			...(SOURCE_LOOK[state.by === "total" ? g.id : ""] ?? looks.get(`${state.by} ${g.id}`)) }));
	}

	// What each chart shows: {id, title, view}.
	contents() {
		const { state, data } = this;
		const units = new Map();
		for (const group of this.drawn())
			units.set(group.unit, [...units.get(group.unit) ?? [], group]);
		if (!units.size)
			units.set(state.what === "count" ? "exits/s" : "1", []);
		const mode = state.stacked && state.by !== "total" ? "stacked" : "lines";
		const panes = [...units].map(([unit, groups], i) => ({
			id: `explore-${i}`, title: kinds.heading(state), note: units.size > 1 || !kinds.isExits(state.by) ? format.unitName(unit) : "",
			view: { unit, curves: this.curves(groups), mode, log: state.log },
		}));
		const whole = data.whole.get(this.source());
		if (whole && mode === "stacked")
			this.others(panes[0].view, whole.track);
		if (data.context.size) {
			const curves = ["guest", "host"].filter(id => data.context.has(id)).map(id => ({ id, label: id,
				track: data.context.get(id).track, ...SOURCE_LOOK[id] }));
			panes.unshift({ id: "explore-exits", title: "Exits per second", view: { unit: "exits/s", curves } });
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

	drawPanes(contents) {
		const wanted = new Set(contents.map(c => c.id));
		for (const [id, chart] of this.charts) {
			if (!wanted.has(id)) {
				chart.destroy();
				this.charts.delete(id);
			}
		}
		for (const { id, title, note, view } of contents) {
			const chart = this.charts.get(id) ?? this.chart(id, title);
			chart.name(title, note);
			if (this.panes.children.length !== this.charts.size || !chart.root.isConnected)
				this.panes.append(chart.root);
			chart.hide(this.state.hide);
			chart.set({ ...this.view, ...view });
			chart.empty(chart.points || chart.hidden.size ? "" : this.nothing());
		}
		if (contents[0].id === "explore-exits")
			this.panes.prepend(this.charts.get("explore-exits").root);
	}

	chart(id, title) {
		const chart = new Chart({ id, title, on: {
			zoom: (from, to) => this.zoom(from, to),
			reset: () => this.reset(),
			hidden: ids => {
				this.state = { ...this.state, hide: [...ids] };
				this.page.go(kinds.writeState(this.state));
			},
		} });
		this.charts.set(id, chart);
		return chart;
	}

	nothing() {
		const { state, vm } = this;
		if (state.by !== "total" && this.source() === "guest" && !vm.guest)
			return "The guest's agent has sent nothing of this boot: the host's own counts may be there.";
		if (state.what !== "count" && vm.leaf === "no")
			return "Times need the kernel series on the host.";
		return "Nothing was recorded in this range. A longer one, or another source, may have something.";
	}

	// What follows when it moved no more.
	settle() {
		this.settling = null;
		if (!this.vm || !this.data || !this.view)
			return;
		this.offer();
		this.happenings();
		const { from, to, wall } = this.view;
		const ends = wall ? `${format.moment(from, to)} to ${format.clock(to)}` :
			`${format.elapsed(from, (to - from) / 100, to)} to ${format.elapsed(to, (to - from) / 100, to)} since boot`;
		setText(this.words, `${ends}, ${format.duration(to - from)}`);
		this.links();
	}

	clock() {
		const { from, to } = this.window();
		const { boot, base } = this.data.range;
		const whole = boot && this.state.span.from === null && this.state.span.last === null;
		return { boot, from: whole ? undefined : Math.max(0, base + from).toFixed(3),
			to: whole ? undefined : (base + to).toFixed(3) };
	}

	links() {
		const { state } = this;
		const source = state.by === "total" ? state.source ?? undefined : this.source();
		const { kind, mode, reason, vcpu } = kinds.query(state, source, this.data.ids);
		const graph = ["total", "reason", "vcpu"].includes(state.by) && (state.by !== "reason" || reason) ?
			{ kind, mode, reason, vcpu, source, stacked: state.stacked && state.by !== "total" ? "yes" : undefined,
				log: state.log ? "yes" : undefined } : null;
		this.controls.links(this.vm, this.clock(), source, graph);
		this.controls.relate.href = this.page.address({ view: "correlate", vm: this.vm.id, ...this.clock() });
		this.page.links();
	}

	// The curves there are to choose from.
	offer() {
		const { state } = this;
		this.chosen.hidden = state.by === "total";
		setText(this.chosen.querySelector("h2"), `${kinds.BY[state.by].title}: what to show`);
		if (state.by === "total")
			return;
		const ids = this.ids();
		const looks = this.looks.assign(ids.map(id => `${state.by} ${id}`));
		const entries = this.entries().map(e => ({ ...e, look: looks.get(`${state.by} ${e.id}`) }));
		this.chooser.set(entries, new Set(ids), state.pick !== null);
	}

	entries() {
		const { state, data } = this;
		if (state.by === "reason") {
			const value = r => r[state.what] ?? NaN;
			const most = Math.max(...data.ranking.filter(r => r.number !== kinds.IDLE_REASON).map(value));
			return data.ranking.filter(r => value(r) > 0).map(r => ({ id: String(r.number), label: r.name ?? String(r.number),
				title: `reason ${r.number}`, share: Math.min(1, value(r) / most),
				text: state.what === "count" ? format.count(value(r)) : format.value(value(r), "s") }));
		}
		if (state.by === "workload")
			return kinds.workloads(state).map(kind => ({ id: kind, label: kinds.BY.workload.label({ kind }), title: kind,
				share: NaN, text: "" }));
		const most = this.ranked()[0]?.mean;
		return this.ranked().map(r => ({ id: r.id, label: r.label, share: r.mean / most, text: format.value(r.mean, r.unit) }));
	}

	// Marks and gaps in view as words, which lead to their time.
	happenings() {
		const { marks, gaps, from, to } = this.view;
		const inView = [...marks.map(m => ({ from: m.x, to: m.to, text: m.label, ms: m.to > m.x ? m.to - m.x : NaN })),
			...gaps.map(g => ({ from: g.from, to: g.to, text: `gap: ${g.cause}`, ms: g.to - g.from }))]
			.filter(e => e.from < to && (e.to ?? (e.to === null ? Infinity : e.from)) >= from).slice(0, 200);
		const key = JSON.stringify(inView);
		if (key === this.happenedKey)
			return;
		this.happenedKey = key;
		this.happened.hidden = !inView.length;
		setText(this.happened.firstChild, `Marks and gaps in view (${inView.length})`);
		this.list.replaceChildren(...inView.map(event => this.happening(event)));
	}

	happening({ from, to, text, ms }) {
		const { wall } = this.view;
		const when = !Number.isFinite(from) ? "before" : wall ? format.moment(from, this.page.now()) : format.duration(from);
		const button = h("button", { type: "button" }, text);
		button.addEventListener("click", () => {
			const span = Number.isFinite(ms) ? ms : (this.view.to - this.view.from) / 4;
			const middle = Number.isFinite(ms) ? (from + to) / 2 : from;
			this.zoom(middle - span * 0.75, middle + span * 0.75);
		});
		return h("li", {}, h("span", { class: "when" }, when), button,
			Number.isFinite(ms) ? h("span", { class: "long" }, format.duration(ms)) : null);
	}
}
