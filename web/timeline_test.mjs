// SPDX-License-Identifier: GPL-2.0-or-later
import assert from "node:assert/strict";
import test from "node:test";
import * as timeline from "./timeline.js";

const read = (text, usual = { last: 3600 }) => timeline.readSpan(new URLSearchParams(text), usual);
const span = more => ({ boot: null, from: null, to: null, last: null, ...more });
const boots = [{ boot: 2, opened: 2000, closed: null }, { boot: 1, opened: 1000, closed: 1500,
	sources: { guest: { to: 1400 }, host: { to: 1501 } } }];

test("an address says which time, or the usual one is meant", () => {
	assert.deepEqual(read("from=1&to=2"), span({ from: 1, to: 2 }));
	assert.deepEqual(read("boot=latest&last=5"), span({ boot: "latest", last: 5 }));
	assert.deepEqual(read("boot=3"), span({ boot: 3 }));
	assert.deepEqual(read(""), span({ last: 3600 }));
	assert.deepEqual(read("", { boot: "latest" }), span({ boot: "latest" }));
	for (const wrong of ["from=2&to=1", "last=-5", "from=x&to=9", "last=", "boot=x"])
		assert.deepEqual(read(wrong), span({ last: 3600 }), wrong);
});

test("what is written is read again", () => {
	for (const one of [span({ boot: 1 }), span({ last: 300 }), span({ from: 1.5, to: 2.25 }),
		span({ boot: "latest", from: 0, to: 9 })]) {
		const params = new URLSearchParams(Object.entries(timeline.writeSpan(one)).filter(([, v]) => v !== null));
		assert.deepEqual(timeline.readSpan(params, {}), one);
	}
});

test("there is something from the first boot to now, or in a boot", () => {
	assert.deepEqual(timeline.fullOf(span({ last: 60 }), boots, 2600), { from: 1000, to: 2600 });
	assert.deepEqual(timeline.fullOf(span({ last: 3000 }), boots, 2600), { from: -400, to: 2600 });
	assert.deepEqual(timeline.fullOf(span({ boot: "latest" }), boots, 2600), { from: 0, to: 600 });
	// The last sample may come after the end.
	assert.deepEqual(timeline.fullOf(span({ boot: 1 }), boots, 2600), { from: 0, to: 501 });
});

test("what has an open end is followed", () => {
	assert.equal(timeline.follows(span({ last: 60 }), boots), true);
	assert.equal(timeline.follows(span({ boot: "latest" }), boots), true);
	assert.equal(timeline.follows(span({ boot: 1 }), boots), false);
	assert.equal(timeline.follows(span({ from: 1, to: 2 }), boots), false);
	assert.deepEqual(timeline.windowOf(span({ last: 60 }), { from: 0, to: 600 }), { from: 540, to: 600 });
});

test("a zoom that reaches the newest follows on, one that has all of a boot is none", () => {
	const full = { from: 1000, to: 2600 };
	assert.deepEqual(timeline.spanTo(span({ last: 600 }), 2500, 2600, boots, full), span({ last: 100 }));
	assert.deepEqual(timeline.spanTo(span({ last: 600 }), 2400, 2500, boots, full), span({ from: 2400, to: 2500 }));
	const boot = span({ boot: 1 });
	assert.deepEqual(timeline.spanTo(boot, 400, 501, boots, { from: 0, to: 501 }), { ...boot, from: 400, to: 501 });
	assert.deepEqual(timeline.spanTo(boot, 0, 501, boots, { from: 0, to: 501 }), boot);
	const tiny = timeline.spanTo(span({ last: 600 }), 2000, 2000.001, boots, full);
	assert.ok(tiny.to - tiny.from >= 0.0099);
});
