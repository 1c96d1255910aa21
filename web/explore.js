// SPDX-License-Identifier: GPL-2.0-or-later
// The explore view: any time of one VM, by whatever there are curves of. The address says
// all of what is shown, see explorekinds.js.

import { $ } from "./dom.js";
import { Controls } from "./explorecontrols.js";
import { Data } from "./exploredata.js";
import { Panes } from "./explorepanes.js";
import { Side } from "./exploreside.js";
import * as events from "./events.js";
import * as kinds from "./explorekinds.js";
import * as api from "./api.js";
import * as notes from "./notes.js";
import * as timeline from "./timeline.js";

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
		this.panes = new Panes({
			zoom: (from, to) => this.zoom(from, to),
			reset: () => this.reset(),
			hidden: ids => {
				this.state = { ...this.state, hide: [...ids] };
				this.page.go(kinds.writeState(this.state));
			},
		});
		this.side = new Side({
			pick: pick => this.change({ pick, hide: [] }),
			zoom: (from, to) => this.zoom(from, to),
		});
		$("view-explore").append(this.controls.root, this.panes.root, ...this.side.roots);
		setInterval(() => this.moves() && this.invalidate(), 1000);
	}

	// ---- the frame's calls ----

	async show(params) {
		const vm = this.page.find(params.get("vm"));
		if (this.vm !== vm) {
			this.data = null;
			this.recent = [];
		}
		if (this.vm !== vm || !this.boots.length)
			this.forget();
		this.vm = vm;
		this.state = kinds.readState(params,
			vm.state === "running" ? { last: USUAL_LAST_S } : { boot: "latest" });
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
		const before = this.boots[0]?.boot;
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
		this.forget();
		await this.load(0);
	}

	// Which boots there are; none until it is known.
	forget() {
		this.boots = [];
		this.booted = false;
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
		if (this.timer === null && this.isOld(sample))
			this.later();
		this.invalidate();
	}

	// Whether what is shown is to be asked for anew.
	isOld(sample) {
		return this.appended > RELOAD_AFTER || performance.now() - this.asked > RANK_EVERY_MS ||
			this.newReason(sample);
	}

	// One that had not occurred, where there is room for it.
	newReason({ source, reasons }) {
		const { ids, range, state } = this.data;
		if (state.by !== "reason" || state.pick || ids.length >= kinds.TOP || source !== this.data.source ||
		    range.to !== null)
			return false;
		return !!reasons?.some(([number, rate]) =>
			rate > 0 && number !== kinds.IDLE_REASON && !ids.includes(String(number)));
	}

	// Whether the event had all that is shown of its source.
	take(sample) {
		const { data } = this;
		const { state, source } = data;
		if (data.range.boot && sample.boot !== data.range.boot)
			return true;
		const wanted = state.by === "total" ? state.source ?? sample.source : source;
		if (sample.source !== wanted)
			return true;
		const values = kinds.fromSample(state, sample, data.ids);
		if (values)
			this.appended += data.take(sample, values);
		return values !== null;
	}

	// ---- time ----

	// The newest that there is, or now if more is to come: what ended ends with its last sample.
	edge() {
		const newest = Math.max(this.newest(), ...this.boots.map(b => b.closed ?? -Infinity));
		const now = this.page.now();
		if (this.grows() || !Number.isFinite(newest))
			return Math.max(now - COMMIT_S, Number.isFinite(newest) ? newest : -Infinity);
		return newest;
	}

	// Whether samples come, or may come.
	grows() {
		const open = (this.boots[0]?.closed ?? null) === null;
		return open && (this.vm.state === "running" || this.newest() > this.page.now() - STALE_S);
	}

	// The newest sample of either source.
	newest() {
		const { guest, host } = this.vm;
		return Math.max(guest?.t ?? -Infinity, host?.t ?? -Infinity);
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
		const span = timeline.spanTo(this.state.span, from, to, this.boots, this.full());
		this.state = { ...this.state, span };
		this.page.go(kinds.writeState(this.state));
		this.render();
		if (this.lacks())
			this.later();
	}

	// What zooming began with, or the usual range.
	reset() {
		const { boot } = this.state.span;
		const usual = timeline.spanOf(boot === null ? { last: USUAL_LAST_S } : { boot });
		this.change({ span: this.before ?? usual });
	}

	follow() {
		const { from, to } = this.window();
		const { boot } = this.state.span;
		const next = this.follows() ? { boot, from, to } : boot === null ? { last: to - from } : { boot };
		this.change({ span: timeline.spanOf(next) });
	}

	// "": by the clock, the same time if there was any; else a boot, the whole of it.
	axis(value) {
		const base = this.base();
		const { from, to } = this.window();
		const next = value !== "" ? { boot: value === "latest" ? value : Number(value) } :
			this.follows() ? { last: to - from } : { from: from + base, to: to + base };
		this.change({ span: timeline.spanOf(next) });
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
		const usual = this.vm.guest ? "guest" : "host";
		return kinds.isExits(this.state.by) ? this.state.source ?? usual : "guest";
	}

	later() {
		clearTimeout(this.timer);
		const since = performance.now() - (this.asked ?? -Infinity);
		this.timer = setTimeout(() => this.load(this.follows() ? 0 : 0.5),
			Math.max(LOAD_AFTER_MS, LOAD_EVERY_MS - since));
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
			// By the clock, what is asked for does not hang on boots.
			const asked = this.booted ? null : this.askBoots(signal);
			if (this.state.span.boot !== null)
				await asked;
			if (signal.aborted || this.booted && this.none())
				return;
			const data = this.request(margin);
			let streams = false;
			const byReason = this.state.by === "reason" && !this.state.sum && this.follows();
			const stream = this.page.detail(byReason ? vm.id : null).then(() => streams = true);
			if (this.data)
				await stream;
			const covered = streams;
			await Promise.all([asked, data.load(this.points() * data.width / data.seen, signal)]);
			if (!signal.aborted)
				await this.loaded(data, signal);
			// What came before the stream was open.
			await stream;
			if (!covered && !signal.aborted && this.follows())
				this.tail();
		} catch (error) {
			this.failed(error, signal);
		}
	}

	async askBoots(signal) {
		const { boots } = await api.boots(this.vm.id, signal);
		if (signal.aborted)
			return;
		this.boots = boots;
		this.booted = true;
	}

	// Whether there is no boot yet, which is said then.
	none() {
		if (!this.boots.length)
			this.page.panel(notes.failed(this.vm.name, notes.NO_BOOT));
		return !this.boots.length;
	}

	async loaded(data, signal) {
		if (this.none())
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
		return Math.max(400, (this.panes.root.clientWidth || 900) * 0.8);
	}

	async tail() {
		if (this.tailing || !this.data)
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

	// The state as far as there are data of it: until those that are asked for are here, what was
	// shown stays.
	drawn() {
		const { by, what, sum, source, pick } = this.data.state;
		const chosen = by === this.state.by && !["reason", "workload"].includes(by);
		return { ...this.state, by, what, sum, source, pick: chosen ? this.state.pick : pick };
	}

	render() {
		const { data } = this;
		const boot = timeline.bootOf(this.state.span, this.boots);
		if (boot?.boot !== data.range.boot)
			return;		// another axis
		const wall = !boot;
		const { from, to } = this.window();
		const { base } = data.range;
		const state = this.drawn();
		const sources = state.by === "total" && !state.source ? ["guest", "host"] : [data.source];
		const { marks, phases } = this.happened(data, wall);
		this.view = { from, to, wall, live: this.follows(), full: this.full(),
			marks, phases,
			gaps: events.gapsOf(data.gaps, base, sources) };
		this.panes.set(state, data, data.source);
		this.panes.draw(this.view, this.nothing());
		this.settling ??= setTimeout(() => this.settle(), SETTLE_MS);
		const { span } = this.state;
		this.controls.set(this.state, this.boots, {
			source: this.source(), follows: this.follows(),
			open: this.grows() && timeline.follows({ ...span, from: null }, this.boots),
			zoomed: span.from !== null || !!this.before,
			window: { from: from + base, to: to + base },
		});
	}

	// There may be thousands of them, and many drawings.
	happened({ marks, range: { base } }, wall) {
		const { boots, kept } = this;
		if (kept?.of === marks && kept.boots === boots && kept.wall === wall)
			return kept;
		const opened = wall ? boots.map(b => ({ x: b.opened, label: `boot ${b.boot}` })) : [];
		return this.kept = { of: marks, boots, wall, marks: [...events.marksOf(marks, base), ...opened],
			phases: wall ? [] : events.phasesOf(marks, base) };
	}

	nothing() {
		const { state, vm } = this;
		if (state.by !== "total" && this.source() === "guest" && !vm.guest)
			return "The guest's agent has sent nothing of this boot. The host's own counts may be there.";
		if (state.what !== "count" && vm.leaf === "no")
			return "Times need the kernel series on the host.";
		return "Nothing was recorded in this range. A longer one, or another source, may have something.";
	}

	// What follows when it moved no more.
	settle() {
		this.settling = null;
		if (!this.vm || !this.data || !this.view)
			return;
		this.side.set(this.panes, this.view, this.page.now());
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
		this.controls.links(this.vm, this.clock(), source, this.graph(source));
		this.controls.relate.href = this.page.address({ view: "correlate", vm: this.vm.id,
			...this.clock() });
		this.page.links();
	}

	// What a graph by the daemon takes, null where it draws no such thing.
	graph(source) {
		const { by, stacked, log } = this.state;
		const { kind, mode, reason, vcpu } = kinds.query(this.state, source, this.data.ids);
		if (!kinds.isExits(by) || by === "reason" && !reason)
			return null;
		const areas = stacked && !log && by !== "total";
		const yes = on => on ? "yes" : undefined;
		return { kind, mode, reason, vcpu, source, stacked: yes(areas), log: yes(log) };
	}
}
