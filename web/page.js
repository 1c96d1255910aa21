// SPDX-License-Identifier: GPL-2.0-or-later
// The page: what the address says is shown, what the live stream says is passed on.

import { $, h, setText } from "./dom.js";
import { List } from "./list.js";
import { RANGES, View } from "./view.js";
import { readColours } from "./chart.js";
import * as api from "./api.js";
import * as format from "./format.js";
import * as notes from "./notes.js";

const BANNER_AFTER_MS = 1200;	// a reconnection quicker than this is not worth a word
const HEALTH_EVERY_MS = 10000;
const RETRY_AFTER_MS = 5000;	// when the daemon said that it cannot, for now
const SLEEP_AFTER_MS = 30000;	// hidden tabs give their connection back

let vms = null;			// as /vms has them, null before the first answer
let version = null;
let health = "";
let startFailed = false;
let retry = null;

// The address: #vm=NAME&boot=2&range=5m&from=1.5&to=3
function readRoute() {
	const text = location.hash.includes("=") ? location.hash.slice(1) : location.search;
	const params = new URLSearchParams(text);
	const number = name => params.has(name) && Number.isFinite(Number(params.get(name))) ?
		Number(params.get(name)) : undefined;
	const range = params.get("range");
	const boot = number("boot");
	const route = { vm: params.get("vm"), boot: boot ?? null,
		range: boot === undefined && Object.hasOwn(RANGES, range) ? range : "boot" };
	const from = number("from"), to = number("to"), last = number("last");
	if (last > 0)
		route.from = last;
	else if (from !== undefined && to > from)
		Object.assign(route, { from, to });
	return route;
}

function address(vm, route = {}) {
	const params = new URLSearchParams();
	params.set("vm", vms.filter(v => v.name === vm.name).length === 1 ? vm.name : vm.id);
	if (route.boot !== null && route.boot !== undefined)
		params.set("boot", route.boot);
	if (route.range && route.range !== "boot")
		params.set("range", route.range);
	if (route.to !== undefined) {
		params.set("from", +route.from.toFixed(3));
		params.set("to", +route.to.toFixed(3));
	} else if (route.from !== undefined) {
		params.set("last", +route.from.toFixed(3));
	}
	return `#${params}`;
}

function find(key) {
	return vms.find(vm => vm.id === key) ?? vms.find(vm => vm.name === key);
}

const list = new List(vm => address(vm, { range: view.route?.range }));
const view = new View({
	route(route) {
		const next = address(view.vm, route);
		const other = route.from === undefined && next !== location.hash;
		history[other ? "pushState" : "replaceState"](null, "", next);
		renderList();
	},
	shown() {
		$("panel").hidden = true;
	},
	empty(vm, text) {
		panel(notes.failed(vm.name, text));
	},
	failed,
});

function panel(children) {
	view.vm && ($("view").hidden = true);
	$("panel").replaceChildren(...children.filter(c => c));
	$("panel").hidden = false;
}

function button(text, action) {
	const element = h("button", { type: "button" }, text);
	element.addEventListener("click", action);
	return element;
}

// An answer that is an error; a silent daemon keeps what is on the page.
function failed(error) {
	if (!(error instanceof api.ApiError))
		throw error;
	if (error.status === 0 && vms && (view.tracks || !$("panel").hidden))
		return;
	const actions = [button("Try again", refresh)];
	if (error.status >= 500) {
		clearTimeout(retry);
		retry = setTimeout(refresh, RETRY_AFTER_MS);
	}
	if (vms?.length && error.status === 404)
		actions.unshift(view.vm ?
			h("a", { href: address(view.vm) }, "Its latest boot") :
			h("a", { href: address(vms[0]) }, `Show ${vms[0].name}`));
	panel(notes.failed(error.status === 404 ? "Not found" : "That did not work",
		error.message, ...actions));
}

async function loadList() {
	try {
		const answer = await api.vms();
		const known = new Map((vms ?? []).map(vm => [vm.id, vm]));
		// The same objects live on: the view holds one.
		vms = answer.vms.map(vm => Object.assign(known.get(vm.id) ?? {}, vm));
		renderList();
		startFailed = false;
		return true;
	} catch (error) {
		failed(error);
		return false;
	}
}

function renderList() {
	list.set(vms, view.vm);
}

// Shows what the address says.
async function route() {
	if (!vms)
		return;
	const wanted = readRoute();
	if (wanted.vm === null) {
		const first = vms.find(vm => vm.state === "running") ?? vms[0];
		if (!first) {
			view.hide();
			document.title = "vmexit";
			panel(notes.noVms());
			return;
		}
		history.replaceState(null, "", address(first));
		wanted.vm = first.id;
	}
	const vm = find(wanted.vm);
	document.title = `${vm?.name ?? wanted.vm} – vmexit`;
	if (!vm) {
		view.hide();
		renderList();
		// The daemon's own words for it.
		try {
			await api.boots(wanted.vm);
			await loadList();
			panel(notes.failed("Not found", `There is no VM '${wanted.vm}' in the list.`));
		} catch (error) {
			failed(error);
		}
		return;
	}
	const shown = view.show(vm, wanted);
	renderList();
	await shown;
}

async function refresh() {
	if (!await loadList())
		return;
	if (!view.vm || !$("panel").hidden)
		await route();
	else {
		await view.loadBoots();
		await view.load();
	}
}

// Many events in one moment ask once.
let refreshing = null;
function refreshSoon() {
	refreshing ??= setTimeout(async () => {
		refreshing = null;
		if (!await loadList())
			return;
		if (view.vm && $("panel").hidden)
			await view.loadBoots();
		else
			await route();
	}, 150);
}

let ratesFrame = null;
function sample(data) {
	const vm = vms?.find(v => v.id === data.vm);
	if (!vm) {
		refreshSoon();
		return;
	}
	if (data.boot > (vm.boot ?? 0)) {
		vm.boot = data.boot;
		vm.guest = vm.host = null;
		refreshSoon();
	}
	if (data.boot === vm.boot)
		vm[data.source] = data;
	if (vm === view.vm)
		view.sample(data);
	ratesFrame ??= setTimeout(() => {
		ratesFrame = null;
		list.rates(vms);
	}, 250);
}

// The banner: what is wrong with the daemon, else nothing.
let bannerTimer = null;
function banner() {
	const connected = live.since === null;
	const connection = $("connection");
	connection.className = `connection ${connected && live.opened ? "up" : "down"}`;
	setText(connection, live.opened || live.since ? (connected ? "connected" : "no answer") : "connecting");
	let text = "", extra = null;
	if (!connected) {
		const since = format.clock(live.since.getTime() / 1000);
		text = `vmexitd does not answer since ${since}; trying again`;
	} else if (health) {
		text = `vmexitd does not store samples: ${health}`;
	} else if (version?.stale) {
		text = "vmexitd was updated; this page is of the version before. ";
		extra = button("Reload", () => location.reload());
	}
	const root = $("banner");
	if (root.dataset.text !== text) {
		root.dataset.text = text;
		root.replaceChildren(...[text, extra].filter(c => c));
	}
}

const live = new api.Live({
	hello(data) {
		version ??= { first: data.version };
		version.stale = data.version !== version.first;
		banner();
	},
	sample,
	vms: refreshSoon,
	lost: refresh,
	up(again) {
		clearTimeout(bannerTimer);
		bannerTimer = null;
		banner();
		if (again || startFailed)
			refresh();
	},
	down() {
		bannerTimer ??= setTimeout(() => {
			bannerTimer = null;
			banner();
		}, BANNER_AFTER_MS);
	},
});

async function checkHealth() {
	if (document.hidden || live.since !== null)
		return;
	try {
		const answer = await api.health();
		health = answer.status === "ok" ? "" : answer.message || answer.status;
		banner();
	} catch {
		// The live stream tells when the daemon is gone.
	}
}

let sleep = null;
document.addEventListener("visibilitychange", () => {
	clearTimeout(sleep);
	if (document.hidden)
		sleep = setTimeout(() => live.close(), SLEEP_AFTER_MS);
	else if (!live.source)
		live.open();
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
	readColours();
	view.invalidate();
});

async function start() {
	readColours();
	window.addEventListener("popstate", route);
	live.open();
	setInterval(checkHealth, HEALTH_EVERY_MS);
	setInterval(() => vms && list.rates(vms), 5000);
	checkHealth();
	if (await loadList())
		await route();
	else
		startFailed = true;
}

start();
