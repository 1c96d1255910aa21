// SPDX-License-Identifier: GPL-2.0-or-later
// What of a boot is shown, to choose with mouse and keys, and what leads on from there.

import { h, setText } from "./dom.js";
import { bootWords } from "./facts.js";
import * as api from "./api.js";

const KINDS = [["count", "Exits", "Exits per second"],
	["handling", "Handling", "Time that vCPUs spent on having exits handled"],
	["away", "Lost", "Time that the guest lost to its exits, without idle time"]];
const SOURCES = [["guest", "Guest", "As the guest counts its exits"], ["host", "Host", "As KVM counts the VM's exits"]];
const MINUTE_S = 60;
const FORMATS = ["svg", "png", "pdf"];
const LISTED = 200;	// boots that one can choose from

function segments(label, entries, choose) {
	const buttons = entries.map(([value, text, title]) => {
		const button = h("button", { type: "button", "data-value": value, title }, text);
		button.addEventListener("click", () => choose(value));
		return button;
	});
	const root = h("div", { class: "segments", role: "group", "aria-label": label }, ...buttons);
	return { root, buttons, press: value => buttons.forEach(b =>
		b.setAttribute("aria-pressed", String(b.dataset.value === value))) };
}

export class BootControls {
	// on: change(changes of the state), follow(), reset().
	constructor(on) {
		this.on = on;
		this.select = h("select");
		this.select.addEventListener("change", () => on.change({ span: {
			boot: this.select.value === "latest" ? "latest" : Number(this.select.value) } }));
		this.boot = h("label", { class: "boot" }, "Boot ", this.select);
		this.range = segments("Range", [["whole", "Whole boot"], ["start", "Startup", "From the VM's creation to the end of the boot"],
			["minute", "Last minute"]], value => on.change({ span: this.span(value) }));
		this.live = h("button", { type: "button", class: "follow" });
		this.live.addEventListener("click", () => on.follow());
		this.unzoom = h("button", { type: "button", hidden: true }, "Reset zoom");
		this.unzoom.addEventListener("click", () => on.reset());
		this.kind = segments("What of the exits", KINDS, kind => on.change({ kind }));
		this.source = segments("Who counts", SOURCES, source => on.change({ source }));
		this.compare = h("a", { class: "download" }, "Compare with…");
		this.csv = h("a", { class: "download", download: true, "aria-label": "Samples in view as CSV" }, "CSV");
		this.links = [];
		this.root = h("div", { class: "toolbar" }, this.range.root, this.live, this.unzoom,
			h("span", { class: "spring" }), this.kind.root, this.source.root, this.compare, this.csv);
	}

	// The links to pictures of a chart: "stack", "exits" or "sum".
	downloads(chart) {
		return FORMATS.map(format => {
			const link = h("a", { "data-format": format, download: true,
				"aria-label": `${{ stack: "Exits by reason", exits: "Exits of all reasons", sum: "Exits since the boot began" }[chart]} as ${format.toUpperCase()}` },
				format.toUpperCase());
			this.links.push({ link, chart, format });
			return link;
		});
	}

	span(value) {
		return { whole: {}, start: { from: 0, to: this.finished }, minute: { last: MINUTE_S } }[value];
	}

	// now: vm, boots, boot (that is shown), state, source, follows, running, finished (seconds,
	// or null), window, reasons (numbers of the stack), address(params).
	set(now) {
		const { span, kind } = now.state;
		this.finished = now.finished;
		this.options(now.boots, now.boot);
		const [, start, minute] = this.range.buttons;
		start.hidden = now.finished === null;
		minute.hidden = !now.running;
		this.range.press(span.last === MINUTE_S ? "minute" : span.from === null && span.last === null ? "whole" :
			span.from === 0 && Math.abs(span.to - now.finished) < 0.01 ? "start" : "");
		this.live.hidden = !now.running;
		this.live.setAttribute("aria-pressed", String(now.follows));
		setText(this.live, now.follows ? "Live" : "Go live");
		this.unzoom.hidden = span.from === null && span.last === null;
		this.kind.press(kind);
		this.source.press(now.source);
		this.source.buttons.forEach(b => b.disabled = !now.boot.sources[b.dataset.value]);
		this.compare.href = now.address({ view: "compare", boots: `${now.vm.id}:${now.boot.boot}` });
		this.hrefs(now);
	}

	options(boots, boot) {
		const listed = boots.slice(0, LISTED);
		if (!listed.includes(boot))
			listed.push(boot);
		const texts = listed.map(bootWords);
		const key = texts.join("\n");
		if (this.listed !== key) {
			this.listed = key;
			this.select.replaceChildren(...listed.map((b, i) =>
				h("option", { value: b === boots[0] ? "latest" : b.boot }, texts[i])));
		}
		this.select.value = boot === boots[0] ? "latest" : String(boot.boot);
	}

	// Downloads hold what is in view.
	hrefs({ vm, boot, state, source, reasons, window }) {
		const range = { boot: boot.boot };
		if (state.span.from !== null || state.span.last !== null) {
			range.from = Math.max(0, boot.opened + window.from).toFixed(3);
			range.to = (boot.opened + window.to).toFixed(3);
		}
		this.csv.href = api.url(api.vmPath(vm.id, "samples.csv"), range);
		const name = `${vm.name}-boot-${boot.boot}`;
		this.csv.download = `${name}.csv`;
		const theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
		const size = { width: 1200, height: 480, theme };
		const { kind } = state;
		const of = {
			stack: reasons.length ? { kind, source, reason: "all", stacked: "yes" } : { kind, source },
			exits: { kind },
			sum: { kind: "count", mode: "cumulative" },
		};
		for (const { link, chart, format } of this.links) {
			link.href = api.url(api.vmPath(vm.id, `graph.${format}`), { ...range, ...of[chart], ...size });
			link.download = `${name}-${chart}.${format}`;
		}
	}
}
