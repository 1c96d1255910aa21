// SPDX-License-Identifier: GPL-2.0-or-later
import assert from "node:assert/strict";
import test from "node:test";
import { logRange, logTicks, moveBy, pinch, roundUp, scaleAbout } from "./scale.js";
import { keyWindow } from "./gestures.js";

test("the top of an axis is round, with air above the curve", () => {
	assert.equal(roundUp(100), 120);
	assert.equal(roundUp(940), 1000);
	assert.equal(roundUp(0.031), 0.04);
});

test("a logarithmic axis begins at a decade and is not endless", () => {
	assert.deepEqual(logRange(3, 4200), [1, 5000]);
	assert.deepEqual(logRange(1e-9, 1000)[0], 1e-4 * 1e1);
	assert.deepEqual(logRange(Infinity, 0), [0.1, 1]);
	assert.deepEqual(logRange(2, 9.9), [1, 20]);	// 10 would leave no air above
	// A flat line has room.
	const [low, high] = logRange(500, 500);
	assert.ok(low <= 100 && high > 500);
});

test("its ticks are decades, with 2 and 5 where there is room", () => {
	assert.deepEqual(logTicks(1, 100, 10), [1, 2, 5, 10, 20, 50, 100]);
	assert.deepEqual(logTicks(1, 100, 4), [1, 10, 100]);
	assert.deepEqual(logTicks(0.01, 1e5, 3).length <= 4, true);
	assert.ok(logTicks(0.1, 1, 10).includes(0.2));
});

const window = { from: 10, to: 20 }, full = { from: 0, to: 25 };

test("zooming keeps what is under the cursor", () => {
	assert.deepEqual(scaleAbout(window, 0.5, 12, full), { from: 11, to: 16 });
	assert.deepEqual(scaleAbout(window, 4, 15, full), full);
	const least = scaleAbout({ from: 0, to: 0.01 }, 0.5, 0);
	assert.ok(least.to - least.from >= 0.0099);
});

test("panning keeps the span, and stops at the ends", () => {
	assert.deepEqual(moveBy(window, 3, full), { from: 13, to: 23 });
	assert.deepEqual(moveBy(window, 9, full), { from: 15, to: 25 });
	assert.deepEqual(moveBy(window, -99, full), { from: 0, to: 10 });
	assert.deepEqual(moveBy(window, 99), { from: 109, to: 119 });
});

test("two fingers keep what is under each", () => {
	assert.deepEqual(pinch(window, [0.25, 0.75], [0, 1]), { from: 12.5, to: 17.5 });
	const moved = pinch(window, [0.2, 0.4], [0.4, 0.6]);
	assert.ok(Math.abs(moved.from - 8) < 1e-9 && Math.abs(moved.to - 18) < 1e-9);
	assert.deepEqual(pinch(window, [0.2, 0.4], [0.6, 0.4]), window);
	assert.deepEqual(pinch(window, [0.2, 0.8], [0.49, 0.51], full), full);
});

test("keys lead to windows", () => {
	assert.deepEqual(keyWindow("+", { ...window, full }), { from: 12.5, to: 17.5 });
	// What is followed keeps its right end.
	assert.deepEqual(keyWindow("+", { ...window, full, live: true }), { from: 15, to: 20 });
	assert.deepEqual(keyWindow("ArrowLeft", { ...window, full }), { from: 8, to: 18 });
	assert.deepEqual(keyWindow("End", { ...window, full }), { from: 15, to: 25 });
	assert.deepEqual(keyWindow("Home", { ...window, full }), { from: 0, to: 10 });
	assert.equal(keyWindow("0", window), "reset");
	assert.equal(keyWindow("x", window), null);
});
