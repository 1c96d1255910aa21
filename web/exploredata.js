// SPDX-License-Identifier: GPL-2.0-or-later
// What Explore has of a VM: asks the daemon, and keeps tracks by curve.

import * as api from "./api.js";
import { BY, IDLE_REASON, TOP, isExits, query, totalOf } from "./explorekinds.js";
import { append, emptyTrack, lastEnd } from "./track.js";

const LIST_POINTS = 24000;	// of all curves of a list together, which a guest may make long
const LEAST_POINTS = 24, MOST_POINTS = 4000;	// of a curve

// A series' unit: "1" of what is no share is a plain number.
const unitOf = s => s.unit === "1" && !["handling", "away", "idle"].includes(s.kind) ? "" : s.unit;

// Puts the series of an answer behind what the groups have.
function take(groups, series, { id, label }) {
	for (const s of series.filter(one => one.t.length).sort((a, b) => a.t[0] - b.t[0])) {
		const key = id(s);
		let group = groups.get(key);
		if (!group) {
			group = { id: key, label: label(s), unit: unitOf(s), track: emptyTrack(), merged: false };
			groups.set(key, group);
		}
		for (let i = 0; i < s.t.length; i++) {
			append(group.track, { t: s.t[i], dt: s.dt[i], v: s.v[i],
					      min: s.min[i], max: s.max[i] });
			group.merged ||= s.min[i] !== s.max[i];
		}
	}
}

// No reasons is no error, as there may come some.
async function reasons(vm, params, signal) {
	try {
		return (await api.reasons(vm, params, signal)).reasons;
	} catch (error) {
		if (error.status === 404)
			return [];
		throw error;
	}
}

export class Data {
	// range: {boot or undefined, from, to (null: to the newest), base (of the axis, epoch
	// seconds)}; from and to on the axis, null without bounds.
	constructor(vm, state, source, range) {
		Object.assign(this, { vm, state, source, range });
		this.groups = new Map();
		this.context = new Map();	// exits of all reasons, where the groups are something else
		this.whole = new Map();		// what the groups are parts of
		this.ranking = [];
		this.ids = [];
		this.marks = [];
		this.gaps = { gaps: [], quarantined: [] };
	}

	// The range for /series, which knows the axis of a boot itself.
	params({ from, to } = this.range) {
		const { boot } = this.range;
		const number = v => v === null ? undefined : boot ? v.toFixed(6) : Math.max(0, v).toFixed(6);
		return { boot, align: boot ? "boot" : undefined, from: number(from), to: number(to) };
	}

	// For what takes times of the clock only.
	clock() {
		const { boot, from, to, base } = this.range;
		const number = v => v === null ? undefined : Math.max(0, v + base).toFixed(6);
		return { boot, from: number(from), to: number(to) };
	}

	queries() {
		const { state, source } = this;
		const parts = [];
		if (state.by !== "reason" || this.ids.length)
			parts.push([this.groups, query(state, source, this.ids), BY[state.by]]);
		if (state.stacked && ["reason", "vcpu"].includes(state.by))
			parts.push([this.whole, { ...query({ ...state, by: "total" }, source), source }, BY.total]);
		if (!isExits(state.by))
			parts.push([this.context, { kind: "count", source: state.source ?? undefined }, BY.total]);
		return parts.filter(([, params]) => params.kind);
	}

	// points: for a curve over the whole range.
	async load(points, signal) {
		const { vm, state, range } = this;
		if (state.by === "reason") {
			const clock = this.clock();
			const params = { ...clock, source: this.source, sort: state.what };
			this.ranking = await reasons(vm, params, signal);
			const most = this.ranking.filter(r => r.number !== IDLE_REASON && r[state.what] > 0);
			this.ids = state.pick?.filter(id => /^\d+$/.test(id)) ??
				most.slice(0, TOP).map(r => String(r.number));
		}
		const most = Math.round(Math.min(MOST_POINTS, points));
		let listed = most;
		if (["vcpu", "interrupt", "unit"].includes(state.by))
			listed = Math.min(most, Math.max(LEAST_POINTS, Math.round(LIST_POINTS / await this.breadth(signal))));
		await Promise.all(this.queries().map(async ([groups, params, by]) => {
			const answer = await api.series(vm, { ...params, ...this.params(),
				points: groups === this.groups ? listed : most }, signal);
			take(groups, answer.series, by);
		}));
		Data.seen[state.by] = this.groups.size;
		this.merged = [...this.groups.values()].some(g => g.merged);
		this.span = range.to === null || range.from === null ? null : range.to - range.from;
		return this;
	}

	// How many curves a list has, known from the last time or asked for.
	static seen = {};
	async breadth(signal) {
		const { by } = this.state;
		if (!Data.seen[by]) {
			const params = { ...query(this.state, this.source, []), ...this.params(), points: 2 };
			Data.seen[by] = (await api.series(this.vm, params, signal)).series.length;
		}
		return Math.max(1, Data.seen[by]);
	}

	async events(signal) {
		const clock = this.clock();
		const [{ marks }, gaps] = await Promise.all([api.marks(this.vm, clock, signal),
			api.gaps(this.vm, clock, signal)]);
		this.marks = marks;
		this.gaps = gaps;
	}

	// The end of what there is, on the axis.
	end() {
		const ends = [...this.groups.values(), ...this.context.values()].map(g => lastEnd(g.track));
		return Math.max(-Infinity, ...ends.filter(Number.isFinite));
	}

	// What came since.
	async tail(signal) {
		const from = this.end();
		if (!Number.isFinite(from))
			return;
		await Promise.all(this.queries().map(async ([groups, params, by]) => {
			const answer = await api.series(this.vm, { ...params, ...this.params({ from, to: null }) },
				signal);
			take(groups, answer.series, by);
		}));
	}

	// A committed sample. values: {id: value}; returns how many were new.
	take(sample, values) {
		const t = sample.t - this.range.base;
		let taken = 0;
		for (const [id, v] of Object.entries(values)) {
			let group = this.groups.get(id);
			if (!group && this.state.by === "total" && v !== null && !this.state.source) {
				group = { id, label: id, unit: this.unit(), track: emptyTrack() };
				this.groups.set(id, group);
			}
			if (group && append(group.track, { t, dt: sample.dt, v: v ?? NaN }))
				taken++;
		}
		const whole = this.whole.get(sample.source);
		if (whole)
			append(whole.track, { t, dt: sample.dt, v: totalOf(sample, this.state.what) ?? NaN });
		return taken;
	}

	unit() {
		return this.state.what === "count" ? "exits/s" : "1";
	}
}
