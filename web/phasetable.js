// SPDX-License-Identifier: GPL-2.0-or-later
// The phases of a boot as a table, and as a chart shades them.

import { h, setText, swatch } from "./dom.js";
import * as format from "./format.js";

const WORDS = {
	firmware: "from the VM's creation to the start of the guest's kernel",
	kernel: "to the begin of the initramfs",
	initramfs: "to the start of the system's own userspace",
	userspace: "to the end of the boot",
	running: "after the boot",
};
const FEW = 3;

// On the axis of a boot; of what nobody told there are none.
export function bands(phases, opened) {
	return (phases?.phases ?? []).filter(p => p.name !== "unknown").map(p => ({ label: p.name, from: p.from - opened,
		to: p.to === null ? null : p.to - opened }));
}

export class PhaseTable {
	// on.zoom(from, to): when a phase is to be looked at; to: null while it is still on.
	constructor(on) {
		this.on = on;
		this.body = h("tbody");
		this.foot = h("tfoot");
		this.words = h("p", { class: "hint" });
		const head = ["Phase", "Begin", "Length", "Exits", "Exits/s", "Handling", "Lost", "Most frequent"];
		this.root = h("section", { class: "chart phases", "aria-labelledby": "phases-title" },
			h("header", {}, h("h2", { id: "phases-title" }, "Phases of the boot")),
			h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of the phases" },
				h("table", {}, h("thead", {}, h("tr", {}, ...head.map(text => h("th", { scope: "col" }, text)))),
					this.body, this.foot)),
			this.words);
	}

	// answer: /phases', or null. colours: a Map of variables by reason's number.
	set(answer, opened, colours) {
		this.root.hidden = !bands(answer, opened).length;
		if (this.root.hidden)
			return;
		const key = JSON.stringify([answer, [...colours]]);
		if (key === this.key)
			return;
		this.key = key;
		this.body.replaceChildren(...answer.phases.map(phase => this.row(phase, opened, colours)));
		this.foot.replaceChildren(h("tr", {}, h("th", { scope: "row" }, "all"), h("td"), ...figures(answer.total, colours)));
		const shared = answer.total.shared > 0 ? "Exits of a sample that spans the edge of two phases are shared out " +
			`by time: ${format.count(answer.total.shared)} were. ` : "";
		setText(this.words, `Seen by the ${answer.source}. ${shared}`);
	}

	row(phase, opened, colours) {
		const from = phase.from - opened;
		const name = h("button", { type: "button", class: "link", title: `${WORDS[phase.name] ?? ""}. Zoom to it` }, phase.name);
		name.addEventListener("click", () => this.on.zoom(from, phase.to === null ? null : phase.to - opened));
		return h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, format.elapsed(from, 0.1, from)),
			...figures(phase, colours));
	}
}

function figures(p, colours) {
	const top = (p.reasons ?? []).filter(r => r.count > 0).sort((a, b) => b.count - a.count).slice(0, FEW);
	return [format.duration(p.seconds), format.count(p.exits ?? NaN), format.rate(p.rate ?? NaN),
		format.share(p.handling_share ?? NaN), format.share(p.lost_share ?? NaN)].map(text => h("td", {}, text)).concat(
		h("td", { class: "most" }, ...top.map(r => h("span", {}, colours.has(r.number) ? swatch(colours.get(r.number), null) : null,
			`${r.name ?? r.number} ${format.share(r.count / p.exits)}`))));
}
