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
const POINTS = 1500;
const ABOUT = 0.1;		// of a phase's exits, from intervals over its edge

const SOURCES = [["", "the guest, if it can"], ["guest", "the guest"], ["host", "the host"]];
const KIND_CHOICES = [["", "exits"], ["handling", "time handling exits"], ["away", "time away"]];
const seconds = v => format.value(v, "s");
// Titles of the charts; of a phase or the whole, and of a reason: the value, how it and a
// difference are written.
const KINDS = {
	count: {
		rate: "Exits per second", sum: "Exits since the boot began",
		phase: [p => p.exits, format.count], reason: [r => r.count, format.count],
	},
	handling: {
		rate: "Handling share", sum: "Handling time since the boot began",
		phase: [p => p.handling_share, format.share, points], reason: [r => r.handling, seconds],
	},
	away: {
		rate: "Share away", sum: "Time away since the boot began",
		phase: [p => p.away_share, format.share, points], reason: [r => r.away, seconds],
	},
};

const key = reason => `${reason.namespace}:${reason.number}`;
const whole = ({ phases, boots }) => commonPhases(phases, boots.map((b, i) => i));
const isAbout = part => part && part.shared > ABOUT * part.exits;

// What a table shows of a phase or reason, or of the whole.
function row([value, show, delta], { boots }) {
	return { values: boots.map(b => b ? value(b) ?? null : null), show, delta };
}

function time(part) {
	if (!part)
		return "";
	const counted = isCovered(part) ? "" : `, ${format.share(part.covered / part.seconds)} counted`;
	return `in ${format.duration(part.seconds)}${counted}`;
}

// What to call a reason: where there are several kinds of CPU, with its own.
function namer(reasons) {
	const several = new Set(reasons.map(r => r.namespace)).size > 1;
	return r => `${r.name ?? r.number}${several ? ` (${r.namespace.toUpperCase()})` : ""}`;
}

export class Compare {
	constructor(page) {
		this.page = page;
		this.params = new URLSearchParams();
		this.picker = new BootPicker(page,
			boots => this.change({ boots: writeBoots(boots) || null }, { push: true }));
		this.hint = h("p", { class: "hint", role: "status" });
		this.verdict = h("div", { class: "verdict", role: "status" });
		this.phases = new ChangeTable("Phase", "compare-phases");
		this.reasons = new ChangeTable("Reason", "compare-reasons");
		const on = {
			zoom: (from, to) => this.zoom(from, to),
			reset: () => this.change({ from: null, to: null }),
		};
		this.charts = ["rate", "sum"].map(what =>
			new Chart({ id: `compare-${what}`, title: KINDS.count[what], sync: "compare", on }));
		this.results = h("div", {}, this.verdict, this.controls(), ...this.charts.map(c => c.root),
			this.tables());
		$("view-compare").append(this.picker.root, this.hint, this.results);
	}

	controls() {
		this.over = segments("Over", [["", "Start"], ["whole", "Whole boot"]],
			over => this.change({ over, from: null, to: null }));
		this.kind = choice("Show", KIND_CHOICES, kind => this.change({ kind }));
		this.reason = choice("of", [], reason => this.change({ reason }));
		this.source = choice("as counted by", SOURCES, source => this.change({ source }));
		this.log = h("input", { type: "checkbox" });
		this.log.addEventListener("change",
			() => this.change({ log: this.log.checked ? 1 : null }, { here: true }));
		return h("div", { class: "toolbar" }, this.over, this.kind.root, this.reason.root,
			this.source.root, h("label", {}, this.log, " logarithmic"));
	}

	tables() {
		this.edges = h("p", { class: "read" }, "≈ A sample's interval reaches over an edge of the ",
			"phase: its exits are shared out in proportion to time.");
		this.read = h("p", { class: "read" });
		return this.columns = h("div", { class: "tables" },
			block("compare-phases", "What changed, by phase", this.phases.root, this.edges),
			block("compare-reasons", "What changed, by reason", this.reasons.root, this.read));
	}

	// here: the data that are there will do.
	change(changes, { push = false, here = false } = {}) {
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
		const kind = Object.hasOwn(KINDS, params.get("kind")) ? params.get("kind") : "count";
		const wanted = params.get("reason");
		const row = answer.reasons.find(r => key(r) === wanted);
		const { from, to } = this.window(answer, 0.5);
		const curves = mode => Promise.all(answer.boots.map((b, i) => wanted && !row?.boots[i] ? null :
			this.track(b, { source: answer.source, kind, mode, reason: row?.number,
				from: from > 0 ? (b.opened + from).toFixed(3) : null,
				to: to === undefined ? null : (b.opened + to).toFixed(3) }, signal)));
		const [rates, sums] = await Promise.all([curves("rate"), curves("cumulative")]);
		if (signal.aborted)
			return;
		Object.assign(this, { answer, tracks: [rates, sums], wanted, of: kind });
		this.picker.set(this.boots, answer.boots);
	}

	// One boot's curve: {track, unit}, null without one.
	async track({ vm, boot }, params, signal) {
		const { series } = await api.series(vm.id,
			{ ...params, boot, align: "boot", points: POINTS }, signal);
		const track = emptyTrack();
		for (const { t, dt, v, min, max } of series)
			t.forEach((at, i) => append(track, { t: at, dt: dt[i], v: v[i], min: min[i], max: max[i] }));
		return series.length ? { track, unit: series[0].unit } : null;
	}

	// The phases of the boots' starts that all of them went through, unless more is wanted.
	start(answer) {
		return this.params.has("over") ? [] : whole(answer);
	}

	// What of the boots is to be seen, with a part of it more on both sides.
	window(answer, more = 0) {
		const from = Number(this.params.get("from") ?? NaN), to = Number(this.params.get("to") ?? NaN);
		if (to > from)
			return { from: Math.max(0, from - more * (to - from)), to: to + more * (to - from) };
		const ends = answer.boots.map((b, i) => answer.phases.filter(p => p.name !== "running")
			.reduce((sum, p) => sum + (p.boots[i]?.seconds ?? 0), 0));
		const to_start = this.start(answer).length > 0;
		return { from: 0, to: to_start ? Math.max(...ends) * (1.05 + more) : undefined };
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
		this.hint.hidden = !!answer;
		setText(this.hint, answer ? "" : this.missing());
		if (!answer)
			return;
		this.settings();
		this.sentences();
		this.draw();
		this.fill();
	}

	// Why there is nothing to see.
	missing() {
		const n = this.boots.length;
		if (n > 1)
			return this.refused;
		return n ? "Add a second boot to compare it with the baseline." : "Add two boots or more.";
	}

	// The controls say what is shown.
	settings() {
		const { answer, params, wanted } = this;
		const label = namer(answer.reasons);
		const options = answer.reasons.map(r => [key(r), label(r)]);
		if (wanted && !options.some(([value]) => value === wanted))
			options.push([wanted, wanted]);
		setOptions(this.reason.select, [["", "all reasons"], ...options]);
		this.reason.select.value = wanted ?? "";
		this.kind.select.value = this.of === "count" ? "" : this.of;
		const source = params.get("source") ?? "";
		this.source.select.value = source;
		setText(this.source.select.options[0],
			source ? SOURCES[0][1] : `${SOURCES[0][1]} (it is the ${answer.source})`);
		this.log.checked = params.has("log");
		this.over.firstChild.disabled = !whole(answer).length;
		press(this.over, this.start(answer).length ? "" : "whole");
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
		const { answer, wanted } = this;
		const kind = KINDS[this.of];
		const reason = answer.reasons.find(r => key(r) === wanted)?.name ?? wanted;
		const ends = this.tracks.flat().map(t => t ? lastEnd(t.track) : NaN).filter(Number.isFinite);
		const full = { from: 0, to: Math.max(1, ...answer.boots.map(b => b.seconds ?? 0), ...ends) };
		const view = { full, log: this.params.has("log"), live: false, phases: this.bands() };
		const { from, to = full.to } = this.window(answer);
		this.charts.forEach((chart, c) => {
			const curves = this.curves(c);
			const title = c ? kind.sum : kind.rate;
			setText(chart.root.querySelector("h2"), reason ? `${reason}: ${title}` : title);
			chart.set({ ...view, from, to, curves, unit: curves[0]?.unit ?? "exits/s" });
			chart.empty(curves.some(t => t.track.t.length) ? "" : "No boot has such samples.");
		});
	}

	curves(c) {
		return this.tracks[c].map((t, i) => t && { ...t, ...look(i), id: LETTERS[i], slope: c === 1,
			label: `${LETTERS[i]} ${this.name(i, true)}` }).filter(t => t);
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

	fill() {
		const { answer } = this;
		const kind = KINDS[this.of];
		const names = this.boots.map((b, i) => this.name(i));
		this.columns.style.setProperty("--least", `${200 + 200 * names.length}px`);
		// How long it went on after its start says nothing of it.
		const phase = p => ({ ...row(kind.phase, p), name: p.name, notes: p.boots.map(time),
			about: p.boots.map(isAbout), place: p.name === "running" ? "bottom" : null });
		const total = { ...row(kind.phase, answer), name: "whole boot", notes: answer.boots.map(time),
			place: "bottom" };
		this.phases.set([...answer.phases.map(phase), total], names);
		this.edges.hidden = !answer.phases.some(p => p.boots.some(isAbout));

		const common = this.start(answer);
		const all = common.length ? reasonsWithin(common, answer.boots) : answer.reasons;
		const own = r => r.namespace === answer.boots[0].namespace;
		const label = namer(all);
		const reason = r => ({ ...row(kind.reason, r), name: label(r), title: `number ${r.number}`,
			group: r.namespace, place: r.number === IDLE_REASON ? "bottom" : null });
		this.reasons.set([...all.filter(own), ...all.filter(r => !own(r))].map(reason), names);
		const where = common.length ? `In ${common.map(p => p.name).join(", ")}` : "In the whole boots";
		setText(this.read, `${where}: ▲ more, ▼ less than the baseline, and by what part of it. Two boots ` +
			"never take quite the same exits: boot a few times before believing in a small difference.");
	}
}
