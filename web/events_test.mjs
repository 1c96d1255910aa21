// SPDX-License-Identifier: GPL-2.0-or-later
import assert from "node:assert/strict";
import test from "node:test";
import { gapsOf, marksOf, phasesOf } from "./events.js";

const mark = (kind, t, label, more = {}) => ({ boot: 1, kind, t, label, sequence: t * 10, begin: null, ...more });

test("begins and ends become intervals, newest first", () => {
	const marks = marksOf([mark("begin", 101, "build"), mark("instant", 102, "here"),
		mark("end", 103, "build", { begin: 1010 }), mark("begin", 104, "still on"), mark("phase", 100, "kernel"),
		mark("end", 100.5, "before", { begin: 7 })], 100);
	assert.deepEqual(marks.map(m => [m.label, m.x, m.to]), [["still on", 4, null], ["here", 2, undefined],
		["build", 1, 3], ["before", -Infinity, 0.5]]);
});

test("the same sequence in another boot is another mark", () => {
	const marks = marksOf([mark("begin", 101, "a"), mark("end", 103, "b", { boot: 2, begin: 1010 })], 0);
	assert.deepEqual(marks.map(m => [m.label, m.x, m.to]), [["a", 101, null], ["b", -Infinity, 103]]);
});

test("phases follow each other, the firmware comes before the kernel", () => {
	const phases = phasesOf([mark("phase", 105, "kernel"), mark("phase", 120, "userspace"), mark("phase", 150, "finished")], 100);
	assert.deepEqual(phases, [{ label: "firmware", from: 0, to: 5 }, { label: "kernel", from: 5, to: 20 },
		{ label: "userspace", from: 20, to: 50 }, { label: "running", from: 50, to: null }]);
	assert.deepEqual(phasesOf([], 0), []);
	// Where the kernel's start was not seen, what was before it is not known either.
	assert.equal(phasesOf([mark("phase", 120, "userspace")], 100)[0].label, "userspace");
});

test("gaps are of a source, and say why", () => {
	const answer = { gaps: [{ source: "guest", from: 101, to: 102, cause: "full" }, { source: "host", from: 103, to: 104, cause: "new" }],
		quarantined: [{ from: 105, to: 106, cause: "fell" }] };
	assert.deepEqual(gapsOf(answer, 100, ["guest"]).map(g => [g.from, g.cause]),
		[[1, "the agent's memory was full"], [5, "samples that are not believed"]]);
	assert.deepEqual(gapsOf(answer, 100, ["host"]).map(g => [g.from, g.cause]), [[3, "new"]]);
});
