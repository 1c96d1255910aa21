// SPDX-License-Identifier: GPL-2.0-or-later
// What is said about a boot in words and figures: the tiles above the charts, the boot
// selector's entries, the summary below.

import { h, setText, swatch } from "./dom.js";
import { current } from "./vmwords.js";
import * as api from "./api.js";
import * as format from "./format.js";
import { SOURCES, summary } from "./track.js";

const CAUSE = { reboot: "after a reboot", guest: "after a reboot of the guest" };

export function bootWords(boot) {
	const words = [`boot ${boot.boot}`, `started ${format.moment(boot.opened, api.now())}`];
	if (boot.cause === "found")
		words[1] = `seen from ${format.moment(boot.opened, api.now())}`;
	words.push(boot.closed === null ? "running" : `ran ${format.duration(boot.closed - boot.opened)}`);
	return words.join(", ");
}

export function bootOrigin(boot) {
	if (boot.complete)
		return ["counted from the first exit on", CAUSE[boot.cause]].filter(w => w).join(", ");
	return `counted from ${format.moment(boot.opened, api.now())} on, when vmexitd first saw it`;
}

// One tile: a label and a value for each source that has one.
class Tile {
	constructor(label) {
		this.label = h("dt", {}, label);
		this.root = h("div", { class: "tile" }, this.label);
		this.rows = SOURCES.map(source => {
			const value = h("span", {});
			const row = h("dd", {}, swatch(source), value, h("span", { class: "source" }, source));
			this.root.append(row);
			return { row, value };
		});
	}

	set(label, values, show) {
		setText(this.label, label);
		const any = values.some(v => Number.isFinite(v));
		values.forEach((v, i) => {
			this.rows[i].row.hidden = any ? !Number.isFinite(v) : i > 0;
			setText(this.rows[i].value, show(v));
		});
		this.root.classList.toggle("unknown", !any);
	}
}

// The guest itself: vCPUs and kernel.
class GuestTile {
	constructor() {
		this.vcpus = h("dd", {});
		this.kernel = h("dd", { class: "kernel" });
		this.root = h("div", { class: "tile" }, h("dt", {}, "Guest"), this.vcpus, this.kernel);
	}

	set(vcpus, kernel) {
		setText(this.vcpus, vcpus ? `${vcpus} vCPU${vcpus === 1 ? "" : "s"}` : format.NONE);
		setText(this.kernel, kernel ? `kernel ${kernel}` : "kernel not known");
		this.kernel.title = kernel ?? "The agent reports it.";
	}
}

export class Facts {
	constructor() {
		this.exits = new Tile("Exits since boot");
		this.rate = new Tile("Exits/s now");
		this.handling = new Tile("Handling share now");
		this.lost = new Tile("Lost share now");
		this.guest = new GuestTile();
		this.root = h("dl", { class: "tiles" }, ...Object.values(this).map(tile => tile.root));
	}

	// running: the boot is the latest and still open. mean(source, kind): the shares' means
	// over the whole boot, where known.
	set(vm, boot, running, mean) {
		const each = get => SOURCES.map(source => get(source) ?? NaN);
		const exits = each(s => running && vm[s] ? vm[s].exits : boot.sources[s]?.exits);
		this.exits.set(running ? "Exits since boot" : "Exits in this boot", exits, format.count);
		if (running) {
			this.rate.set("Exits/s now", each(s => current(vm, s)?.exits_rate), format.rate);
			this.handling.set("Handling share now", each(s => current(vm, s)?.handling_share), format.share);
			this.lost.set("Lost share now", each(s => current(vm, s)?.lost_share), format.share);
		} else {
			this.rate.set("Exits/s, mean", each(s => {
				const source = boot.sources[s];
				return source && (source.exits ?? NaN) / (source.to - boot.opened);
			}), format.rate);
			this.handling.set("Handling share, mean", each(s => mean?.(s, "handling")), format.share);
			this.lost.set("Lost share, mean", each(s => mean?.(s, "away")), format.share);
		}
		this.guest.set(boot.vcpus, boot.kernel);
	}
}

// What was in view, by source.
export class Summary {
	constructor() {
		this.span = h("p");
		this.body = h("tbody");
		const head = ["In view", "Exits", "Mean", "Peak", "Handling", "Lost"];
		this.root = h("section", { class: "summary", "aria-label": "In view" }, this.span,
			h("table", {}, h("thead", {}, h("tr", {}, ...head.map(text => h("th", { scope: "col" }, text)))), this.body));
	}

	// tracks by source and kind; view: from, to, on the axis of the boot.
	set(tracks, { from, to }) {
		const rows = SOURCES.map(s => this.row(s, tracks[s], from, to)).filter(r => r);
		// Unchanged rows stay, so that a selection in them does.
		const texts = nodes => [...nodes].map(n => n.textContent).join("\n");
		if (texts(this.body.children) !== texts(rows))
			this.body.replaceChildren(...rows);
		this.root.hidden = !rows.length;
		const span = to - from;
		setText(this.span, `${format.elapsed(from, span / 100, to)} to ${format.elapsed(to, span / 100, to)} ` +
			`since boot, ${format.duration(span)}`);
	}

	row(source, { count, handling, away }, from, to) {
		const exits = summary(count, from, to);
		if (!exits.points)
			return null;
		return h("tr", {},
			h("th", { scope: "row" }, swatch(source), source),
			h("td", {}, format.count(exits.sum)),
			h("td", {}, format.rate(exits.mean)),
			h("td", {}, format.rate(exits.peak)),
			h("td", {}, format.share(summary(handling, from, to).mean)),
			h("td", {}, format.share(summary(away, from, to).mean)));
	}
}
