// SPDX-License-Identifier: GPL-2.0-or-later
import assert from "node:assert/strict";
import test from "node:test";
import { append, build, indexAt, startOf, summary, trim } from "./track.js";

const series = (source, t, dt, v, more = {}) => ({ boot: 1, source, kind: "count", t, dt, v,
	min: v, max: v, ...more });

test("a hole is where an interval does not begin at the end of the one before", () => {
	const { count } = build([series("host", [1, 2, 5], [1, 1, 1], [10, 20, 30])], 0).host;
	assert.equal(startOf(count, 1), 1);
	assert.equal(startOf(count, 2), 4);
	assert.equal(indexAt(count, 1.5), 1);
	assert.equal(indexAt(count, 3), -1);
	assert.equal(indexAt(count, 4.5), 2);
	assert.equal(indexAt(count, 5.5), -1);
});

test("intervals that touch up to the clock's grain are joined", () => {
	const { count } = build([series("host", [1, 2.0009], [1, 1], [1, 2])], 0).host;
	assert.equal(startOf(count, 1), 1);
});

test("boots are joined in time order, on the axis asked for", () => {
	const { guest } = build([series("guest", [111, 112], [1, 1], [3, 4], { boot: 2 }),
				 series("guest", [101], [1], [1])], 100);
	assert.deepEqual(guest.count.t, [1, 11, 12]);
	assert.deepEqual(guest.count.v, [1, 3, 4]);
	assert.deepEqual(guest.handling.t, []);
});

test("what is not known is a hole, what came twice is taken once", () => {
	const { count } = build([series("host", [1, 2, 3], [1, 1, 1], [1, null, 3])], 0).host;
	assert.deepEqual(count.t, [1, 3]);
	assert.equal(append(count, { t: 3, dt: 1, v: 9 }), false);
	assert.equal(append(count, { t: 4, dt: 0, v: 9 }), false);
	assert.equal(append(count, { t: 4, dt: 1, v: 9 }), true);
	assert.equal(startOf(count, 1), 2);
});

test("a series of an unknown source or kind is left out", () => {
	const tracks = build([series("third", [1], [1], [1]),
			      { ...series("host", [1], [1], [1]), kind: "forks" }], 0);
	assert.deepEqual(tracks.host.count.t, []);
});

test("sums count what of an interval is in the range", () => {
	const { count } = build([series("host", [1, 2, 5], [1, 1, 1], [10, 20, 30],
		{ max: [15, 40, 30] })], 0).host;
	const all = summary(count, -Infinity, Infinity);
	assert.equal(all.sum, 60);
	assert.equal(all.seconds, 3);
	assert.equal(all.mean, 20);
	assert.equal(all.peak, 40);
	const part = summary(count, 0.5, 4.5);
	assert.equal(part.sum, 5 + 20 + 15);
	assert.equal(part.points, 3);
	assert.equal(summary(count, 2.5, 3.5).points, 0);
	assert.ok(Number.isNaN(summary(count, 2.5, 3.5).mean));
});

test("trim forgets what ended before", () => {
	const { count } = build([series("host", [1, 2, 3], [1, 1, 1], [1, 2, 3])], 0).host;
	trim(count, 1.5);
	assert.deepEqual(count.t, [2, 3]);
	assert.deepEqual(count.max, [2, 3]);
});
