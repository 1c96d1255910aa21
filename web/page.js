// SPDX-License-Identifier: GPL-2.0-or-later
// The page's frame: the address says which view of which VM is shown, one live stream
// says what is new, and both are passed on to the views.
//
// A view is a class in a file of its own, which builds its elements in
// <section id="view-NAME">, below the frame's h1 (the VM's name, or the view's title):
//   constructor(page)        once, at the start
//   async show(params)       show what these URLSearchParams say; again whenever they change
//                            by a link or the history. What it throws is shown by failed().
//   hide()                   another view is shown now
//   sample(sample)           a sample of any VM was committed; its VM's entry has it already
//   vms()                    the list of VMs changed
//   reload()                 samples may be missing: ask again
//   theme()                  optional: light became dark, or the other way round
//   report()                 optional: {boot} or {from, to} that a report is to be about
// It is given a Page, whose public part comes first below.

import { $, h, setText } from "./dom.js";
import { Banner } from "./banner.js";
import { List } from "./list.js";
import { readColours } from "./palette.js";
import * as api from "./api.js";
import * as notes from "./notes.js";
import * as route from "./route.js";

const RETRY_AFTER_MS = 5000;	// when the daemon said that it cannot, for now
const SLEEP_AFTER_MS = 30000;	// hidden tabs give their connection back
const LIST_EVERY_MS = 10000;	// for what no event tells of: a quarantine, a gap that is over
const GATHER_MS = 150;		// many events in one moment ask once

// In the order of their tabs; without `vm` a view is of no VM in particular.
const VIEWS = [
	{ name: "overview", title: "Overview" },
	{ name: "boot", title: "Boot", vm: true },
	{ name: "explore", title: "Explore", vm: true },
	{ name: "compare", title: "Compare" },
	{ name: "correlate", title: "Correlate", vm: true },
];

class Page {
	// As /vms has them, with the newest sample of each source; null before the first answer.
	vms = null;
	byId = new Map();
	byName = new Map();

	// The entry of an id or a name, or undefined.
	find(key) {
		return this.byId.get(key) ?? this.byName.get(key)?.[0];
	}

	// Changes the address: keys with null or undefined go. Whoever calls it shows the change
	// itself; only another view or VM is routed. push: "back" returns to what was before.
	go(changes, { push = false } = {}) {
		const params = route.change(this.params, changes);
		const href = this.address(params);
		const there = route.view(params) !== route.view(this.params) ||
			this.find(params.get("vm")) !== this.find(this.params.get("vm"));
		if (href !== location.hash)
			history[push || there ? "pushState" : "replaceState"](null, "", href);
		this.params = params;
		if (there)
			this.route();
		else
			this.links();
	}

	// The href of a view: params as URLSearchParams or an object.
	address(params) {
		return route.write(params, key => {
			const vm = this.find(key);
			return vm ? this.byName.get(vm.name).length > 1 ? vm.id : vm.name : key;
		});
	}

	// Shows an answer that is an error; a silent daemon leaves what is on the page.
	failed(error) {
		if (!(error instanceof api.ApiError))
			throw error;
		if (error.status === 0 && this.drawn)
			return;
		const again = h("button", { type: "button" }, "Try again");
		again.addEventListener("click", () => this.refresh());
		const actions = [again];
		if (error.status >= 500) {
			clearTimeout(this.retry);
			this.retry = setTimeout(() => this.refresh(), RETRY_AFTER_MS);
		}
		if (this.vms?.length && error.status === 404)
			actions.unshift(this.wayOn());
		this.panel(notes.failed(error.status === 404 ? "Not found" : "That did not work",
			error.message, ...actions));
	}

	// Elements in the view's place, until the next show().
	panel(children) {
		if (this.view)
			$(`view-${this.view}`).hidden = true;
		$("panel").replaceChildren(...children.filter(c => c));
		$("panel").hidden = false;
		this.drawn = false;
	}

	// Whose samples carry their reasons on the live stream: a VM's id, or null for none. Resolves
	// when the stream is open: what is asked for then and what comes by it leave no hole.
	detail(id) {
		return this.live.open(id);
	}

	// The daemon's clock, seconds since the epoch.
	now() {
		return api.now();
	}

	// ---- the frame itself ----

	// classes: by the views' names; views without one have no tab.
	constructor(classes) {
		this.kinds = VIEWS.filter(({ name }) => classes[name]);
		this.params = route.read(location);
		this.list = new List(this);
		this.banner = new Banner();
		this.live = new api.Live({
			hello: data => this.banner.hello(data.version),
			sample: sample => this.sample(sample),
			vms: () => this.refreshSoon(),
			lost: () => this.refresh(),
			up: again => {
				this.banner.up();
				if (again || this.startFailed)
					this.refresh();
			},
			down: since => this.banner.down(since),
		});
		this.tabs = new Map(this.kinds.map(({ name, title }) => [name, h("a", {}, title)]));
		$("tabs").prepend(...[...this.tabs.values()].map(tab => h("li", {}, tab)));
		this.views = new Map(this.kinds.map(({ name }) => [name, new classes[name](this)]));
	}

	async start() {
		addEventListener("popstate", () => this.navigate());
		document.addEventListener("visibilitychange", () => this.sleep());
		matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
			readColours();
			this.shown()?.theme?.();
		});
		$("skip").addEventListener("click", event => {
			event.preventDefault();
			$("main").focus();
		});
		setInterval(() => this.drawn && !document.hidden && this.live.since === null && this.refreshSoon(), LIST_EVERY_MS);
		if (await this.load()) {
			const shown = this.route();
			// Unless the view did already, with details.
			if (!this.live.source)
				this.live.open(null);
			await shown;
		} else {
			this.startFailed = true;
			this.live.open(null);
		}
	}

	shown() {
		return this.views.get(this.view);
	}

	kind(name) {
		return this.kinds.find(kind => kind.name === name);
	}

	navigate() {
		this.params = route.read(location);
		return this.route();
	}

	// Shows what the address says.
	async route() {
		if (!this.vms)
			return;
		const kind = this.kind(route.view(this.params)) ?? this.kinds[0];
		if (!this.vms.length) {
			this.enter(kind, null);
			document.title = "vmexit";
			this.panel(notes.noVms());
			return;
		}
		if (kind.vm && !this.params.has("vm")) {
			this.params = route.change(this.params, { view: kind.name, vm: this.chosen().id });
			history.replaceState(null, "", this.address(this.params));
		}
		const key = this.params.get("vm");
		const vm = key === null ? null : this.find(key);
		this.enter(kind, vm ?? key);
		if (kind.vm && !vm) {
			await this.unknown(key);
			return;
		}
		this.moment = {};
		if (await this.told(() => this.shown().show(this.params))) {
			this.drawn = $("panel").hidden;
			this.links();
		}
	}

	// Has the view do something; shows what it throws. Whether it is done, and the view is still
	// the one: who left it does not care for what became of it.
	async told(run) {
		const { moment } = this;
		try {
			await run();
		} catch (error) {
			if (moment === this.moment && error.name !== "AbortError")
				this.failed(error);
			return false;
		}
		return moment === this.moment;
	}

	// Makes `kind` the view: vm is an entry, a key that names none, or null.
	enter(kind, vm) {
		const before = this.view;
		if (before !== kind.name) {
			this.shown()?.hide();
			if (before)
				$(`view-${before}`).hidden = true;
			this.view = kind.name;
		}
		this.drawn = false;
		if (vm?.id)
			this.vm = vm;
		const name = vm?.name ?? vm;
		document.title = kind.vm ? `${name} – ${kind.title} – vmexit` : `${kind.title} – vmexit`;
		setText($("title"), !kind.vm ? kind.title : name ?? "VM exits");
		document.body.dataset.view = kind.name;
		$("panel").hidden = true;
		$(`view-${kind.name}`).hidden = false;
		this.surroundings();
		// Whoever came by a tab goes on reading below it.
		if (before && before !== kind.name)
			$("title").focus();
	}

	// The VM that a view of one shows when none is named.
	chosen() {
		return this.vm ?? this.vms.find(vm => vm.state === "running") ?? this.vms[0];
	}

	// What leads on from here: tabs and the report.
	links() {
		const current = this.kind(this.view);
		const vm = this.vms.length ? this.chosen() : null;
		const boot = vm && this.params.get("vm") && this.find(this.params.get("vm")) === vm ?
			this.params.get("boot") : null;
		for (const { name, vm: needs } of this.kinds) {
			const tab = this.tabs.get(name);
			tab.href = this.address({ view: name, vm: name === "overview" ? null : vm?.id,
				boot: needs ? boot : null });
			if (name === this.view)
				tab.setAttribute("aria-current", "page");
			else
				tab.removeAttribute("aria-current");
		}
		$("report").hidden = !current?.vm || !vm;
		if (vm)
			$("report").href = api.url(api.vmPath(vm.id, "report.html"),
				(this.drawn && this.shown().report?.()) || { boot: boot ?? "latest" });
	}

	// Those, and the list of VMs.
	surroundings() {
		const { vm, name } = this.kind(this.view);
		this.links();
		this.list.set(this.vms, vm ? this.vm : null, vm ? name : "boot");
	}

	async unknown(key) {
		// The daemon's own words for it.
		try {
			await api.boots(key);
			await this.load();
			this.panel(notes.failed("Not found", `There is no VM '${key}' in the list.`));
		} catch (error) {
			this.failed(error);
		}
	}

	wayOn() {
		const vm = this.find(this.params.get("vm"));
		return vm ? h("a", { href: this.address({ vm: vm.id }) }, "Its latest boot") :
			h("a", { href: this.address({ vm: this.vms[0].id }) }, `Show ${this.vms[0].name}`);
	}

	async load() {
		try {
			const answer = await api.vms();
			// The same objects live on: views hold them.
			this.vms = answer.vms.map(vm => Object.assign(this.byId.get(vm.id) ?? {}, vm));
			this.byId = new Map(this.vms.map(vm => [vm.id, vm]));
			this.byName = new Map();
			for (const vm of this.vms)
				this.byName.set(vm.name, [...this.byName.get(vm.name) ?? [], vm]);
			this.startFailed = false;
			return true;
		} catch (error) {
			this.failed(error);
			return false;
		}
	}

	// Asks for everything anew.
	async refresh() {
		if (!await this.load())
			return;
		if (this.drawn) {
			this.surroundings();
			await this.told(async () => {
				await this.shown().vms();
				await this.shown().reload();
			});
		} else {
			await this.route();
		}
	}

	refreshSoon() {
		this.refreshing ??= setTimeout(async () => {
			this.refreshing = null;
			if (!await this.load())
				return;
			if (this.drawn) {
				this.surroundings();
				await this.told(() => this.shown().vms());
			} else {
				await this.route();
			}
		}, GATHER_MS);
	}

	sample(sample) {
		const vm = this.byId.get(sample.vm);
		if (!vm) {
			this.refreshSoon();
			return;
		}
		if (sample.boot > (vm.boot ?? 0)) {
			vm.boot = sample.boot;
			vm.guest = vm.host = null;
			this.refreshSoon();
		}
		// A rate that is not known all of a sudden: over a gap, which the list tells of.
		if (Number.isFinite(vm[sample.source]?.exits_rate) && !Number.isFinite(sample.exits_rate))
			this.refreshSoon();
		if (sample.boot === vm.boot)
			vm[sample.source] = { ...vm[sample.source], ...sample };
		if (this.view !== "overview")
			this.list.touch(vm);
		if (this.drawn)
			this.shown().sample(sample);
	}

	sleep() {
		clearTimeout(this.sleeping);
		if (document.hidden)
			this.sleeping = setTimeout(() => this.live.close(), SLEEP_AFTER_MS);
		else if (!this.live.source)
			this.live.open(this.live.detail);
	}
}

export function start(classes) {
	readColours();
	return new Page(classes).start();
}
