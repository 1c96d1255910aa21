// SPDX-License-Identifier: GPL-2.0-or-later
import assert from "node:assert/strict";
import test from "node:test";
import { at, clip, lanes, layout, runs } from "./strip.js";

test("intervals that overlap are in different lanes, as long as there are any", () => {
	const list = [{ from: 0, to: 10 }, { from: 2, to: 5 }, { from: 5, to: 6 }, { from: 10, to: 12 }];
	assert.deepEqual(lanes(list), [0, 1, 1, 0]);
	assert.deepEqual(lanes([{ from: 0, to: 9 }, { from: 1, to: 9 }, { from: 2, to: 9 }], 2), [0, 1, 1]);
});

test("what is in view is laid out, what is still on has no end", () => {
	const view = { from: 10, to: 20,
		phases: [{ from: 0, to: 12, label: "kernel" }, { from: 12, to: null, label: "userspace" }],
		marks: [{ x: 5, label: "before" }, { x: 15, label: "now" }, { x: 14, to: 16, label: "work" },
			{ x: 18, to: null, label: "endless" }, { x: 1, to: 2, label: "past" }],
		gaps: [{ from: 13, to: 14, cause: "full" }, { from: 1, to: 2, cause: "lost" }] };
	const laid = layout(view);
	assert.deepEqual(laid.bands.map(b => b.label), ["kernel", "userspace"]);
	assert.deepEqual(laid.bars.map(b => [b.label, b.row]), [["work", 1], ["endless", 1]]);
	assert.deepEqual(laid.lines.map(l => l.label), ["now"]);
	assert.equal(laid.gaps.length, 1);
	assert.equal(laid.rows, 2);
	assert.deepEqual(at(laid, 15.05, 0.1), ["userspace", "work", "now"]);
	assert.deepEqual(at(laid, 13.5, 0.1), ["userspace", "gap: full"]);
	assert.equal(layout({ from: 0, to: 1 }).rows, 0);
});

test("thousands of gaps are drawn as few", () => {
	const many = Array.from({ length: 5000 }, (_, i) => [i / 10, i / 10 + 0.05]);
	assert.deepEqual(runs([...many].reverse(), 2), [[0, 499.95]]);
	assert.deepEqual(runs([[10, 20], [0, 5], [21, 22]], 2), [[0, 5], [10, 22]]);
	assert.deepEqual(runs([[0, 30], [5, 6], [40, 41]], 2), [[0, 30], [40, 41]]);
});

test("a label is cut to its room, and a long one is not measured letter by letter", () => {
	let measured = 0;
	const ctx = { measureText: text => ({ width: (measured++, text.length * 6) }) };
	assert.equal(clip(ctx, "compile", 100), "compile");
	assert.equal(clip(ctx, "compile", 36), "compi…");
	assert.equal(clip(ctx, "compile", 17), "");
	assert.equal(clip(ctx, "compile", 10), "");
	measured = 0;
	assert.equal(clip(ctx, "x".repeat(100000), 1200), `${"x".repeat(100)}…`);
	assert.ok(measured < 12, `${measured} times`);
});
