// SPDX-License-Identifier: GPL-2.0-or-later
// The address: #view=boot&vm=NAME&boot=2&... Pure functions.

// The parameters of a location; those of its search serve where there is no hash.
export function read({ hash, search }) {
	return new URLSearchParams(hash.includes("=") ? hash.slice(1) : search);
}

// The view that parameters name, or mean when they name none.
export function view(params) {
	return params.get("view") ?? (params.has("vm") ? "boot" : "overview");
}

// A copy with `changes`; null and undefined take a key away.
export function change(params, changes) {
	const ret = new URLSearchParams(params);
	for (const [key, value] of Object.entries(changes)) {
		if (value === null || value === undefined)
			ret.delete(key);
		else
			ret.set(key, value);
	}
	return ret;
}

// The hash for parameters (URLSearchParams or an object), without what goes without
// saying. name(key): what to call a VM.
export function write(params, name = key => key) {
	const all = params instanceof URLSearchParams ? params : change(new URLSearchParams(), params);
	const rest = new URLSearchParams(all);
	rest.delete("view");
	rest.delete("vm");
	const ret = new URLSearchParams();
	if (all.has("vm"))
		ret.set("vm", name(all.get("vm")));
	if (view(all) !== view(ret))
		ret.set("view", view(all));
	for (const [key, value] of rest)
		ret.append(key, value);
	// An empty hash would scroll to the top, and not be an address of its own.
	return `#${String(ret) || "view=overview"}`;
}
