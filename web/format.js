// SPDX-License-Identifier: GPL-2.0-or-later
// Numbers, shares and times as a person reads them. Pure functions.

const NNBSP = "\u202f";
export const NONE = "–";

function significant(v) {
	const a = Math.abs(v);
	return v.toFixed(a === 0 || a >= 100 ? 0 : a >= 10 ? 1 : 2);
}

// 12345 -> ["12.3", "k"]; values that round up to 1000 move to the next prefix.
function scaled(v) {
	const prefixes = ["", "k", "M", "G", "T"];
	let i = 0;
	while (Math.abs(v) >= 999.5 && i < prefixes.length - 1) {
		v /= 1000;
		i++;
	}
	return [significant(v), prefixes[i]];
}

export function rate(v) {
	if (!Number.isFinite(v))
		return NONE;
	const [number, prefix] = scaled(v);
	return `${number}${NNBSP}${prefix}/s`;
}

export function share(v) {
	if (!Number.isFinite(v))
		return NONE;
	const p = v * 100;
	if (p > 0 && p < 0.001)
		return `<0.001${NNBSP}%`;
	return `${p > 0 && p < 1 ? p.toPrecision(2) : significant(p)}${NNBSP}%`;
}

export function count(v) {
	if (!Number.isFinite(v))
		return NONE;
	return Math.round(v).toString().replace(/\B(?=(\d{3})+$)/g, NNBSP);
}

// So many that steps of that size are told exactly: 0.25 takes two.
function decimalsOf(step) {
	let decimals = 0;
	while (decimals < 6 && Math.abs(step * 10 ** decimals - Math.round(step * 10 ** decimals)) > 1e-6 * step * 10 ** decimals)
		decimals++;
	return decimals;
}

// An axis: as many decimals as its step needs, one prefix for all its labels.
export function axisNumber(v, step, top) {
	let scale = 1, prefix = "";
	for (const [s, p] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
		if (top >= s) {
			[scale, prefix] = [s, NNBSP + p];
			break;
		}
	}
	return v === 0 ? "0" : (v / scale).toFixed(decimalsOf(step / scale)) + prefix;
}

// Units of /series that are read as another: microseconds a second are a share of a CPU.
const LIKE = { "us/s": ["1", 1e-6], "ms/s": ["1", 1e-3], us: ["s", 1e-6], ms: ["s", 1e-3],
	kB: ["B", 1e3], "exits/s": ["/s", 1], "1/s": ["/s", 1], exits: ["", 1] };

// A value in a unit of /series.
export function value(v, unit) {
	const [like, scale] = LIKE[unit] ?? [unit, 1];
	const x = v * scale;
	if (!Number.isFinite(x))
		return NONE;
	if (like === "1")
		return share(x);
	if (like === "s")
		return x >= 1 || x === 0 ? duration(x) : x >= 0.001 ? `${significant(x * 1e3)}${NNBSP}ms` :
			`${significant(x * 1e6)}${NNBSP}µs`;
	const [number, prefix] = scaled(x);
	const text = prefix + (like ?? "");
	return text ? `${number}${NNBSP}${text}` : number;
}

// A label of an axis in that unit, whose ticks are `step` apart and end at `top`.
export function axis(v, step, top, unit) {
	const [like, scale] = LIKE[unit] ?? [unit, 1];
	return like === "1" ? axisPercent(v * scale, step * scale) : axisNumber(v * scale, step * scale, top * scale);
}

// What stands behind a chart's title for its axis.
export function unitName(unit) {
	return { "1": "share of the vCPUs' time", "exits/s": "exits/s", "us/s": "share of a CPU", "ms/s": "share of a CPU",
		"1/s": "per second" }[unit] ?? unit ?? "";
}

export function axisPercent(v, step) {
	return v === 0 ? "0" : (v * 100).toFixed(decimalsOf(step * 100)) + NNBSP + "%";
}

const two = n => String(n).padStart(2, "0");

export function duration(s) {
	if (!Number.isFinite(s))
		return NONE;
	if (s < 60)
		return `${s < 10 ? s.toFixed(2) : s.toFixed(1)}${NNBSP}s`;
	s = Math.round(s);
	if (s < 3600)
		return `${Math.floor(s / 60)}${NNBSP}min ${two(s % 60)}${NNBSP}s`;
	if (s < 86400)
		return `${Math.floor(s / 3600)}${NNBSP}h ${two(Math.floor(s / 60) % 60)}${NNBSP}min`;
	return `${Math.floor(s / 86400)}${NNBSP}d ${Math.floor(s / 3600) % 24}${NNBSP}h`;
}

// Seconds since boot on an axis: "12.5 s", "2:30", "1:02:30".
export function elapsed(s, step, top) {
	// What rounds to nothing has no sign.
	if (Math.abs(s) < step / 2)
		s = 0;
	const decimals = Math.min(6, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)));
	if (top < 120)
		return s === 0 ? "0" : `${s.toFixed(decimals)}${NNBSP}s`;
	const sign = s < 0 ? "-" : "";
	const unit = 10 ** decimals;
	const total = Math.round(Math.abs(s) * unit) / unit;
	const whole = Math.floor(total);
	const frac = decimals ? (total - whole).toFixed(decimals).slice(1) : "";
	const h = Math.floor(whole / 3600), m = Math.floor(whole / 60) % 60;
	return sign + (h ? `${h}:${two(m)}` : `${m}`) + `:${two(whole % 60)}${frac}`;
}

export function clock(epoch, decimals = 0) {
	const d = new Date(epoch * 1000);
	const base = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
	return decimals ? base + (d.getMilliseconds() / 1000).toFixed(Math.min(3, decimals)).slice(1) : base;
}

export function date(epoch) {
	const d = new Date(epoch * 1000);
	return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
}

// The clock alone for today, with the date before it otherwise.
export function moment(epoch, now) {
	return date(epoch) === date(now) ? clock(epoch) : `${date(epoch)} ${clock(epoch)}`;
}
