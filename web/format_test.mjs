// SPDX-License-Identifier: GPL-2.0-or-later
import assert from "node:assert/strict";
import test from "node:test";
import * as format from "./format.js";

const plain = text => text.replaceAll("\u202f", " ");

test("rates have three digits and a prefix", () => {
	for (const [v, text] of [[0, "0 /s"], [0.123, "0.12 /s"], [12.34, "12.3 /s"], [999.4, "999 /s"],
		[999.6, "1.00 k/s"], [12345, "12.3 k/s"], [2.5e6, "2.50 M/s"], [null, "–"], [NaN, "–"]])
		assert.equal(plain(format.rate(v)), text);
});

test("shares are percent, small ones keep two digits", () => {
	for (const [v, text] of [[0, "0 %"], [0.041, "4.10 %"], [0.0004, "0.040 %"], [1, "100 %"],
		[1e-7, "<0.001 %"], [null, "–"]])
		assert.equal(plain(format.share(v)), text);
});

test("counts are grouped", () => {
	assert.equal(plain(format.count(1234567)), "1 234 567");
	assert.equal(plain(format.count(999)), "999");
	assert.equal(format.count(null), "–");
});

test("seconds since boot", () => {
	assert.equal(plain(format.elapsed(12.5, 0.5, 60)), "12.5 s");
	assert.equal(format.elapsed(150, 30, 200), "2:30");
	assert.equal(format.elapsed(3750, 60, 4000), "1:02:30");
	assert.equal(format.elapsed(150.25, 0.05, 200), "2:30.25");
	assert.equal(format.elapsed(179.9999, 0.5, 200), "3:00.0");
});

test("an axis has one prefix and the decimals its step needs", () => {
	assert.equal(plain(format.axisNumber(2500, 500, 5000)), "2.5 k");
	assert.equal(plain(format.axisNumber(20000, 10000, 40000)), "20 k");
	assert.equal(format.axisNumber(0, 10000, 40000), "0");
	assert.equal(plain(format.axisPercent(0.005, 0.005)), "0.5 %");
});

test("durations", () => {
	assert.equal(plain(format.duration(4.2)), "4.20 s");
	assert.equal(plain(format.duration(59.96)), "60.0 s");
	assert.equal(plain(format.duration(192)), "3 min 12 s");
	assert.equal(plain(format.duration(7500)), "2 h 05 min");
});

test("a value is read in its unit", () => {
	assert.equal(format.value(12345, "exits/s"), "12.3\u202fk/s");
	assert.equal(format.value(0.5, "1"), "50.0\u202f%");
	assert.equal(format.value(250000, "us/s"), "25.0\u202f%");
	assert.equal(format.value(1234567, "exits"), "1.23\u202fM");
	assert.equal(format.value(90, "s"), "1\u202fmin 30\u202fs");
	assert.equal(format.value(0.0034, "s"), "3.40\u202fms");
	assert.equal(format.value(0.0000123, "s"), "12.3\u202fµs");
	assert.equal(format.value(2048, "B/s"), "2.05\u202fkB/s");
	assert.equal(format.value(NaN, "1"), format.NONE);
	assert.equal(format.axis(250000, 50000, 500000, "us/s"), "25\u202f%");
	assert.equal(format.axis(2000, 500, 4000, "exits/s"), "2.0\u202fk");
});

test("an axis tells its steps exactly", () => {
	assert.deepEqual([0, 250, 500, 750, 1000].map(v => format.axisNumber(v, 250, 1000)),
		["0", "0.25\u202fk", "0.50\u202fk", "0.75\u202fk", "1.00\u202fk"]);
	assert.equal(format.axisNumber(4000, 1000, 5000), "4\u202fk");
	assert.equal(format.axisPercent(0.025, 0.025), "2.5\u202f%");
	assert.equal(format.axisNumber(0.3, 0.1, 1), "0.3");
});
