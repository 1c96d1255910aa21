// SPDX-License-Identifier: GPL-2.0-or-later
// The daemon's HTTP interface, see vmexit-http(7).

// Below the page, wherever a proxy puts that.
const API = "api/v1";
const TIMEOUT_MS = 15000;

export class ApiError extends Error {
	constructor(message, status) {
		super(message);
		this.status = status; // 0: no answer
	}
}

// The daemon's clock in seconds; that of this browser may differ through a tunnel.
let skew_s = 0;
export function now() {
	return Date.now() / 1000 + skew_s;
}

function learnClock(response) {
	const server_s = Date.parse(response.headers.get("Date") ?? "") / 1000;
	const diff_s = server_s + 0.5 - Date.now() / 1000;
	if (Number.isFinite(diff_s))
		skew_s = Math.abs(diff_s) > 2 ? diff_s : 0;
}

export function url(path, params = {}) {
	const query = new URLSearchParams();
	for (const [key, value] of Object.entries(params)) {
		if (value !== undefined && value !== null)
			query.set(key, value);
	}
	const text = query.toString();
	return text ? `${path}?${text}` : path;
}

export function vmPath(vm, page) {
	return `${API}/vms/${encodeURIComponent(vm)}/${page}`;
}

async function get(address, signal) {
	const timeout = AbortSignal.timeout(TIMEOUT_MS);
	let response;
	try {
		response = await fetch(address, {
			signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
			cache: "no-store",
		});
	} catch (e) {
		if (signal?.aborted)
			throw e;
		throw new ApiError("vmexitd does not answer", 0);
	}
	learnClock(response);
	let body;
	try {
		body = await response.json();
	} catch (e) {
		if (signal?.aborted)
			throw e;
		throw new ApiError(`vmexitd answered ${response.status} with something else than JSON`,
				   response.status);
	}
	return { status: response.status, ok: response.ok, body };
}

async function need(address, signal) {
	const { status, ok, body } = await get(address, signal);
	if (!ok)
		throw new ApiError(body.error ?? `vmexitd answered ${status}`, status);
	return body;
}

export const vms = signal => need(`${API}/vms`, signal);
export const boots = (vm, signal) => need(vmPath(vm, "boots"), signal);
export const series = (vm, params, signal) => need(url(vmPath(vm, "series"), params), signal);
export const sparklines = (params, signal) => need(url(`${API}/sparklines`, params), signal);
export const reasons = (vm, params, signal) => need(url(vmPath(vm, "reasons"), params), signal);
export const marks = (vm, params, signal) => need(url(vmPath(vm, "marks"), params), signal);
export const phases = (vm, params, signal) => need(url(vmPath(vm, "phases"), params), signal);
export const gaps = (vm, params, signal) => need(url(vmPath(vm, "gaps"), params), signal);
export const compare = (params, signal) => need(url(`${API}/compare`, params), signal);
export const correlate = (vm, params, signal) => need(url(vmPath(vm, "correlate"), params), signal);
export const scatter = (vm, params, signal) => need(url(vmPath(vm, "scatter"), params), signal);
export const attribution = (vm, params, signal) => need(url(vmPath(vm, "attribution"), params), signal);
// Its 503 carries the same body as its 200.
export const health = async () => (await get("healthz")).body;

// The one event stream of this tab. `on` has hello, sample, vms, lost (data) and
// up (whether something may have been missed), down (since: Date). A stream that stays
// silent is the browser's to notice; /healthz is asked besides.
export class Live {
	constructor(on) {
		this.on = on;
		this.source = null;
		this.detail = null;
		this.since = null;
		this.missed = false;
		this.last = null;	// id of the last event
	}

	// detail: the id of the VM whose samples come with their reasons, or null. Resolves when
	// the stream is open, or has failed for now. Another one goes on behind the last event.
	open(detail) {
		if (this.source && detail === this.detail)
			return this.ready;
		clearTimeout(this.timer);
		this.source?.close();
		this.given?.();		// who waits for the one before
		const source = this.source = new EventSource(url(`${API}/live`, { detail, after: this.last }));
		this.detail = detail;
		for (const name of ["hello", "sample", "vms", "lost"])
			source.addEventListener(name, event => this.deliver(name, event));
		return this.ready = new Promise(resolve => {
			this.given = resolve;
			source.onopen = () => {
				resolve();
				this.up();
			};
			source.onerror = () => {
				resolve();
				this.failed(source);
			};
		});
	}

	up() {
		const { missed } = this;
		this.since = null;
		this.missed = false;
		this.on.up(missed);
	}

	failed(source) {
		// The browser retries after a network error, but not after an HTTP error.
		const closed = source.readyState === EventSource.CLOSED;
		if (closed)
			this.source = null;
		// A VM that is gone shall not take the stream away.
		if (closed && this.detail !== null && !this.since) {
			this.open(null);
			return;
		}
		this.missed = true;
		this.since ??= new Date();
		this.on.down(this.since);
		if (closed)
			this.timer = setTimeout(() => this.open(this.detail), 3000);
	}

	deliver(name, event) {
		let data;
		this.last = event.lastEventId || this.last;
		try {
			data = JSON.parse(event.data || "{}");
		} catch {
			console.warn(`event '${name}' is not JSON, ignoring`);
			return;
		}
		this.on[name](data);
	}

	close() {
		clearTimeout(this.timer);
		this.source?.close();
		this.source = null;
		this.missed = true;
	}
}
