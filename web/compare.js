// SPDX-License-Identifier: GPL-2.0-or-later
// Boots beside each other: their curves from t=0, and what changed by phase and by reason.
// The address: #view=compare&boots=VM:BOOT,VM:BOOT&source=guest&kind=count&reason=svm:120,
// with over=whole for more than the boots' starts, log=1, and from and to, seconds since the
// boots began, as far as wanted.

import { $, h, setText } from "./dom.js";
import { Chart } from "./chart.js";
import { BootPicker } from "./bootpicker.js";
import { ChangeTable } from "./changetable.js";
import { LETTERS, commonPhases, isCovered, readBoots, reasonsWithin, verdicts, writeBoots } from "./changes.js";
import { block, choice, points, press, segments, setOptions } from "./parts.js";
import { IDLE_REASON } from "./explorekinds.js";
import { look } from "./palette.js";
import { append, emptyTrack, lastEnd } from "./track.js";
import * as api from "./api.js";
import * as format from "./format.js";
import * as route from "./route.js";

const AGAIN_MS = 5000;		// a boot that goes on is asked for again
const SETTLE_MS = 150;		// a zoom that goes on asks once
const ABOUT = 0.1;		// of a phase's exits, from intervals over its edge

const SOURCES = { "": "the guest, if it can", guest: "the guest", host: "the host" };
const seconds = v => format.value(v, "s");
// Of a phase or the whole, and of a reason: the value, how it and a difference are written.
const KINDS = {
	count: { label: "exits", rate: "Exits per second", sum: "Exits since the boot began",
		 phase: [p => p.exits, format.count], reason: [r => r.count, format.count] },
	handling: { label: "time handling exits", rate: "Handling share", sum: "Handling time since the boot began",
		    phase: [p => p.handling_share, format.share, points], reason: [r => r.handling, seconds] },
	away: { label: "time away", rate: "Share away", sum: "Time away since the boot began",
		phase: [p => p.away_share, format.share, points], reason: [r => r.away, seconds] },
};

const isAbout = part => part && part.shared > ABOUT * part.exits;

export class Compare {
	constructor(page) {
		this.page = page;
		this.params = new URLSearchParams();
		this.picker = new BootPicker(page, boots => this.change({ boots: writeBoots(boots) || null }, true));
		this.hint = h("p", { class: "hint", role: "status" });
		this.verdict = h("div", { class: "verdict", role: "status" });
		this.kind = choice("Show", Object.fromEntries(Object.entries(KINDS).map(([k, v]) => [k, v.label])),
			v => this.change({ kind: v === "count" ? null : v }));
		this.reason = choice("of", { "": "all reasons" }, v => this.change({ reason: v || null }));
		this.source = choice("as counted by", SOURCES, v => this.change({ source: v || null }));
		this.log = h("input", { type: "checkbox" });
		this.log.addEventListener("change", () => this.change({ log: this.log.checked ? 1 : null }, false, true));
		this.over = segments("Over", [["", "Start"], ["whole", "Whole boot"]],
			over => this.change({ over: over || null, from: null, to: null }));
		this.phases = new ChangeTable("Phase", "compare-phases");
		this.reasons = new ChangeTable("Reason", "compare-reasons");
		const on = { zoom: (from, to) => this.zoom(from, to), reset: () => this.change({ from: null, to: null }) };
		this.charts = [new Chart({ id: "compare-rate", title: KINDS.count.rate, sync: "compare", on }),
			new Chart({ id: "compare-sum", title: KINDS.count.sum, sync: "compare", on })];
		this.results = h("div", {}, this.verdict,
			h("div", { class: "toolbar" }, this.over, this.kind.root, this.reason.root, this.source.root,
				h("label", {}, this.log, " logarithmic")),
			...this.charts.map(c => c.root),
			this.columns = h("div", { class: "tables" },
				block("compare-phases", "What changed, by phase", this.phases.root,
					this.edges = h("p", { class: "read" }, "≈ A sample's interval reaches over an edge of the phase: ",
						"its exits are shared out in proportion to time.")),
				block("compare-reasons", "What changed, by reason", this.reasons.root,
					this.read = h("p", { class: "read" }))));
		$("view-compare").append(this.picker.root, this.hint, this.results);
	}

	// here: the data that are there will do.
	change(changes, push = false, here = false) {
		this.params = route.change(this.params, changes);
		this.page.go(changes, { push });
		clearTimeout(this.again);
		this.again = null;
		if (here)
			this.render();
		else
			this.later(0);
	}

	// Asks again, unless it is about to.
	later(ms) {
		this.again ??= setTimeout(() => this.load().catch(error => this.page.failed(error)), ms);
	}

	show(params) {
		this.params = new URLSearchParams(params);
		return this.load();
	}

	hide() {
		this.abort?.abort();
		clearTimeout(this.again);
		this.again = this.answer = null;
	}

	vms() {
		this.picker.vms();
	}

	reload() {
		return this.load();
	}

	theme() {
		this.charts.forEach(c => c.draw());
	}

	// A boot that goes on has more to show, from time to time.
	sample({ vm, boot, source }) {
		if (this.answer?.source === source && this.boots.some(b => b.vm === vm && b.boot === boot))
			this.later(AGAIN_MS);
	}

	// The boots of the address; without any the latest two of its VM.
	async chosen(signal) {
		const boots = readBoots(this.params.get("boots"));
		const vm = this.page.find(this.params.get("vm")) ?? this.page.vms[0];
		if (boots.length || this.params.has("boots") || !vm)
			return boots;
		const latest = (await api.boots(vm.id, signal)).boots.slice(0, 2).reverse();
		const found = latest.map(b => ({ vm: vm.id, boot: b.boot }));
		if (found.length && !signal.aborted) {
			const changes = { boots: writeBoots(found) };
			this.params = route.change(this.params, changes);
			this.page.go(changes);
		}
		return found;
	}

	async load() {
		this.abort?.abort();
		clearTimeout(this.again);
		this.again = null;
		const { signal } = this.abort = new AbortController();
		try {
			this.boots = await this.chosen(signal);
			const text = writeBoots(this.boots);
			if (text !== this.text)
				this.answer = null;
			this.text = text;
			this.picker.set(this.boots, this.answer?.boots);
			if (this.boots.length > 1)
				await this.ask(signal);
		} catch (error) {
			if (signal.aborted)
				return;
			// Which boots to compare is put right here.
			if (![400, 404].includes(error.status))
				throw error;
			this.answer = null;
			this.refused = error.message;
		}
		if (!signal.aborted)
			this.render();
	}

	async ask(signal) {
		const { params } = this;
		this.refused = "";
		const answer = await api.compare({ boots: this.text, source: params.get("source") }, signal);
		const kind = KINDS[params.get("kind")] ? params.get("kind") : "count";
		const key = params.get("reason");
		const row = answer.reasons.find(r => `${r.namespace}:${r.number}` === key);
		const { from, to } = this.window(answer, 0.5);
		const curves = mode => Promise.all(answer.boots.map((b, i) => key && !row?.boots[i] ? null :
			this.track(b, { source: answer.source, kind, mode, reason: row?.number,
				from: from > 0 ? (b.opened + from).toFixed(3) : null,
				to: to === undefined ? null : (b.opened + to).toFixed(3) }, signal)));
		const [rates, sums] = await Promise.all([curves("rate"), curves("cumulative")]);
		if (signal.aborted)
			return;
		Object.assign(this, { answer, tracks: [rates, sums], key, of: kind });
		this.picker.set(this.boots, answer.boots);
	}

	// One boot's curve: {track, unit}, null without one.
	async track({ vm, boot }, params, signal) {
		const answer = await api.series(vm.id, { ...params, boot, align: "boot", points: 1500 }, signal);
		const track = emptyTrack();
		for (const s of answer.series)
			s.t.forEach((t, i) => append(track, { t, dt: s.dt[i], v: s.v[i], min: s.min[i], max: s.max[i] }));
		return answer.series.length ? { track, unit: answer.series[0].unit } : null;
	}

	// The phases of the boots' starts that all of them went through, unless more is wanted.
	start(answer) {
		return this.params.get("over") === "whole" ? [] : commonPhases(answer.phases, answer.boots.map((b, i) => i));
	}

	// What of the boots is to be seen, with a part of it more on both sides.
	window(answer, more = 0) {
		const from = Number(this.params.get("from") ?? NaN), to = Number(this.params.get("to") ?? NaN);
		if (to > from)
			return { from: Math.max(0, from - more * (to - from)), to: to + more * (to - from) };
		const ends = answer.boots.map((b, i) => answer.phases.filter(p => p.name !== "running")
			.reduce((sum, p) => sum + (p.boots[i]?.seconds ?? 0), 0));
		return { from: 0, to: this.start(answer).length ? Math.max(...ends) * (1.05 + more) : undefined };
	}

	// The address and finer data follow when the movement is over.
	zoom(from, to) {
		const changes = { from: from.toFixed(3), to: to.toFixed(3) };
		this.params = route.change(this.params, changes);
		this.render();
		clearTimeout(this.again);
		this.again = setTimeout(() => this.change(changes), SETTLE_MS);
	}

	name(i, short) {
		const { vm, boot } = this.boots[i];
		const name = this.page.find(vm)?.name ?? vm;
		const one = short && this.boots.every(b => b.vm === vm);
		return one ? `boot ${boot}` : `${name} boot ${boot}`;
	}

	render() {
		const { answer } = this;
		this.results.hidden = !answer;
		setText(this.hint, answer ? "" : this.refused && this.boots.length > 1 ? this.refused :
			this.boots.length ? "Add a second boot to compare it with the baseline." : "Add two boots or more.");
		this.hint.hidden = !!answer;
		if (!answer)
			return;
		this.toolbar();
		this.sentences();
		this.draw();
		this.tables();
	}

	toolbar() {
		const { answer } = this;
		const spaces = new Set(answer.reasons.map(r => r.namespace));
		const options = answer.reasons.map(r => [`${r.namespace}:${r.number}`,
			`${r.name ?? r.number}${spaces.size > 1 ? ` (${r.namespace.toUpperCase()})` : ""}`]);
		if (this.key && !options.some(([value]) => value === this.key))
			options.push([this.key, this.key]);
		setOptions(this.reason.select, [["", "all reasons"], ...options]);
		this.reason.select.value = this.key ?? "";
		this.kind.select.value = this.of;
		this.source.select.value = this.params.get("source") ?? "";
		this.source.select.options[0].textContent = this.params.get("source") ? SOURCES[""] :
			`${SOURCES[""]} (it is the ${answer.source})`;
		this.log.checked = this.params.has("log");
		const start = this.start(answer).length > 0;
		this.over.firstChild.disabled = !commonPhases(answer.phases, answer.boots.map((b, i) => i)).length;
		press(this.over, start ? "" : "whole");
	}

	sentences() {
		const names = this.boots.map((b, i) => `${this.name(i, true)} (${LETTERS[i]})`);
		const [first, ...rest] = verdicts(this.answer, names).map(v => v.text);
		const key = [first, ...rest].join("\n");
		if (this.verdict.dataset.key === key)
			return;
		this.verdict.dataset.key = key;
		this.verdict.replaceChildren(h("p", {}, first),
			...(rest.length ? [h("ul", {}, ...rest.map(text => h("li", {}, text)))] : []));
	}

	draw() {
		const { answer } = this;
		const kind = KINDS[this.of];
		const row = answer.reasons.find(r => `${r.namespace}:${r.number}` === this.key);
		const ends = this.tracks.flat().map(t => t ? lastEnd(t.track) : NaN).filter(Number.isFinite);
		const full = { from: 0, to: Math.max(1, ...answer.boots.map(b => b.seconds ?? 0), ...ends) };
		const { from, to = full.to } = this.window(answer);
		this.charts.forEach((chart, c) => {
			const tracks = this.tracks[c];
			const curves = tracks.map((t, i) => t && { id: LETTERS[i], label: `${LETTERS[i]} ${this.name(i, true)}`,
				...look(i), track: t.track, slope: c === 1 }).filter(t => t);
			setText(chart.root.querySelector("h2"), (this.key ? `${row?.name ?? this.key}: ` : "") + (c ? kind.sum : kind.rate));
			chart.set({ from, to, full, curves, unit: tracks.find(t => t)?.unit ?? "exits/s", live: false,
				log: this.params.has("log"), phases: this.bands() });
			chart.empty(curves.some(t => t.track.t.length) ? "" : "None of these boots has such samples.");
		});
	}

	// The baseline's phases.
	bands() {
		let end = 0;
		return this.answer.phases.filter(p => p.boots[0]).map(({ name, boots: [p] }) => {
			const from = end;
			end += p.seconds;
			return { from, to: end, label: `A: ${name}` };
		});
	}

	tables() {
		const { answer } = this;
		const kind = KINDS[this.of];
		const names = this.boots.map((b, i) => this.name(i));
		const row = ([value, show, delta], { name, boots, title, group, place }, note) => ({ name, title, group, place,
			values: boots.map(b => b ? value(b) ?? null : null), notes: boots.map(b => b && note?.(b)),
			about: boots.map(isAbout), show, delta });
		const time = p => `in ${format.duration(p.seconds)}` +
			(isCovered(p) ? "" : `, ${format.share(p.covered / p.seconds)} counted`);
		const common = this.start(answer);
		const all = common.length ? reasonsWithin(common, answer.boots) : answer.reasons;
		const own = r => r.namespace === answer.boots[0].namespace;
		const reasons = [...all.filter(own), ...all.filter(r => !own(r))];
		this.columns.style.setProperty("--least", `${200 + 200 * names.length}px`);
		// How long it went on after its start says nothing of it.
		this.phases.set([...answer.phases.map(p => row(kind.phase, { ...p, place: p.name === "running" ? "bottom" : null }, time)),
			{ ...row(kind.phase, { name: "whole boot", boots: answer.boots, place: "bottom" }, time), about: null }], names);
		const spaces = new Set(reasons.map(r => r.namespace));
		this.reasons.set(reasons.map(r => row(kind.reason, { boots: r.boots, group: r.namespace, title: `number ${r.number}`,
			place: r.number === IDLE_REASON ? "bottom" : null,
			name: `${r.name ?? r.number}${spaces.size > 1 ? ` (${r.namespace.toUpperCase()})` : ""}` })), names);
		this.edges.hidden = !answer.phases.some(p => p.boots.some(isAbout));
		setText(this.read, `${common.length ? `In ${common.map(p => p.name).join(", ")}.` : "In the whole boots."} ▲ more, ` +
			"▼ less than the baseline: by how much, and by what part of it. Two boots never take quite the " +
			"same exits: boot a few times before believing in a small difference.");
	}
}
