// SPDX-License-Identifier: GPL-2.0-or-later
// The boot view: one VM, which boot and which range of time, the data of it, and what
// moves along as samples arrive.

import { $, h, setText } from "./dom.js";
import { Chart } from "./chart.js";
import { LEAST_SPAN_S } from "./scale.js";
import { SOURCE_LOOK } from "./palette.js";
import { Facts, bootOrigin, bootWords, setSummary } from "./facts.js";
import { agentWords, pathWords, quarantineWords, stateWords, stuckWords } from "./vmwords.js";
import * as api from "./api.js";
import * as notes from "./notes.js";
import { SOURCES, append, build, firstStart, lastEnd, summary, trim } from "./track.js";

// Seconds up to now; "boot" is the whole of one boot.
export const RANGES = { boot: null, "1m": 60, "5m": 300, "1h": 3600, "24h": 86400 };
const KINDS = ["count", "handling"];
const UNITS = { count: "exits/s", handling: "1" };
const KEPT_SAMPLES = 300;	// live samples put behind an answer that was under way
const RELOAD_AFTER = 1500;	// appended points, before asking for merged ones again

// The address: vm=NAME&boot=2&range=5m&from=1.5&to=3, or last=SECONDS instead of from and to.
function readRoute(params) {
	const number = name => params.has(name) && Number.isFinite(Number(params.get(name))) ?
		Number(params.get(name)) : undefined;
	const range = params.get("range");
	const boot = number("boot");
	const route = { boot: boot ?? null,
		range: boot === undefined && Object.hasOwn(RANGES, range) ? range : "boot" };
	const from = number("from"), to = number("to"), last = number("last");
	if (last > 0)
		route.from = last;
	else if (from !== undefined && to > from)
		Object.assign(route, { from, to });
	return route;
}

function writeRoute(route) {
	const open = route.to === undefined;
	const number = v => v === undefined ? null : +v.toFixed(3);
	return { boot: route.boot, range: route.range === "boot" ? null : route.range,
		from: open ? null : number(route.from), to: number(route.to),
		last: open ? number(route.from) : null };
}

export class Boot {
	constructor(page) {
		this.page = page;
		this.facts = new Facts();
		const moves = { zoom: (from, to) => this.zoom(from, to), reset: () => this.reset(),
			hidden: () => this.invalidate() };
		this.charts = { count: new Chart({ root: $("exits"), on: moves }),
				handling: new Chart({ root: $("handling"), on: moves }) };
		for (const button of $("ranges").children)
			button.addEventListener("click", () => this.change({ range: button.dataset.range }));
		$("boot").addEventListener("change", event => this.change({
			boot: event.target.value === "latest" ? null : Number(event.target.value), range: "boot" }));
		$("reset").addEventListener("click", () => this.reset());
		$("follow").addEventListener("click", () => this.follow());
		setInterval(() => this.moves() && this.invalidate(), 1000);
	}

	// this.route: {boot: number or null for the latest, range, from, to}. from and to are a
	// zoom on the axis shown; `to` left open follows the newest sample.
	async show(params) {
		const vm = this.page.find(params.get("vm"));
		const same = this.vm?.id === vm.id;
		this.vm = vm;
		this.route = readRoute(params);
		if (!same) {
			this.boots = this.tracks = this.means = null;
			this.recent = [];
		}
		await this.loadBoots(true);
	}

	hide() {
		this.abort?.abort();
		this.vm = null;
	}

	vms() {
		return this.loadBoots();
	}

	async reload() {
		await this.loadBoots();
		await this.load();
	}

	theme() {
		this.invalidate();
	}

	go(route) {
		const other = route.from === undefined;
		this.page.go(writeRoute(route), { push: other });
	}

	change(change) {
		if (!this.vm)
			return;
		const route = { ...this.route, from: undefined, to: undefined, ...change };
		this.route = route;
		this.go(route);
		this.load();
	}

	// The boot shown; in a range over boots, the latest.
	boot() {
		const { boot, range } = this.route;
		if (boot === null || range !== "boot")
			return this.boots[0];
		return this.boots.find(b => b.boot === boot);
	}

	running() {
		return this.boot() === this.boots[0] && this.boots[0].closed === null;
	}

	// Asks which boots there are; the data too if a new one began, or if told to.
	async loadBoots(reload = false) {
		const vm = this.vm;
		try {
			const { boots } = await api.boots(vm.id);
			if (vm !== this.vm)
				return;
			const before = this.boots?.[0]?.boot;
			this.boots = boots;
			const changed = boots[0]?.boot !== before;
			if (!boots.length) {
				this.page.panel(notes.failed(vm.name, notes.NO_BOOT));
			} else if (changed || reload || !this.tracks) {
				if (changed && before !== undefined)
					this.bootBegan();
				await this.load();
			} else {
				this.invalidate();
			}
		} catch (error) {
			if (vm === this.vm)
				this.page.failed(error);
		}
	}

	// Whoever watched the latest boot watches the new one, from its beginning.
	bootBegan() {
		if (this.route.boot !== null || this.route.range !== "boot")
			return;
		this.tracks = this.means = null;
		if (this.route.from !== undefined) {
			this.route = { ...this.route, from: undefined, to: undefined };
			this.go(this.route);
		}
	}

	// What to ask /series for, and what the answer will cover.
	request() {
		const { range } = this.route;
		const wall = range !== "boot";
		const params = { points: this.points(), kind: KINDS.join(",") };
		const base = wall ? 0 : this.boot()?.opened ?? 0;
		let from = -Infinity, to = Infinity;
		if (!wall)
			params.boot = this.boot()?.boot ?? this.route.boot;
		if (wall || this.route.from !== undefined) {
			const window = this.window();
			const margin = (window.to - window.from) / 2;
			from = window.from - margin;
			params.from = Math.max(0, base + from).toFixed(6);
			if (this.route.to !== undefined) {
				to = window.to + margin;
				params.to = (base + to).toFixed(6);
			}
		}
		return { params, from, to, base };
	}

	// A little less than one interval for each pixel across.
	points() {
		const width = $("exits").clientWidth || 900;
		return Math.round(Math.min(4000, Math.max(400, width * 0.8)));
	}

	async load() {
		this.abort?.abort();
		const abort = this.abort = new AbortController();
		const vm = this.vm;
		if (!this.boots?.length)
			return;
		try {
			const { params, from, to, base } = this.request();
			const answer = await api.series(vm.id, params, abort.signal);
			if (abort.signal.aborted || vm !== this.vm)
				return;
			const zero = this.route.range === "boot" ? answer.origin : 0;
			this.tracks = build(answer.series, zero);
			this.base = zero || base;
			this.loaded = { from, to, merged: answer.series.some(merged) };
			this.appended = 0;
			if (to === Infinity)
				this.recent.forEach(sample => this.take(sample));
			if (from === -Infinity && this.route.range === "boot")
				this.means = Object.fromEntries(SOURCES.map(s =>
					[s, summary(this.tracks[s].handling, -Infinity, Infinity).mean]));
			this.render();
		} catch (error) {
			if (!abort.signal.aborted && vm === this.vm)
				this.page.failed(error);
		}
	}

	// A committed sample of the VM shown, from the live stream.
	sample(sample) {
		if (sample.vm !== this.vm?.id)
			return;
		this.recent.push(sample);
		if (this.recent.length > KEPT_SAMPLES)
			this.recent.shift();
		if (!this.tracks || this.loaded.to !== Infinity)
			return;
		this.take(sample);
		if (this.appended > RELOAD_AFTER)
			this.load();
		this.invalidate();
	}

	take(sample) {
		const tracks = this.tracks[sample.source];
		if (!tracks || (this.route.range === "boot" && sample.boot !== this.boot()?.boot))
			return;
		const point = { t: sample.t - this.base, dt: sample.dt };
		if (append(tracks.count, { ...point, v: sample.exits_rate }))
			this.appended++;
		append(tracks.handling, { ...point, v: sample.handling_share ?? NaN });
	}

	// The right end of what there is, on the axis shown. Samples take a moment to be
	// committed, so that the newest is the end unless it is late.
	edge() {
		const wall = this.route.range !== "boot";
		const base = wall ? 0 : this.base ?? this.boot().opened;
		const ends = this.tracks && this.loaded?.to === Infinity ?
			SOURCES.map(s => lastEnd(this.tracks[s].count)).filter(Number.isFinite) : [];
		const boot = this.boot();
		if (!wall && boot.closed !== null)
			return Math.max(boot.closed - base, ...ends);
		return Math.max(this.page.now() - 3 - base, ...ends);
	}

	full() {
		const edge = this.edge();
		const seconds = RANGES[this.route.range];
		if (seconds)
			return { from: edge - seconds, to: edge };
		const starts = this.tracks && this.loaded?.from === -Infinity ?
			SOURCES.map(s => firstStart(this.tracks[s].count)).filter(Number.isFinite) : [];
		return { from: Math.min(0, ...starts), to: Math.max(edge, 1) };
	}

	window() {
		const { from, to } = this.route;
		if (from === undefined)
			return this.full();
		if (to !== undefined)
			return { from, to };
		const edge = this.edge();
		return { from: edge - from, to: edge };	// following: from is the span
	}

	follows() {
		return this.route.to === undefined && (this.route.range !== "boot" || this.running());
	}

	moves() {
		return this.vm && this.boots?.length && this.tracks && !document.hidden && this.follows();
	}

	// Shows from..to of the axis; follows on if that reaches the newest sample.
	zoom(from, to) {
		if (!this.tracks)
			return;
		const full = this.full();
		if (to - from < LEAST_SPAN_S) {
			const middle = (from + to) / 2;
			[from, to] = [middle - LEAST_SPAN_S / 2, middle + LEAST_SPAN_S / 2];
		}
		const open = this.route.range !== "boot" || this.running();
		const before = this.route.to;
		if (open && to >= full.to - (to - from) * 0.01)
			this.route = { ...this.route, from: to - from, to: undefined };
		else
			this.route = { ...this.route, from: Math.max(from, full.from), to: Math.min(to, full.to) };
		const whole = this.route.range === "boot" && from <= full.from && to >= full.to;
		if (whole)
			this.route = { ...this.route, from: undefined, to: undefined };
		this.go(this.route);
		this.render();
		if (this.lacks() || before !== undefined && this.route.to === undefined) {
			clearTimeout(this.pending);
			this.pending = setTimeout(() => this.load(), 120);
		}
	}

	// Whether the window needs data that are not here, or in finer steps.
	lacks() {
		const { from, to } = this.window();
		return this.loaded.merged || from < this.loaded.from || to > this.loaded.to;
	}

	reset() {
		if (this.route?.from !== undefined)
			this.change({});
	}

	follow() {
		if (!this.tracks)
			return;
		if (this.follows())
			this.zoom(this.window().from, this.window().to - (this.window().to - this.window().from) * 0.02);
		else
			this.change({});
	}

	invalidate() {
		this.frame ??= requestAnimationFrame(() => {
			this.frame = null;
			if (this.vm && this.tracks)
				this.render();
		});
	}

	render() {
		if (!this.boot())
			return;
		this.header();
		const wall = this.route.range !== "boot";
		const { from, to } = this.window();
		const view = { from, to, wall, live: this.follows(), marks: this.marks(wall) };
		if (wall && this.follows()) {
			for (const source of SOURCES)
				KINDS.forEach(kind => trim(this.tracks[source][kind], from - (to - from)));
		}
		for (const kind of KINDS)
			this.chart(this.charts[kind], kind, view);
		setSummary(this.tracks, view);
		this.toolbar(wall, from, to);
	}

	chart(chart, kind, view) {
		const none = SOURCES.every(s => !this.tracks[s][kind].t.length);
		chart.root.classList.toggle("none", none);
		chart.root.classList.toggle("soon", this.running() && this.vm.agent === "connected" &&
			this.vm.leaf !== "no");
		const curves = SOURCES.map(source => ({ id: source, label: source, ...SOURCE_LOOK[source],
			track: this.tracks[source][kind] }));
		chart.set({ ...view, curves, unit: UNITS[kind], full: this.full() });
		const drawn = Object.values(JSON.parse(chart.plot.dataset.points)).some(n => n > 0);
		chart.empty(drawn || chart.hidden.size ? "" : notes.emptyChart(kind, this.vm,
			{ latest: this.running(), wall: view.wall }));
	}

	// Where a boot began, in a range over boots.
	marks(wall) {
		return wall ? this.boots.map(b => ({ x: b.opened, label: `boot ${b.boot}` })) : [];
	}

	header() {
		const vm = this.vm;
		if (!this.boots.length)
			return;
		const boot = this.boot();
		const latest = boot === this.boots[0];
		const words = [latest ? stateWords(vm) : "an earlier boot"];
		if (latest && stuckWords(vm))
			words.push(stuckWords(vm));
		if (latest && vm.state === "running")
			words.push(agentWords(vm));
		if (latest && vm.state === "running" && pathWords(vm))
			words.push(pathWords(vm));
		if (latest && quarantineWords(vm))
			words.push(quarantineWords(vm));
		words.push(bootOrigin(boot));
		setText($("vm-words"), words.join(" · "));
		this.options();
		this.notes(latest);
		this.facts.set(vm, boot, latest && boot.closed === null,
			this.route.range === "boot" ? this.means : null);
	}

	options() {
		const texts = this.boots.map(bootWords);
		const key = texts.join("\n");
		const select = $("boot");
		if (this.optionsKey !== key) {
			this.optionsKey = key;
			select.replaceChildren(...this.boots.map((b, i) =>
				h("option", { value: i ? b.boot : "latest" }, texts[i])));
		}
		const boot = this.boot();
		const value = boot === this.boots[0] ? "latest" : String(boot.boot);
		if (select.value !== value)
			select.value = value;
	}

	notes(latest) {
		const { vm } = this;
		const key = latest ? [vm.id, vm.name, vm.state, vm.agent, vm.leaf, vm.error].join("\n") : "";
		if (this.notesKey === key)
			return;
		this.notesKey = key;
		$("notes").replaceChildren(...(latest ? notes.vmNotes(vm) : []));
	}

	toolbar(wall, from, to) {
		for (const button of $("ranges").children)
			button.setAttribute("aria-pressed", String(button.dataset.range === this.route.range));
		const zoomed = this.route.from !== undefined;
		$("reset").hidden = !zoomed;
		const follow = $("follow");
		follow.hidden = !wall && !this.running();
		follow.setAttribute("aria-pressed", String(this.follows()));
		setText(follow, this.follows() ? "Live" : "Go live");
		this.links(wall, zoomed, from, to);
	}

	// Downloads hold what is in view.
	links(wall, zoomed, from, to) {
		const params = wall ? {} : { boot: this.boot().boot };
		if (wall || zoomed) {
			const base = wall ? 0 : this.base;
			params.from = Math.max(0, base + from).toFixed(3);
			params.to = (base + to).toFixed(3);
		}
		const { id } = this.vm;
		$("csv").href = api.url(api.vmPath(id, "samples.csv"), params);
		const theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
		for (const kind of KINDS) {
			for (const link of this.charts[kind].root.querySelectorAll("a[data-format]"))
				link.href = api.url(api.vmPath(id, `graph.${link.dataset.format}`),
					{ ...params, kind, width: 1200, height: 480, theme });
		}
		// The names, where the daemon gives none.
		const name = [this.vm.name, wall ? this.route.range : `boot-${this.boot().boot}`].join("-");
		$("csv").download = `${name}.csv`;
		for (const link of document.querySelectorAll("a[data-format]"))
			link.download = `${name}-${link.closest(".chart").id}.${link.dataset.format}`;
	}
}

function merged(series) {
	return series.t.some((t, i) => series.min[i] !== series.max[i]);
}
