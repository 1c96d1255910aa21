// SPDX-License-Identifier: GPL-2.0-or-later
import assert from "node:assert/strict";
import test from "node:test";
import { BootData, ranked } from "./bootdata.js";
import { append, emptyTrack } from "./track.js";

const boot = { boot: 3, opened: 1000, closed: null };

function data(kind = "count") {
	const ret = new BootData("id", boot, "guest", kind);
	ret.reasons = [{ number: 1, name: "one" }, { number: 2, name: null }];
	ret.parts = new Map([[1, emptyTrack()], [2, emptyTrack()]]);
	return ret;
}

const sample = (t, more = {}) => ({ boot: 3, source: "guest", t, dt: 1, exits: 100, exits_rate: 10,
	handling_share: 0.1, lost_share: 0.2, reasons: [[1, 6, 0.06, 0.12], [9, 4, 0.04, 0.08]], ...more });

test("a sample is put behind all tracks, on the axis of the boot", () => {
	const d = data();
	assert.equal(d.take(sample(1005)), true);
	const { count, handling, away, sum } = d.tracks.guest;
	assert.deepEqual([count, handling, away, sum].map(track => [track.t, track.v]),
		[[[5], [10]], [[5], [0.1]], [[5], [0.2]], [[5], [100]]]);
	assert.deepEqual(sum.min, [90]);
	assert.deepEqual([...d.parts.values()].map(track => track.v), [[6], [0]]);
	assert.equal(d.end(), 5);
	assert.equal(d.begin(), 4);
});

test("of another boot or an unknown source nothing is taken", () => {
	const d = data();
	d.take(sample(1005, { boot: 4 }));
	d.take(sample(1005, { source: "third" }));
	assert.equal(d.end(), -Infinity);
});

test("a hole before a sample is told, once", () => {
	const d = data();
	assert.equal(d.take(sample(1005)), true);
	assert.equal(d.take(sample(1006)), true);
	assert.equal(d.take(sample(1008)), false);
	assert.equal(d.take(sample(1009)), true);
	assert.equal(d.take(sample(1009, { source: "host" })), true);
});

test("the stack is the reasons and the rest of the kind that is shown", () => {
	for (const [kind, column, total] of [["count", 6, 10], ["handling", 0.06, 0.1], ["away", 0.12, 0.2]]) {
		const d = data(kind);
		d.take(sample(1005));
		const { parts, whole } = d.stack();
		assert.deepEqual(parts.map(p => p.label), ["one", "reason 2", "all others"]);
		assert.deepEqual(whole.v, [total]);
		assert.equal(parts[0].track.v[0], column);
		assert.ok(Math.abs(parts[2].track.v[0] - (total - column)) < 1e-9);
	}
});

test("what the stream did not say by reason is not drawn as the rest", () => {
	const d = data();
	d.take(sample(1005));
	d.take(sample(1006, { reasons: null }));
	assert.equal(d.behind, true);
	const { parts, whole } = d.stack();
	assert.deepEqual(whole.t, [5]);
	assert.deepEqual(parts.at(-1).track.t, [5]);
	assert.deepEqual(d.tracks.guest.count.t, [5, 6]);
});

test("without reasons the stack is the total", () => {
	const d = new BootData("id", boot, "host", "count");
	append(d.tracks.host.count, { t: 1, dt: 1, v: 7 });
	const { parts } = d.stack();
	assert.deepEqual(parts.map(p => [p.label, p.track.v]), [["all reasons", [7]]]);
});

test("the greatest reasons of a kind come first, without idle time and what did not occur", () => {
	const reasons = [{ number: 1, count: 5, away: 9 }, { number: 2, count: 0, away: 0 },
		{ number: 4294967294, count: 0, away: 99 }, ...Array.from({ length: 12 }, (_, i) => ({ number: 10 + i, count: 100 - i, away: i / 10 }))];
	assert.deepEqual(ranked(reasons, "count").map(r => r.number), [10, 11, 12, 13, 14, 15, 16, 17]);
	assert.equal(ranked(reasons, "away")[0].number, 1);
});
