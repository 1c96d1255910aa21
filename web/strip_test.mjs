// SPDX-License-Identifier: GPL-2.0-or-later
import assert from "node:assert/strict";
import test from "node:test";
import { at, lanes, layout } from "./strip.js";

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
