// SPDX-License-Identifier: GPL-2.0-or-later
// A chart's legend: a button for each curve, which hides and shows it; pressed long, or with
// shift, it shows that curve alone. Beside it the value under the cursor.

import { h, setText, swatch } from "./dom.js";

const LONG_MS = 500;

export class Legend {
	// on: changed() when other curves are to be drawn, strong(id or null) while one is pointed at.
	constructor(root, on) {
		this.root = root;
		this.on = on;
		this.hidden = new Set();
		this.entries = new Map();
	}

	// curves: {id, label, title, colour, dash}; stacked: swatches are areas.
	set(curves, stacked) {
		const key = curves.map(c => [c.id, c.label, c.colour, c.title, stacked].join("\t")).join("\n");
		if (key === this.key)
			return;
		this.key = key;
		this.curves = curves;
		this.entries = new Map(curves.map(curve => [curve.id, this.entry(curve, stacked)]));
		this.root.replaceChildren(...[...this.entries.values()].map(e => e.button));
	}

	entry(curve, stacked) {
		const value = h("span", { class: "value" });
		const title = `${curve.title ?? `Show or hide ${curve.label}`}. With shift, or pressed long: alone`;
		const button = h("button", { type: "button", title, "data-id": curve.id,
			"aria-pressed": String(!this.hidden.has(curve.id)) },
			swatch(curve.colour, stacked ? null : curve.dash ?? []),
			h("span", { class: "label" }, `${curve.label} `), value);
		let timer = null, long = false;
		button.addEventListener("pointerdown", () => {
			long = false;
			timer = setTimeout(() => {
				long = true;
				this.alone(curve.id);
			}, LONG_MS);
		});
		for (const type of ["pointerup", "pointerleave", "pointercancel"])
			button.addEventListener(type, () => clearTimeout(timer));
		button.addEventListener("contextmenu", event => long && event.preventDefault());
		button.addEventListener("click", event => {
			if (!long)
				event.shiftKey ? this.alone(curve.id) : this.toggle(curve.id);
			long = false;
		});
		button.addEventListener("pointerenter", () => this.on.strong(curve.id));
		button.addEventListener("pointerleave", () => this.on.strong(null));
		button.addEventListener("focus", () => button.matches(":focus-visible") && this.on.strong(curve.id));
		button.addEventListener("blur", () => this.on.strong(null));
		return { button, value };
	}

	toggle(id) {
		if (!this.hidden.delete(id))
			this.hidden.add(id);
		this.changed();
	}

	// This one only, or all again.
	alone(id) {
		const others = this.curves.map(c => c.id).filter(other => other !== id);
		const already = !this.hidden.has(id) && others.every(other => this.hidden.has(other));
		this.hidden = new Set(already ? [] : others);
		this.changed();
	}

	hide(ids) {
		if (ids.length === this.hidden.size && ids.every(id => this.hidden.has(id)))
			return;
		this.hidden = new Set(ids);
		this.show();
	}

	changed() {
		this.show();
		this.on.changed();
	}

	show() {
		for (const [id, { button }] of this.entries)
			button.setAttribute("aria-pressed", String(!this.hidden.has(id)));
	}

	value(id, text) {
		const entry = this.entries.get(id);
		if (entry)
			setText(entry.value, text);
	}
}
