// SPDX-License-Identifier: GPL-2.0-or-later
// What Compare and Correlate are made of.

import { h } from "./dom.js";
import * as format from "./format.js";

// A select with a label before it; options: [[value, text], ...]. change(value) is told null
// for the value "", which goes without saying in an address.
export function choice(label, options, change) {
	const select = h("select", {});
	setOptions(select, options);
	select.addEventListener("change", () => change(select.value || null));
	return { select, root: h("label", {}, `${label} `, select) };
}

// Replaces the options, [[value, text], ...], if they are others, which it returns.
export function setOptions(select, options) {
	const key = JSON.stringify(options);
	if (select.dataset.key === key)
		return false;
	select.dataset.key = key;
	select.replaceChildren(...options.map(([value, text]) => h("option", { value }, text)));
	return true;
}

// Buttons of which one is pressed, with the same options.
export function segments(label, options, change) {
	const buttons = options.map(([value, text]) => {
		const button = h("button", { type: "button", "data-value": value }, text);
		button.addEventListener("click", () => change(value || null));
		return button;
	});
	return h("div", { class: "segments", role: "group", "aria-label": label }, ...buttons);
}

export function press(group, value) {
	for (const button of group.children)
		button.setAttribute("aria-pressed", String(button.dataset.value === value));
}

export function block(id, text, ...children) {
	return h("section", { class: "chart" }, h("h2", { id }, text), ...children);
}

// A bar from the middle to the left or to the right; part: -1 to 1.
export function diverging(part) {
	const fill = h("i", { class: part < 0 ? "down" : "up" });
	fill.style.width = `${Math.abs(part) * 50}%`;
	return h("span", { class: "diverging", "aria-hidden": "true" }, fill);
}

// A difference of shares.
export function points(v) {
	return format.share(v).replace("%", "points");
}

// A table of which the first rows are shown, and the rest when asked for.
export class LongTable {
	// draw(): by take().
	constructor(name, id, most, draw) {
		this.most = most;
		this.table = h("table", { class: name, "aria-labelledby": id });
		const button = this.button = h("button", { type: "button", class: "rest" });
		button.addEventListener("click", () => {
			this.all = true;
			draw();
		});
		this.root = h("div", {},
			h("div", { class: "scroll", tabindex: "0", role: "group", "aria-labelledby": id }, this.table),
			button);
	}

	take(rows) {
		this.button.hidden = this.all || rows.length <= this.most;
		this.button.textContent = `Show all ${rows.length}`;
		return this.all ? rows : rows.slice(0, this.most);
	}
}
