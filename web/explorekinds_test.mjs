// SPDX-License-Identifier: GPL-2.0-or-later
import assert from "node:assert/strict";
import test from "node:test";
import * as kinds from "./explorekinds.js";

const read = text => kinds.readState(new URLSearchParams(text), { last: 3600 });
const written = state => Object.entries(kinds.writeState(state)).filter(([, v]) => v !== null);

test("all of a state is in the address", () => {
	const state = { span: { boot: 1, from: null, to: null, last: null }, by: "unit", what: "count", sum: true,
		stacked: true, log: false, source: "host", pick: ["a,b.service", "-.slice"], hide: ["x%y"] };
	assert.deepEqual(read(new URLSearchParams(written(state)).toString()), state);
	assert.deepEqual(written(read("")), [["last", 3600]]);
});

test("what is not known, or cannot be, is the usual", () => {
	const state = read("by=constructor&what=x&source=both&mode=x");
	assert.deepEqual([state.by, state.what, state.source, state.sum], ["total", "count", null, false]);
	assert.equal(read("by=vcpu&what=away").what, "count");
	assert.equal(read("by=unit&what=handling").what, "count");
});

test("each choice asks for its series", () => {
	assert.deepEqual(kinds.query(read("by=reason&what=away"), "host", ["120", "123"]),
		{ kind: "away", reason: "120,123", source: "host", mode: undefined });
	assert.deepEqual(kinds.query(read("by=vcpu&mode=cumulative"), "guest", []),
		{ kind: "count", vcpu: "all", source: "guest", mode: "cumulative" });
	assert.equal(kinds.query(read("by=total"), "guest", []).source, undefined);
	assert.equal(kinds.query(read("by=interrupt"), "guest", []).kind, "interrupt_source");
	// Levels do not add up, and what is no workload is not asked for.
	assert.equal(kinds.query(read("by=workload&pick=tasks_runnable,forks,nonsense&mode=cumulative"), "guest", []).kind, "forks");
});

test("live samples have what is shown, or say that they have not", () => {
	const sample = { source: "guest", exits_rate: 500, handling_share: 0.1, reasons: [[120, 7, 0.01, null], [123, 9, 0.02, 0.5]] };
	assert.deepEqual(kinds.fromSample(read("by=total&what=handling"), sample, []), { guest: 0.1 });
	assert.equal(kinds.fromSample(read("by=total&what=away"), sample, []), null);
	// A reason that is not in the event did not occur; one whose time is not known is a hole.
	assert.deepEqual(kinds.fromSample(read("by=reason"), sample, ["120", "1024"]), { 120: 7, 1024: 0 });
	assert.deepEqual(kinds.fromSample(read("by=reason&what=away"), sample, ["120", "123"]), { 120: null, 123: 0.5 });
	assert.equal(kinds.fromSample(read("by=reason"), { ...sample, reasons: undefined }, ["120"]), null);
	assert.equal(kinds.fromSample(read("by=unit"), sample, []), null);
	assert.equal(kinds.fromSample(read("by=reason&mode=cumulative"), sample, []), null);
});

test("an address with a broken escape is no error", () => {
	assert.deepEqual(read("by=unit&pick=50%25,a").pick, ["50%", "a"]);
});
