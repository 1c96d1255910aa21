// SPDX-License-Identifier: GPL-2.0-or-later
import assert from "node:assert/strict";
import test from "node:test";
import { reach, verdict } from "./attribution.js";

const V = (difference_low, difference_high, more = {}) => ({ difference_low, difference_high, ...more });

test("only an interval without zero in it is a difference", () => {
	assert.equal(verdict(V(1, 3)), "above");
	assert.equal(verdict(V(-3, -1)), "below");
	assert.equal(verdict(V(-1, 3)), "unclear");
	assert.equal(verdict(V(0, 3)), "unclear");
	assert.equal(verdict(null), null);
});

test("the scale reaches to the farthest end", () => {
	assert.equal(reach([V(0, 0, { value: 1, high: 3, baseline: 2 }), null, V(0, 0, { value: 2, high: 9, baseline: 1 })]), 9);
	assert.equal(reach([V(0, 0, { value: 1, high: 3, baseline: 12 })]), 12);
	assert.equal(reach([null]), 1);
	assert.equal(reach([]), 1);
});
