// SPDX-License-Identifier: GPL-2.0-or-later
import assert from "node:assert/strict";
import test from "node:test";
import { line, nearest, scale, ticks } from "./scatter.js";

test("an axis has round ticks that cover the values", () => {
	for (const [min, max, n] of [[0, 100, 5], [3.2, 977, 6], [-4, 4, 3], [0.00012, 0.00097, 4], [5, 5, 4], [0, 0, 4],
		[1e9, 1e9 + 1, 5]]) {
		const s = scale(min, max, n);
		const all = ticks(s);
		assert.ok(s.from <= min && s.to >= max, `${min}..${max}: ${s.from}..${s.to}`);
		assert.ok(all.length >= 2 && all.length <= n + 3, `${min}..${max}: ${all.length} ticks`);
		assert.ok(Math.abs(all.at(-1) - s.to) < s.step / 1000);
	}
	assert.deepEqual(ticks(scale(0, 100, 5)), [0, 20, 40, 60, 80, 100]);
});

test("a pointer finds the point next to it, none from afar", () => {
	const points = [[10, 10], [20, 10], [300, 300]];
	assert.equal(nearest(points, 16, 10), 1);
	assert.equal(nearest(points, 14, 10), 0);
	assert.equal(nearest(points, 150, 150), -1);
	assert.equal(nearest([], 1, 1), -1);
});

test("the straight line next to the points", () => {
	const { slope, at } = line([[0, 1, 3], [1, 2, 5], [2, 3, 7]]);
	assert.ok(Math.abs(slope - 2) < 1e-12);
	assert.ok(Math.abs(at(10) - 21) < 1e-12);
	// Least squares: the mean residual is zero.
	const odd = [[0, 0, 1], [1, 1, 0], [2, 2, 5], [3, 5, 4]];
	const fit = line(odd);
	assert.ok(Math.abs(odd.reduce((sum, [, x, y]) => sum + y - fit.at(x), 0)) < 1e-9);
	assert.equal(line([[0, 1, 3], [1, 1, 5]]), null);
	assert.equal(line([]), null);
});
