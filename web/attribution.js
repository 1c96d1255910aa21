// SPDX-License-Identifier: GPL-2.0-or-later
// What ran, and how many exits there were meanwhile: a table whose values are drawn with
// their 95 % intervals as whiskers beside the baseline, the rest of the range.

import { h } from "./dom.js";
import { LongTable, points } from "./parts.js";
import { percent, signed } from "./changes.js";
import * as format from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 200;
const SHOWN = 15;

const OUTCOMES = { above: "▲ more", below: "▼ less", unclear: "○ may be chance" };

// By y of the address: which value of a row, and how it and a difference are written.
export const VALUES = {
	count: { key: "rate", label: "Exits/s", show: format.rate, delta: format.rate },
	handling: { key: "handling_share", label: "Handling share", show: format.share, delta: points },
	away: { key: "away_share", label: "Share away", show: format.share, delta: points },
};

// "above" or "below" the rest of the range if the interval of the difference leaves no doubt,
// else "unclear"; null where nothing is known.
export function verdict(v) {
	if (!v)
		return null;
	return v.difference_low > 0 ? "above" : v.difference_high < 0 ? "below" : "unclear";
}

// The right end of the whiskers' scale, which begins at zero.
export function reach(values) {
	return Math.max(...values.filter(v => v).flatMap(v => [v.high, v.value, v.baseline]), 0) || 1;
}

function shape(tag, attributes) {
	const element = document.createElementNS(SVG, tag);
	for (const [name, value] of Object.entries(attributes))
		element.setAttribute(name, value);
	return element;
}

function whisker(v, most) {
	const x = value => (6 + Math.max(0, value) / most * (WIDTH - 12)).toFixed(1);
	const path = (name, d) => shape("path", { class: name, d });
	const svg = shape("svg", { class: "whisker", viewBox: `0 0 ${WIDTH} 18`, "aria-hidden": "true" });
	const [low, high] = [x(v.low), x(v.high)];
	svg.append(path("base", `M${x(v.baseline)} 0v18`),
		path("span", `M${low} 9H${high}M${low} 5v8M${high} 5v8`),
		shape("circle", { class: verdict(v), cx: x(v.value), cy: 9, r: 4 }));
	return svg;
}

export class Attribution {
	constructor(id) {
		this.long = new LongTable("attribution", id, SHOWN, () => this.draw());
		this.root = this.long.root;
	}

	// answer of /attribution; y: a key of VALUES; what: head of the first column.
	set(answer, y, what) {
		Object.assign(this, { answer, y, what });
		this.long.all = false;
		this.draw();
	}

	draw() {
		const { answer: { rows, baseline }, y } = this;
		const { key, label, show } = VALUES[y];
		const others = Object.entries(VALUES).filter(([name]) => name !== y).map(([, v]) => v);
		const shown = this.long.take(rows);
		const most = reach(shown.map(r => r[key]));
		const scale = shown.some(r => r[key]) ? `${label}, 0 to ${show(most)}` : label;
		const heads = [this.what, "Ran for", scale, "95 % interval", "Against the rest", ...others.map(o => o.label)];
		this.long.table.replaceChildren(
			h("caption", {}, `${label} in the whole range: ${show(baseline[key])}`),
			h("thead", {}, h("tr", {}, ...heads.map(text => h("th", { scope: "col" }, text)))),
			h("tbody", {}, ...shown.map(row => this.row(row, most, others))));
	}

	row(row, most, others) {
		const { key, show, delta } = VALUES[this.y];
		const v = row[key];
		const cells = [h("th", { scope: "row" }, row.name), h("td", {}, format.duration(row.seconds),
			h("small", {}, row.intervals > 1 ? ` in ${row.intervals}` : ""))];
		if (!v)
			return h("tr", {}, ...cells,
				h("td", { class: "why", colspan: 3 + others.length }, row.why ?? "not known"));
		const said = verdict(v);
		const ratio = v.baseline > 0 ? `, ${percent(v.value / v.baseline - 1)}` : "";
		return h("tr", {}, ...cells,
			h("td", {}, h("span", { class: "value" }, show(v.value)), whisker(v, most)),
			h("td", {}, `${show(v.low)} to ${show(v.high)}`),
			h("td", {}, signed(v.difference, delta) + ratio,
				h("span", { class: `outcome ${said}` }, OUTCOMES[said])),
			...others.map(o => h("td", {}, o.show(row[o.key]?.value))));
	}
}
