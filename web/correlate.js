// SPDX-License-Identifier: GPL-2.0-or-later
// Which workload goes along with which exits: a ranked table, a pair of it as a scatter plot,
// and what exits there were while something ran. The address: #view=correlate&vm=VM with
// boot, or from and to (epoch seconds); y (count, handling, away), reason (all, or a number),
// source, max_lag; the pair: x, name, of (reason); by (mark, process, unit).

import { $, h, setText } from "./dom.js";
import { Attribution } from "./attribution.js";
import { bootWords } from "./facts.js";
import { Scatter } from "./scatter.js";
import { LongTable, block, choice, diverging, press, segments, setOptions } from "./parts.js";
import * as api from "./api.js";
import * as format from "./format.js";
import * as kinds from "./kinds.js";
import * as route from "./route.js";

const SHOWN = 15;
const LAG = "10";		// unless the address says another
const LAGS = [["0", "none"], ["2", "2 s"], ["5", "5 s"], ["", "10 s"], ["30", "30 s"], ["60", "1 min"]];
const YS = { count: "exits", handling: "time handling exits", away: "time away" };
const BYS = [["", "Marked intervals"], ["process", "Processes"], ["unit", "Units"]];
const HEADS = ["Workload", "", "Spearman (ranks)", "Pearson (line)", "Exits come", "Intervals"];
const READ = {
	pairs: "Spearman compares ranks: 1 when more of one always comes with more of the other, −1 when it " +
		"comes with less, 0 when they have nothing to do with each other. Pearson asks that of a " +
		"straight line, where single peaks weigh much. What goes together need not be cause and " +
		"effect: a third may drive both.",
	ran: "The upright line is the rest of the range, when this did not run; the whisker is where the value " +
		"lies with 95 % confidence. ● differs from the rest, ○ may by chance. A process or unit runs " +
		"where it takes more than a tenth of a CPU.",
};
const NOTHING = {
	mark: "The guest marked no interval here; vmexit-agent run -- COMMAND does, in the guest.",
	process: "No process took enough of a CPU here, or the guest shows none.",
	unit: "No unit took enough of a CPU here, or the guest shows none.",
};
const AROUND = 60;	// steps of the grid around a point, in Explore

export class Correlate {
	constructor(page) {
		this.page = page;
		this.loaded = {};
		this.params = new URLSearchParams();
		$("view-correlate").append(this.controls(),
			h("div", { class: "tables" }, this.ranking(), this.plot()), this.meanwhile());
	}

	controls() {
		this.range = choice("In", [],
			boot => this.change(boot === "range" ? {} : { boot, from: null, to: null }));
		this.y = choice("what goes along with", Object.entries(YS).map(([y, text]) => [y === "count" ? "" : y, text]),
			y => this.change({ y, of: null }));
		this.reason = choice("of", [], reason => this.change({ reason, of: null }));
		this.lag = choice("within", LAGS, max_lag => this.change({ max_lag }));
		return h("div", { class: "toolbar" },
			...[this.range, this.y, this.reason, this.lag].map(control => control.root));
	}

	ranking() {
		const heads = HEADS.map(text => h("th", { scope: "col" }, text));
		this.head = heads[1];
		this.body = h("tbody", {});
		this.long = new LongTable("pairs", "pairs-title", SHOWN, () => {
			this.pairs();
			this.mark();
		});
		this.long.table.append(h("thead", {}, h("tr", {}, ...heads)), this.body);
		this.none = h("details", { class: "unknown" });
		this.words = h("p", { class: "read" });
		return block("pairs-title", "What goes along with the exits", this.long.root, this.none, this.words,
			h("p", { class: "read" }, READ.pairs));
	}

	plot() {
		this.scatter = new Scatter({
			look: (point, byKey) => this.look(point, byKey),
			choose: point => location.hash = this.moment(point[0]),
		});
		this.scatter.root.setAttribute("aria-describedby", "scatter-read");
		this.point = h("p", { class: "point", "aria-live": "off" });
		this.each = h("span", {});
		const key = text => h("kbd", {}, text);
		return this.drawing = block("scatter-title", "In the plot", this.scatter.root, this.point,
			h("p", { class: "read", id: "scatter-read" }, this.each, "; the dashed line is the straight ",
			  "one next to all of them. ", key("←"), " ", key("→"), " go from point to point in time, ",
			  key("Enter"), " or a double click shows its moment in Explore."));
	}

	meanwhile() {
		this.attribution = new Attribution("attribution-title");
		this.by = segments("What ran", BYS, by => this.change({ by }));
		this.nothing = h("p", { class: "why" });
		return block("attribution-title", "What ran meanwhile", h("div", { class: "toolbar" }, this.by),
			this.attribution.root, this.nothing, h("p", { class: "read" }, READ.ran));
	}

	change(changes) {
		this.page.go(changes, { push: true });
		this.update(route.change(this.params, changes)).catch(error => this.page.failed(error));
	}

	async show(params) {
		await this.update(new URLSearchParams(params));
		this.page.links();	// the report is of the range now
	}

	hide() {
		for (const part of Object.values(this.loaded))
			part.abort?.abort();
		this.loaded = {};
	}

	sample() {}

	vms() {
		this.boots();
	}

	reload() {
		this.loaded = {};
		return this.update(this.params);
	}

	theme() {
		this.scatter.draw();
	}

	report() {
		const { from, to } = this.span();
		return from ? { from, to } : null;
	}

	// What the numbers are of: {boot}, or {from, to} of one boot or of all.
	span() {
		const [boot, from, to] = ["boot", "from", "to"].map(key => this.params.get(key));
		return from && to ? { boot, from, to } : { boot: boot ?? "latest" };
	}

	async update(params) {
		this.params = params;
		this.vm = this.page.find(params.get("vm"));
		this.of = Object.hasOwn(YS, params.get("y")) ? params.get("y") : "count";
		this.settings();
		this.boots();
		if (!this.loaded.pairs)
			setText(this.words, "Comparing …");
		const what = { ...this.span(), source: params.get("source") };
		const max_lag = params.get("max_lag") ?? LAG, by = params.get("by") ?? "mark";
		await Promise.all([
			this.part("pairs", api.correlate, { ...what, y: this.of, reason: params.get("reason"), max_lag },
				answer => this.ranked(answer)),
			this.part("attribution", api.attribution, { ...what, by }, () => {}),
		]);
		if (params !== this.params)
			return;
		this.ran(this.loaded.attribution.answer, by);
		await this.mark();
	}

	// Asks for what is not there yet, and gives it to run(); an error that says why there is
	// nothing takes the answer's place.
	async part(name, ask, params, run) {
		const key = JSON.stringify([this.vm.id, params]);
		const before = this.loaded[name];
		if (before?.key === key)
			return before.done;
		before?.abort.abort();
		const part = this.loaded[name] = { key, abort: new AbortController() };
		part.done = ask(this.vm.id, params, part.abort.signal).catch(error => {
			if (error.status !== 400 && error.status !== 404)
				throw error;
			return { error: error.message, pairs: [], rows: [], points: [] };
		}).then(answer => {
			if (this.loaded[name] !== part)
				return;
			part.answer = answer;
			run(answer);
		}, error => {
			if (this.loaded[name] !== part)
				return;
			delete this.loaded[name];
			throw error;
		});
		return part.done;
	}

	// The controls say what is shown.
	settings() {
		const { params } = this;
		const lag = params.get("max_lag") ?? "";
		this.y.select.value = this.of === "count" ? "" : this.of;
		this.lag.select.value = lag === LAG ? "" : lag;
		press(this.by, params.get("by") ?? "");
	}

	// The boots to choose from, and the range of the address if it has one.
	async boots() {
		const { vm, params } = this;
		if (!vm)
			return;
		const boots = await api.boots(vm.id).then(a => a.boots, () => []);
		if (vm !== this.vm || params !== this.params)
			return;
		const { from, to } = this.span();
		const options = boots.map((b, i) => [i ? String(b.boot) : "", bootWords(b)]);
		if (from) {
			const [begin, end] = [from, to].map(t => format.moment(Number(t), this.page.now()));
			options.push(["range", `${begin} to ${end}`]);
		}
		const { select } = this.range;
		setOptions(select, options);
		const boot = params.get("boot") ?? "latest";
		const latest = [String(boots[0]?.boot), "latest"].includes(boot);
		select.value = from ? "range" : latest ? "" : boot;
	}

	// An answer of /correlate.
	ranked(answer) {
		this.long.all = false;
		this.known = answer.pairs.filter(p => !p.why);
		const unknown = answer.pairs.filter(p => p.why);
		this.none.hidden = !unknown.length;
		this.none.replaceChildren(h("summary", {}, `${unknown.length} without a number, and why`),
			h("ul", {}, ...unknown.map(({ x, y, why }) =>
				h("li", {}, `${kinds.workload(x)}, ${kinds.exits(y)}: ${why}`))));
		setText(this.words, answer.error ?? (this.known.length ?
			`The first ${format.count(answer.pairs.length)} of ${format.count(answer.pairs_total)} pairs. Of ` +
			`${format.count(answer.tests)} comparisons some agree by chance: pairs that agree no better may be chance.` :
			"There is no pair to compare in this range."));
		this.reasons(answer);
		this.pairs();
	}

	// What to choose from as y: what pairs are there of, besides all of it.
	reasons(answer) {
		const { select } = this.reason;
		const wanted = this.params.get("reason") ?? "";
		const options = new Map([["", "all, and frequent reasons"], ["all", "all, and each reason"]]);
		for (const o of select.options)
			options.set(o.value, o.textContent);
		for (const { y } of answer.pairs) {
			if (y.reason !== null && y.reason !== undefined)
				options.set(String(y.reason), y.reason_name ?? String(y.reason));
		}
		if (!options.has(wanted))
			options.set(wanted, wanted);
		setOptions(select, [...options]);
		select.value = wanted;
	}

	same(pair) {
		const { params } = this;
		return pair.x.kind === params.get("x") && (pair.x.name ?? "") === (params.get("name") ?? "") &&
			String(pair.y.reason ?? "") === (params.get("of") ?? "");
	}

	address(pair) {
		return this.page.address(route.change(this.params, { x: pair.x.kind, name: pair.x.name ?? null,
			of: pair.y.reason ?? null }));
	}

	pairs() {
		this.rows = this.long.take(this.known).map(pair => {
			const { x, y, spearman, pearson } = pair;
			const link = h("a", { href: this.address(pair) }, kinds.workload(x));
			const word = pair.notable ? kinds.strength(spearman) : "may be chance";
			const cells = [[y.reason === null ? "all" : y.reason_name ?? y.reason],
				correlation(spearman, h("small", {}, word)), correlation(pearson), [kinds.lag(pair.lag)],
				[`${format.count(pair.n)} × ${format.duration(pair.step)}`]];
			const row = h("tr", {}, h("th", { scope: "row" }, link), ...cells.map(c => h("td", {}, ...c)));
			return { pair, link, row };
		});
		this.body.replaceChildren(...this.rows.map(r => r.row));
		this.long.table.hidden = !this.rows.length;
		setText(this.head, `${YS[this.of]} of`);
	}

	// Marks the chosen pair, the first without a choice, and draws it.
	mark() {
		const pair = this.known.find(p => this.same(p)) ?? this.known[0];
		for (const { link, row, pair: its } of this.rows) {
			link.href = this.address(its);
			row.className = its === pair ? "chosen" : "";
			if (its === pair)
				link.setAttribute("aria-current", "true");
			else
				link.removeAttribute("aria-current");
		}
		this.drawing.hidden = !pair;
		if (!pair)
			return undefined;
		const { x, y, lag } = pair;
		return this.part("scatter", api.scatter, { ...this.span(), source: this.params.get("source"),
			x: x.kind, name: x.name, y: y.kind, reason: y.reason, lag }, answer => this.cloud(pair, answer));
	}

	cloud({ x, y, spearman, pearson }, { points, step, error }) {
		this.axes = { x: axis(kinds.workload(x), x.unit), y: axis(kinds.exits(y), y.unit) };
		const what = `${kinds.exits(y)} against ${kinds.workload(x)}`;
		setText(this.drawing.querySelector("h2"), `In the plot: ${what}`);
		setText(this.each, error ?? `A point is one interval of ${format.duration(step)}`);
		this.scatter.set(points, this.axes.x, this.axes.y,
			`${what}: ${points.length} points, Spearman ${number(spearman)}, Pearson ${number(pearson)}`);
	}

	// The point looked at, in words, with the way to its moment.
	look(point, byKey) {
		this.point.setAttribute("aria-live", byKey ? "polite" : "off");
		if (!point) {
			this.point.replaceChildren("Point at the plot, or use the arrow keys in it.");
			return;
		}
		const [t, x, y] = point;
		this.point.replaceChildren(`${format.moment(t, this.page.now())}: ${this.axes.y.show(y)} at ` +
			`${this.axes.x.show(x)}. `, h("a", { href: this.moment(t) }, "Show it in Explore"));
	}

	moment(t) {
		const around = Math.max(1, AROUND * (this.loaded.pairs?.answer?.step ?? 1) / 2);
		return this.page.address({ view: "explore", vm: this.vm.id, from: (t - around).toFixed(3),
			to: (t + around).toFixed(3) });
	}

	// An answer of /attribution.
	ran(answer, by) {
		const some = answer.rows.length > 0;
		this.attribution.root.hidden = !some;
		this.nothing.hidden = some;
		setText(this.nothing, answer.error ?? NOTHING[by] ?? "");
		if (some)
			this.attribution.set(answer, this.of, { mark: "Mark", process: "Process", unit: "Unit" }[by]);
	}
}

function axis(words, unit) {
	return {
		label: unit === "exits/s" ? `${words}/s` : `${words}, ${format.unitName(unit)}`,
		show: v => format.value(v, unit),
		tick: (v, step, top) => format.axis(v, step, top, unit),
	};
}

function number(r) {
	return Number.isFinite(r) ? r.toFixed(2).replace("-", "−") : format.NONE;
}

// A number from -1 to 1, as a bar from the middle.
function correlation(r, ...more) {
	return [diverging(r), h("span", { class: "value" }, number(r)), ...more];
}
