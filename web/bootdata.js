// SPDX-License-Identifier: GPL-2.0-or-later
// What the boot view has of one boot: asks the daemon, and keeps tracks on the axis of
// seconds since the boot opened. Live samples are put behind.

import * as api from "./api.js";
import { IDLE_REASON } from "./explorekinds.js";
import { rest } from "./stack.js";
import { SOURCES, append, emptyTrack, firstStart, join, lastEnd, summary } from "./track.js";

export const KINDS = ["count", "handling", "away"];
const TOP = 8;

// A boot that nobody measured has none, which is no error.
async function orNull(promise) {
	try {
		return await promise;
	} catch (error) {
		if (error.status === 404)
			return null;
		throw error;
	}
}

// The reasons of /phases' total that are worth a curve by that kind, the greatest first. Time in
// which vCPUs had nothing to do is no exit, and nothing lost.
export function ranked(reasons, kind) {
	return reasons.filter(r => r.number !== IDLE_REASON && r[kind] > 0)
		.sort((a, b) => b[kind] - a[kind]).slice(0, TOP);
}

export class BootData {
	// boot: an entry of /boots. source: whose reasons, null for whose phases the daemon gives;
	// kind: which of KINDS of them.
	constructor(vm, boot, source, kind) {
		Object.assign(this, { vm, boot, source, kind });
		this.tracks = Object.fromEntries(SOURCES.map(s => [s, Object.fromEntries(
			[...KINDS, "sum"].map(k => [k, emptyTrack()]))]));
		this.reasons = [];		// {number, name}, as the stack has them
		this.parts = new Map();		// their tracks, by number
		this.phases = this.marks = this.gaps = null;
		this.appended = 0;
		this.behind = false;		// the stack lacks what the stream did not say
	}

	// from, to: the window on the axis, null for what is open; points: for each curve.
	async load({ from, to, points }, signal) {
		const { vm, boot } = this;
		const clock = v => v === null ? undefined : (boot.opened + v).toFixed(6);
		const range = { boot: boot.boot, from: clock(from), to: clock(to), points };
		Object.assign(this, { from: from ?? -Infinity, to: to ?? Infinity });
		const [rates, sums] = await Promise.all([
			api.series(vm, { ...range, kind: KINDS.join() }, signal),
			api.series(vm, { ...range, kind: "count", mode: "cumulative" }, signal),
			this.events(signal),
			this.rank(signal).then(() => this.loadStack(range, signal))]);
		const of = (answer, source, kind) =>
			join(answer.series.filter(s => s.source === source && s.kind === kind), boot.opened);
		for (const source of SOURCES) {
			for (const kind of KINDS)
				this.tracks[source][kind] = of(rates, source, kind);
			this.tracks[source].sum = of(sums, source, "count");
		}
		this.merged = rates.series.some(s => s.t.some((t, i) => s.min[i] !== s.max[i]));
		return this;
	}

	// Phases, and which reasons are the most frequent. True if these are others than before.
	async rank(signal) {
		const { vm, boot, source, kind } = this;
		this.phases = await orNull(api.phases(vm, { boot: boot.boot, source }, signal));
		this.source ??= this.phases?.source ?? SOURCES[0];
		const before = this.reasons.map(r => r.number).join();
		this.reasons = ranked(this.phases?.total.reasons ?? [], kind);
		return this.reasons.map(r => r.number).join() !== before;
	}

	async loadStack(range, signal) {
		const { vm, boot, source, kind } = this;
		this.parts = new Map();
		if (!this.reasons.length)
			return;
		const { series } = await api.series(vm, { ...range, source, kind,
			reason: this.reasons.map(r => r.number).join() }, signal);
		for (const { number } of this.reasons)
			this.parts.set(number, join(series.filter(s => s.reason === number), boot.opened));
	}

	async events(signal) {
		const { vm, boot: { boot } } = this;
		const [{ marks }, gaps] = await Promise.all([api.marks(vm, { boot }, signal), api.gaps(vm, { boot }, signal)]);
		this.marks = marks;
		this.gaps = gaps;
	}

	// A committed sample of this boot. False if there is a hole before it: one that was committed
	// between what was asked for and what the stream began with, or that is known to be missing.
	take(sample) {
		if (sample.boot !== this.boot.boot || !this.tracks[sample.source])
			return true;
		const tracks = this.tracks[sample.source];
		const point = { t: sample.t - this.boot.opened, dt: sample.dt };
		const end = lastEnd(tracks.count);
		const whole = !(point.t - point.dt > end + Math.max(0.05, point.dt / 10));
		const put = (track, v, more) => append(track, { ...point, ...more, v: v ?? NaN });
		const rate = sample.exits_rate ?? NaN;
		if (put(tracks.count, rate))
			this.appended++;
		put(tracks.handling, sample.handling_share);
		put(tracks.away, sample.lost_share);
		put(tracks.sum, sample.exits, { min: Math.max(0, sample.exits - rate * sample.dt), max: sample.exits });
		if (sample.source === this.source && this.reasons.length)
			this.takeReasons(sample, put);
		return whole;
	}

	takeReasons({ reasons }, put) {
		if (!reasons) {
			this.behind = true;
			return;
		}
		const column = 1 + KINDS.indexOf(this.kind);
		const values = new Map(reasons.map(r => [r[0], r[column]]));
		for (const [number, track] of this.parts)
			put(track, values.get(number) ?? 0);
	}

	// The end of what there is, -Infinity without any.
	end() {
		return Math.max(-Infinity, ...SOURCES.map(s => lastEnd(this.tracks[s].count)).filter(Number.isFinite));
	}

	// The begin of what there is, null without any.
	begin() {
		const starts = SOURCES.map(s => firstStart(this.tracks[s].count)).filter(Number.isFinite);
		return starts.length ? Math.min(...starts) : null;
	}

	// What the stack is of: its curves, the rest last, and the whole.
	stack() {
		const whole = this.tracks[this.source][this.kind];
		const parts = this.reasons.map(({ number, name }) => ({ id: String(number), label: name ?? `reason ${number}`,
			track: this.parts.get(number) ?? emptyTrack() })).filter(part => part.track.t.length);
		const last = parts.length ? Math.max(...parts.map(part => lastEnd(part.track))) : Infinity;
		const other = rest(until(whole, last), parts.map(part => part.track));
		parts.push({ id: "other", label: parts.length ? "all others" : "all reasons", track: other });
		return { parts, whole: until(whole, last) };
	}

	// The mean share over all that is loaded, of a source.
	mean(source, kind) {
		return summary(this.tracks[source][kind], -Infinity, Infinity).mean;
	}
}

// A track up to x; what the stream did not say by reason is not a rest.
function until(track, x) {
	let n = track.t.length;
	while (n > 0 && track.t[n - 1] > x + 0.001)
		n--;
	if (n === track.t.length)
		return track;
	return Object.fromEntries(Object.entries(track).map(([key, column]) => [key, column.slice(0, n)]));
}
