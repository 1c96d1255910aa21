// SPDX-License-Identifier: GPL-2.0-or-later
// What to show and which time, to choose with mouse and keys.

import { h, setText } from "./dom.js";
import { bootWords } from "./facts.js";
import * as api from "./api.js";
import * as format from "./format.js";
import { BY, WHAT, hasWhat, isExits } from "./explorekinds.js";
import { spanOf } from "./timeline.js";

const RANGES = [["5 min", 300], ["1 h", 3600], ["6 h", 21600], ["24 h", 86400], ["7 d", 604800],
	["30 d", 2592000]];
const FORMATS = [["csv", "CSV"], ["jsonl", "JSON lines"], ["svg", "SVG"], ["png", "PNG"], ["pdf", "PDF"]];

function select(label, entries, change) {
	const root = h("select", { "aria-label": label },
		...entries.map(([value, text]) => h("option", { value }, text)));
	root.addEventListener("change", () => change(root.value));
	return root;
}

function toggle(text, title, change) {
	const button = h("button", { type: "button", class: "toggle", title, "aria-pressed": "false" }, text);
	button.addEventListener("click", () => change(button.getAttribute("aria-pressed") !== "true"));
	return button;
}

const press = (button, on) => button.setAttribute("aria-pressed", String(on));
// What <input type="datetime-local"> takes, in this browser's zone.
const local = epoch => `${format.date(epoch)}T${format.clock(epoch)}`;

export class Controls {
	// on: change(changes of the state), follow(), reset().
	constructor(on) {
		this.on = on;
		this.root = h("div", { class: "controls" }, this.times(), this.things());
	}

	times() {
		this.ranges = RANGES.map(([text, last]) => {
			const button = h("button", { type: "button", "data-last": last }, text);
			button.addEventListener("click", () => this.on.change({ span: spanOf({ last }) }));
			return button;
		});
		this.boot = select("Time by the clock, or since a boot", [], value => this.on.axis(value));
		this.live = h("button", { type: "button", class: "follow" });
		this.live.addEventListener("click", () => this.on.follow());
		this.reset = h("button", { type: "button", hidden: true }, "Reset zoom");
		this.reset.addEventListener("click", () => this.on.reset());
		this.from = h("input", { type: "datetime-local", step: "1", "aria-label": "From" });
		this.to = h("input", { type: "datetime-local", step: "1", "aria-label": "To" });
		this.error = h("span", { class: "wrong", role: "alert" });
		const form = h("form", {}, this.from, h("span", {}, "to"), this.to,
			h("button", { type: "submit" }, "Show"), this.error);
		form.addEventListener("submit", event => {
			event.preventDefault();
			this.custom();
		});
		this.other = h("details", { class: "custom" }, h("summary", {}, "From … to …"), form);
		this.other.addEventListener("toggle", () => this.other.open && this.fillTimes());
		return h("div", { class: "toolbar" },
			h("div", { class: "segments", role: "group", "aria-label": "Range" }, ...this.ranges),
			this.boot, this.live, this.reset, this.other);
	}

	things() {
		const { change } = this.on;
		this.by = select("Curves by", Object.entries(BY).map(([k, { title }]) => [k, title]),
			by => change({ by, pick: null, hide: [] }));
		this.what = select("What of it", Object.entries(WHAT).map(([k, { title }]) => [k, title]),
			what => change({ what }));
		this.source = select("Whose numbers", [["", "both sources"], ["guest", "guest"], ["host", "host"]],
			source => change({ source: source || null }));
		this.sum = toggle("Cumulative", "What was counted so far, instead of the rate",
			sum => change({ sum }));
		this.stacked = toggle("Stacked", "Areas on top of each other",
			stacked => change({ stacked, log: false }));
		this.log = toggle("Log", "Logarithmic axis", log => change({ log, stacked: false }));
		this.relate = h("a", { class: "download", title: "What goes along with the exits in view" },
			"Correlate");
		this.downloads = h("span", { class: "downloads" },
			...FORMATS.map(([kind, text]) => h("a", { "data-format": kind, download: true,
				"aria-label": `What is in view as ${text}` }, text)));
		return h("div", { class: "toolbar" },
			h("label", { class: "pick" }, "By ", this.by), this.what, this.source,
			this.sum, this.stacked, this.log, h("span", { class: "spring" }), this.relate,
			this.downloads);
	}

	custom() {
		const [from, to] = [this.from, this.to].map(input => new Date(input.value).getTime() / 1000);
		const wrong = !Number.isFinite(from) || !Number.isFinite(to) ? "Both times are needed." :
			to <= from ? "The end is before the begin." : "";
		setText(this.error, wrong);
		if (!wrong)
			this.on.change({ span: spanOf({ from, to }) });
	}

	fillTimes() {
		this.from.value = local(this.window.from);
		this.to.value = local(this.window.to);
	}

	// source: whose numbers are shown when the state names none. window: epoch seconds.
	set(state, boots, { source, follows, open, zoomed, window }) {
		this.window = window;
		this.options(boots);
		const { span } = state;
		this.boot.value = span.boot === boots[0]?.boot ? "latest" : String(span.boot ?? "");
		for (const button of this.ranges)
			press(button, span.boot === null && span.last === Number(button.dataset.last));
		this.live.hidden = !open;
		press(this.live, follows);
		setText(this.live, follows ? "Live" : "Go live");
		this.reset.hidden = !zoomed;
		this.by.value = state.by;
		this.what.value = state.what;
		this.what.disabled = !isExits(state.by);
		this.what.querySelector("[value=away]").disabled = !hasWhat({ by: state.by, what: "away" });
		this.source.value = state.by === "total" ? state.source ?? "" : source;
		this.source.disabled = !isExits(state.by);
		this.source.firstChild.disabled = state.by !== "total";
		press(this.sum, state.sum);
		press(this.stacked, state.stacked && !state.log);
		press(this.log, state.log);
		this.stacked.disabled = state.by === "total";
	}

	options(boots) {
		const texts = ["by the clock", ...boots.map(b => `since ${bootWords(b)}`)];
		const key = texts.join("\n");
		if (this.key === key)
			return;
		this.key = key;
		this.boot.replaceChildren(...texts.map((text, i) =>
			h("option", { value: i === 0 ? "" : i === 1 ? "latest" : boots[i - 1].boot }, text)));
	}

	// clock: {boot, from, to} as for the daemon; graph: parameters of the graph besides.
	links(vm, clock, source, graph) {
		const theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
		for (const link of this.downloads.children) {
			const { format: kind } = link.dataset;
			const samples = ["csv", "jsonl"].includes(kind);
			link.hidden = !samples && !graph;
			link.href = api.url(api.vmPath(vm.id, `${samples ? "samples" : "graph"}.${kind}`),
				samples ? { ...clock, source } :
					{ ...clock, ...graph, width: 1200, height: 480, theme });
			link.download = `${vm.name}-${clock.boot ? `boot-${clock.boot}` : "range"}.${kind}`;
		}
	}
}
