// SPDX-License-Identifier: GPL-2.0-or-later
import assert from "node:assert/strict";
import test from "node:test";
import { Recent } from "./spark.js";

const sample = (t, rate, more = {}) => ({ source: "guest", t, dt: 1, exits_rate: rate, ...more });

test("the last step is the mean of its samples", () => {
	const recent = new Recent(10, 3, 100);
	assert.equal(recent.add(sample(101, 10)), true);
	assert.equal(recent.add(sample(102, 20)), false);
	assert.equal(recent.add(sample(105, 60, { dt: 2 })), false);
	assert.deepEqual(recent.v, [null, null, (10 + 20 + 2 * 60) / 4]);
});

test("steps move on with the time, and what had no sample is a hole", () => {
	const recent = new Recent(10, 4, 100);
	recent.fill({ source: "guest", v: [1, 2, 3, 4] });
	recent.add(sample(125, 7));
	assert.deepEqual(recent.v, [4, null, null, 7]);
	assert.equal(recent.advance(125.5), false);
	assert.equal(recent.advance(1000), true);
	assert.deepEqual(recent.v, [null, null, null, null]);
	assert.equal(recent.extent(), null);
	assert.equal(recent.path(), "");
});

test("an answer with more or fewer points keeps its newest at the end", () => {
	const recent = new Recent(10, 3, 100);
	recent.fill({ source: "host", v: [1, 2, 3, 4] });
	assert.deepEqual(recent.v, [2, 3, 4]);
	recent.fill({ source: "host", v: [9] });
	assert.deepEqual(recent.v, [null, null, 9]);
});

test("the guest's word goes before the host's while there is one", () => {
	const recent = new Recent(10, 2, 100);
	recent.add(sample(105, 50, { source: "host" }));
	recent.add(sample(106, 10));
	assert.equal(recent.source, "guest");
	recent.add(sample(107, 999, { source: "host" }));
	assert.ok(recent.v[1] < 60);
	recent.advance(115);
	recent.add(sample(116, 30, { source: "host" }));
	assert.equal(recent.source, "host");
	assert.equal(recent.v[1], 30);
});

test("late, unknown and senseless samples change nothing", () => {
	const recent = new Recent(10, 2, 100);
	recent.add(sample(105, 5));
	for (const bad of [sample(95, 9), sample(106, null), sample(106, 7, { dt: 0 }), sample(106, NaN)])
		recent.add(bad);
	assert.deepEqual(recent.v, [null, 5]);
});

test("a path has a stretch for each run of values", () => {
	const recent = new Recent(10, 4, 100);
	recent.fill({ source: "guest", v: [10, 5, null, 10] });
	assert.equal(recent.path(40, 23), "M0 1.5H10V11.5H20M30 1.5H40");
	assert.deepEqual(recent.extent(), { low: 5, high: 10 });
});
