// SPDX-License-Identifier: GPL-2.0-or-later
import assert from "node:assert/strict";
import test from "node:test";
import { rest, stack } from "./stack.js";
import { join } from "./track.js";

const track = (t, dt, v, more = {}) => join([{ t, dt, v, ...more }], 0);
const brief = segments => segments.map(({ from, to, right }) => [from, to, ...right]);

test("curves on one grid are summed from the lowest up", () => {
	const a = track([1, 2], [1, 1], [10, 20]), b = track([1, 2], [1, 1], [1, 2]);
	assert.deepEqual(brief(stack([a, b], 0, 2)), [[0, 1, 10, 11], [1, 2, 20, 22]]);
});

test("edges of any curve cut the segments, the window cuts its ends", () => {
	const a = track([2], [2], [10]), b = track([1, 3], [1, 2], [1, 2]);
	assert.deepEqual(brief(stack([a, b], 0.5, 1.5)), [[0.5, 1, 10, 11], [1, 1.5, 10, 12]]);
});

test("where one curve has a hole the stack has one", () => {
	const a = track([1, 2, 3], [1, 1, 1], [10, 10, 10]), b = track([1, 3], [1, 1], [1, 1]);
	assert.deepEqual(brief(stack([a, b], 0, 3)), [[0, 1, 10, 11], [2, 3, 10, 11]]);
});

test("a curve that begins later, or ends before, counts nothing there", () => {
	const a = track([1, 2, 3], [1, 1, 1], [10, 10, 10]), b = track([2], [1], [5]);
	assert.deepEqual(brief(stack([a, b], 0, 3)), [[0, 1, 10, 10], [1, 2, 10, 15], [2, 3, 10, 10]]);
});

test("with a whole, holes are its holes and no others", () => {
	const whole = track([1, 2, 4], [1, 1, 1], [9, 9, 9]);
	const a = track([1, 4], [1, 1], [3, 3]);
	assert.deepEqual(brief(stack([a], 0, 4, { whole })), [[0, 1, 3], [1, 2, 0], [3, 4, 3]]);
});

test("what adds up slopes within a segment", () => {
	const a = track([2], [2], [20], { min: [0], max: [20] }), b = track([1, 2], [1, 1], [1, 3], { min: [0, 1] });
	const [first, second] = stack([a, b], 0, 2, { slope: true });
	assert.deepEqual([first.left, first.right], [[0, 0], [10, 11]]);
	assert.deepEqual([second.left, second.right], [[10, 11], [20, 23]]);
});

test("nothing in view is no segment", () => {
	assert.deepEqual(stack([track([1], [1], [1])], 5, 6), []);
	assert.deepEqual(stack([], 0, 1), []);
});

test("the rest is what the parts leave of the whole, in time", () => {
	const whole = track([1, 2, 4], [1, 1, 1], [10, 10, 10]);
	const parts = [track([1, 2, 4], [1, 1, 1], [4, 10, 1]), track([0.5, 1], [0.5, 0.5], [2, 4])];
	const other = rest(whole, parts);
	assert.deepEqual(other.t, [1, 2, 4]);
	assert.deepEqual(other.v, [3, 0, 9]);
	// Rounding is not a rest.
	assert.deepEqual(rest(track([1], [1], [0.3]), [track([1], [1], [0.1]), track([1], [1], [0.2])]).v, [0]);
});

test("so it is of what adds up, at each end", () => {
	const whole = track([1, 2], [1, 1], [10, 30], { min: [0, 10] });
	const part = track([2], [2], [8], { min: [0], max: [8] });
	const other = rest(whole, [part], true);
	assert.deepEqual([other.min, other.v], [[0, 6], [6, 22]]);
});
