// SPDX-License-Identifier: GPL-2.0-or-later
// The boot view: one boot of a VM from its creation on, live while it runs. Address:
// vm=NAME&boot=N (none: the latest, whichever that is), kind=handling|away (none: count),
// source=guest|host, and from=S&to=S or last=S, in seconds since the boot opened.

import { $, h, setText } from "./dom.js";
import { BootControls } from "./bootcontrols.js";
import { BootData, KINDS } from "./bootdata.js";
import { Chart } from "./chart.js";
import { Facts, Summary, bootOrigin } from "./facts.js";
import { Looks, OTHER, SOURCE_LOOK } from "./palette.js";
import { PhaseTable, bands } from "./phasetable.js";
import { agentWords, pathWords, quarantineWords, stateWords, stuckWords } from "./vmwords.js";
import * as api from "./api.js";
import * as events from "./events.js";
import * as notes from "./notes.js";
import * as timeline from "./timeline.js";
import { SOURCES } from "./track.js";

const UNITS = { count: "exits/s", handling: "1", away: "1" };
const KEPT_SAMPLES = 300;	// live samples put behind an answer that was under way
const RELOAD_AFTER = 1500;	// appended points, before asking for merged ones again
const FILL_EVERY_S = 5;		// holes of which a guest may have many
const PENDING_MS = 150;		// moves in so short a time ask once
const RANK_EVERY_S = [5, 60];	// phases and top reasons of a boot that goes on: least, most
const RANK_AGE = 20;		// and so often as this part of its age
const MARGIN = 0.5;		// of a window, to both sides, for moving

function name(chart, title) {
	chart.title = title;
	setText(chart.root.querySelector("h2").firstChild, title);
}

export class Boot {
	constructor(page) {
		this.page = page;
		this.looks = new Looks();
		this.facts = new Facts();
		this.summary = new Summary();
		this.words = h("p", { class: "words" });
		this.notes = h("div");
		this.controls = new BootControls({
			change: changes => this.change(changes),
			follow: () => this.follow(),
			reset: () => this.change({ span: null }),
		});
		const moves = { zoom: (from, to) => this.zoom(from, to), reset: () => this.change({ span: null }),
			hidden: () => this.invalidate() };
		this.charts = {
			stack: new Chart({ id: "stack", title: "By reason", on: moves }),
			exits: new Chart({ id: "exits", title: "Exits per second", note: "of all reasons", on: moves }),
			sum: new Chart({ id: "sum", title: "Exits since the boot began", on: moves }),
		};
		for (const chart of Object.values(this.charts))
			chart.tools.append(...this.controls.downloads(chart.root.id));
		this.phases = new PhaseTable({ zoom: (from, to) => this.zoom(from, to ?? this.full().to) });
		$("view-boot").append(
			h("header", { class: "vm" }, this.words, this.controls.boot),
			this.notes, this.facts.root, this.controls.root,
			this.charts.stack.root, this.charts.exits.root, this.charts.sum.root,
			this.phases.root, this.summary.root);
		setInterval(() => this.moves() && this.invalidate(), 1000);
		setInterval(() => this.moves() && this.rank(), RANK_EVERY_S[0] * 1000);
	}

	// ---- the frame's calls ----

	async show(params) {
		const vm = this.page.find(params.get("vm"));
		if (this.vm !== vm) {
			this.boots = this.data = this.means = null;
			this.recent = [];
		}
		this.first = 0;
		this.vm = vm;
		const kind = params.get("kind"), source = params.get("source");
		this.state = { span: timeline.readSpan(params, { boot: "latest" }),
			kind: KINDS.includes(kind) ? kind : KINDS[0], source: SOURCES.includes(source) ? source : null };
		this.state.span.boot ??= "latest";
		this.page.detail(vm.id);
		const boots = await this.ask();
		if (vm !== this.vm)
			return;
		this.boots = boots;
		await this.load();
	}

	hide() {
		this.abort?.abort();
		clearTimeout(this.pending);
		this.vm = null;
	}

	async vms() {
		const { vm } = this;
		const boots = await this.ask();
		if (vm !== this.vm)
			return;
		const began = boots[0]?.boot !== this.boots?.[0]?.boot;
		this.boots = boots;
		// Whoever watched the latest boot watches the new one, from its beginning.
		if (began && this.state.span.boot === "latest" || !this.data)
			this.change({ span: null });
		else
			this.invalidate();
	}

	async reload() {
		const { vm } = this;
		const boots = await this.ask();
		if (vm !== this.vm)
			return;
		this.boots = boots;
		await this.load();
	}

	theme() {
		this.invalidate();
	}

	report() {
		return { boot: this.state?.span.boot ?? "latest" };
	}

	sample(sample) {
		if (sample.vm !== this.vm?.id)
			return;
		this.recent.push(sample);
		if (this.recent.length > KEPT_SAMPLES)
			this.recent.shift();
		if (!this.data || this.data.to !== Infinity)
			return;
		const taken = this.data.take(sample);
		this.begin();
		const hole = !taken && sample.t - (this.filled ?? 0) > FILL_EVERY_S;
		if (hole)
			this.filled = sample.t;
		if (hole || this.data.appended > RELOAD_AFTER)
			this.soon();
		this.invalidate();
	}

	// ---- which boot, which time ----

	ask() {
		return api.boots(this.vm.id).then(answer => answer.boots);
	}

	boot() {
		return timeline.bootOf(this.state.span, this.boots);
	}

	running() {
		return this.boot().closed === null;
	}

	// Samples take a moment to be committed: the newest is the end, unless it is late.
	full() {
		const { opened } = this.boot();
		const end = this.data?.to === Infinity ? this.data.end() + opened : -Infinity;
		const { to } = timeline.fullOf(this.state.span, this.boots, Math.max(this.page.now() - 3, end));
		return { from: Math.min(this.first ?? 0, to - 1), to };
	}

	window() {
		return timeline.windowOf(this.state.span, this.full());
	}

	follows() {
		return timeline.follows(this.state.span, this.boots);
	}

	moves() {
		return this.vm && this.data && this.boot() && this.follows() && !document.hidden;
	}

	// changes: of the state; a span of null is the whole boot.
	change(changes) {
		if (!this.vm || !this.boots)
			return;
		const { boot } = this.state.span;
		if (changes.span?.boot !== undefined)
			this.first = 0;
		const span = "span" in changes ? { boot, from: null, to: null, last: null, ...changes.span } : this.state.span;
		this.state = { ...this.state, ...changes, span };
		this.write("span" in changes);
		this.load().catch(error => this.page.failed(error));
	}

	write(push) {
		const { span, kind, source } = this.state;
		this.page.go({ ...timeline.writeSpan(span), boot: span.boot === "latest" ? null : span.boot,
			kind: kind === KINDS[0] ? null : kind, source }, { push });
	}

	zoom(from, to) {
		if (!this.data)
			return;
		this.state = { ...this.state, span: timeline.spanTo(this.state.span, from, to, this.boots, this.full()) };
		this.write(false);
		this.render();
		if (this.lacks())
			this.soon();
	}

	// Whether the window needs data that are not here, or in finer steps.
	lacks() {
		const { data } = this;
		const { from, to } = this.window();
		const open = data.to === Infinity;
		return from < data.from || to > data.to || open !== this.follows() && data.merged ||
			data.merged && Math.abs((to - from) / data.seen - 1) > 0.02;
	}

	follow() {
		const { from, to } = this.window();
		this.change({ span: this.follows() ? { from, to } : {} });
	}

	soon() {
		clearTimeout(this.pending);
		this.pending = setTimeout(() => this.load().catch(error => this.page.failed(error)), PENDING_MS);
	}

	// ---- the data ----

	async load() {
		clearTimeout(this.pending);
		this.abort?.abort();
		const { signal } = this.abort = new AbortController();
		const { vm } = this;
		if (!this.boots.length) {
			this.page.panel(notes.failed(vm.name, notes.NO_BOOT));
			return;
		}
		const boot = this.boot();
		if (!boot)
			throw new api.ApiError(`there is no boot ${this.state.span.boot} of this VM`, 404);
		const data = new BootData(vm.id, boot, this.state.source, this.state.kind);
		const { from, to } = this.window();
		const { from: first, last } = this.state.span;
		const whole = first === null && last === null;
		const more = (to - from) * MARGIN;
		data.seen = to - from;
		try {
			await data.load({ from: whole ? null : Math.max(0, from - more), to: first === null ? null : to + more,
				points: this.points(whole ? 1 : 1 + 2 * MARGIN) }, signal);
		} catch (error) {
			if (signal.aborted)
				return;
			throw error;
		}
		if (signal.aborted)
			return;
		this.data = data;
		if (data.to === Infinity)
			this.recent.forEach(sample => data.take(sample));
		if (whole) {
			this.means = (source, kind) => data.mean(source, kind);
			this.first = null;
			this.begin();
		}
		this.render();
	}

	// A VM may have run for months before it was seen; of that there is nothing to draw.
	begin() {
		if (this.first === null && this.boot().complete)
			this.first = 0;
		const begin = this.data.begin();
		if (this.first === null && begin !== null)
			this.first = Math.max(0, begin);
	}

	// A little less than one interval for each pixel across.
	points(windows) {
		const width = $("view-boot").clientWidth || 900;
		return Math.round(Math.min(4000, Math.max(400, width * 0.8 * windows)));
	}

	// What becomes another while the boot goes on.
	async rank() {
		const { data, abort } = this;
		const now = this.page.now();
		const age = now - data.boot.opened;
		const every = Math.min(Math.max(age / RANK_AGE, RANK_EVERY_S[0]), RANK_EVERY_S[1]);
		if (data.to !== Infinity || !data.behind && now - (this.ranked ?? 0) < every)
			return;
		this.ranked = now;
		try {
			const others = await data.rank(abort.signal);
			await data.events(abort.signal);
			if (data !== this.data)
				return;
			if (others || data.behind)
				await this.load();
			else
				this.invalidate();
		} catch {
			// The banner says that the daemon is away; the next time will do.
		}
	}

	// ---- drawing ----

	invalidate() {
		this.frame ??= requestAnimationFrame(() => {
			this.frame = null;
			if (this.vm && this.data && this.boot())
				this.render();
		});
	}

	render() {
		const { data } = this;
		const { opened } = data.boot;
		const window = this.window();
		const view = { ...window, wall: false, live: this.follows(), full: this.full(),
			phases: bands(data.phases, opened) };
		this.header();
		const colours = this.drawStack(view);
		this.drawLines(this.charts.exits, view, data.kind, UNITS[data.kind]);
		this.drawLines(this.charts.sum, view, "sum", "exits");
		this.phases.set(data.phases, opened, colours);
		this.summary.set(data.tracks, view);
		this.controls.set({ vm: this.vm, boots: this.boots, boot: data.boot, state: this.state, source: data.source,
			follows: view.live, running: this.running(), finished: this.finished(), window,
			reasons: data.reasons.map(r => r.number), address: params => this.page.address(params) });
	}

	// When the boot had finished, on its axis, or null.
	finished() {
		const last = bands(this.data.phases, this.data.boot.opened).at(-1);
		return last?.label === "running" ? last.from : null;
	}

	// Returns the colours by reason.
	drawStack(view) {
		const { data } = this;
		const chart = this.charts.stack;
		const { parts, whole } = data.stack();
		const looks = this.looks.assign(data.reasons.map(r => String(r.number)));
		const curves = parts.map(part => ({ ...part, ...looks.get(part.id) ?? OTHER }));
		name(chart, { count: "Exits per second by reason", handling: "Handling, of all vCPUs' time, by reason",
			away: "Lost, of all vCPUs' time, by reason" }[data.kind]);
		chart.set({ ...view, unit: UNITS[data.kind], mode: "stacked", curves, whole,
			marks: events.marksOf(data.marks, data.boot.opened),
			gaps: events.gapsOf(data.gaps, data.boot.opened, [data.source]) });
		this.blank(chart, whole.t.length > 0, data.kind);
		return new Map(data.reasons.map(r => [r.number, looks.get(String(r.number)).colour]));
	}

	drawLines(chart, view, key, unit) {
		const { data } = this;
		if (key !== "sum")
			name(chart, { count: "Exits per second", handling: "Handling share", away: "Lost share" }[key]);
		const curves = SOURCES.map(source => ({ id: source, label: source, ...SOURCE_LOOK[source],
			track: data.tracks[source][key], slope: key === "sum" }));
		chart.set({ ...view, unit, curves, gaps: events.gapsOf(data.gaps, data.boot.opened, SOURCES) });
		this.blank(chart, curves.some(c => c.track.t.length), key);
	}

	blank(chart, any, kind) {
		chart.root.classList.toggle("none", !any);
		chart.empty(any ? "" : notes.emptyChart(kind, this.vm, { latest: this.running() }));
	}

	header() {
		const { vm, boots } = this;
		const boot = this.boot();
		const latest = boot === boots[0];
		const live = latest && vm.state === "running";
		const words = [latest ? stateWords(vm) : "an earlier boot", latest && stuckWords(vm),
			live && agentWords(vm), live && pathWords(vm), latest && quarantineWords(vm), bootOrigin(boot)];
		setText(this.words, words.filter(w => w).join(" · "));
		this.facts.set(vm, boot, latest && this.running(), this.means);
		const key = latest ? [vm.id, vm.name, vm.state, vm.agent, vm.leaf, vm.error, vm.quarantined?.samples].join("\n") : "";
		if (this.noted !== key) {
			this.noted = key;
			this.notes.replaceChildren(...(latest ? notes.vmNotes(vm) : []));
		}
	}
}
