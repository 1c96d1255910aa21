// SPDX-License-Identifier: GPL-2.0-or-later
import assert from "node:assert/strict";
import test from "node:test";
import { commonPhases, difference, percent, ranked, readBoots, reasonsWithin, sentence, signed, verdicts,
	writeBoots } from "./changes.js";
import { count } from "./format.js";

const plain = text => text.replaceAll("\u202f", " ");

const P = (seconds, exits, reasons = {}, more = {}) => ({ seconds, covered: seconds, exits, rate: exits / seconds,
	reasons, ...more });

// An answer of /compare, from each phase's parts of the boots.
function answer(phases, spaces = ["svm", "svm"]) {
	const boots = spaces.map((namespace, i) => {
		const own = Object.values(phases).map(p => p[i]).filter(p => p);
		const sum = key => own.reduce((a, p) => a + p[key], 0);
		return { boot: i + 1, namespace, seconds: sum("seconds"), exits: sum("exits"), rate: sum("exits") / sum("seconds") };
	});
	const reasons = parts => [...new Set(spaces)].flatMap(namespace =>
		[...new Set(parts.flatMap((p, i) => p && spaces[i] === namespace ? Object.keys(p.reasons) : []))].map(name => ({
			namespace, name, number: ["hlt", "io", "msr", "npf", "HLT"].indexOf(name),
			boots: parts.map((p, i) => p && spaces[i] === namespace ? { count: p.reasons[name] ?? 0, handling: 1, away: null } : null),
		})));
	return { boots, phases: Object.entries(phases).map(([name, parts]) => ({ name, boots: parts, reasons: reasons(parts) })) };
}

test("the boots of an address", () => {
	const boots = readBoots("vm-1:2,a:b:3,no,x:,vm-1:2,y:-1,z:4");
	assert.deepEqual(boots, [{ vm: "vm-1", boot: 2 }, { vm: "a:b", boot: 3 }, { vm: "z", boot: 4 }]);
	assert.equal(writeBoots(boots), "vm-1:2,a:b:3,z:4");
	assert.deepEqual(readBoots(null), []);
	assert.equal(readBoots(Array.from({ length: 20 }, (_, i) => `v:${i}`).join()).length, 8);
});

test("a difference against nothing has no ratio, of what is unknown there is none", () => {
	assert.deepEqual(difference(10, 12), { absolute: 2, ratio: 12 / 10 - 1 });
	assert.deepEqual(difference(0, 12), { absolute: 12, ratio: null });
	assert.equal(difference(null, 12), null);
	assert.equal(difference(10, null), null);
});

test("percents have a sign, large ones are multiples", () => {
	for (const [ratio, text] of [[0.123, "+12 %"], [-0.0312, "−3.1 %"], [0.0001, "±0 %"], [8.99, "+899 %"],
		[9, "× 10"], [1233, "× 1 234"], [-1, "−100 %"], [null, ""]])
		assert.equal(plain(percent(ratio)), text);
	assert.equal(plain(signed(-5120, count)), "−5 120");
	assert.equal(signed(0, count), "0");
});

test("what changed most comes first, what is not known last", () => {
	const rows = [{ name: "same", values: [5, 5] }, { name: "unknown", values: [null, null] },
		{ name: "gone", values: [7, null] }, { name: "most", values: [1, 2, 900] }, { name: "less", values: [100, 60, 100] }];
	assert.deepEqual(ranked(rows).map(r => r.name), ["most", "less", "gone", "same", "unknown"]);
});

test("fewer exits, by which reasons, and the time", () => {
	const a = answer({ firmware: [P(2, 1000, { io: 1000 }), P(2, 1000, { io: 1000 })],
		userspace: [P(10, 5000, { hlt: 4000, msr: 1000 }), P(7, 3000, { hlt: 1900, msr: 1100 })],
		running: [P(10, 10), P(9000, 90000)] });
	assert.equal(plain(sentence(a, 1, ["A", "B"])), "From power-on to the end of its start, B took 33 % fewer exits than A " +
		"(4 000 against 6 000; mostly hlt (−2 100)), in 3.00 s less.");
});

test("reasons that moved the other way are not blamed, small ones not named", () => {
	const a = answer({ kernel: [P(10, 1000, { hlt: 500, io: 400, npf: 100 }), P(10, 1500, { hlt: 900, io: 600, npf: 0, msr: 10 })] });
	assert.match(plain(sentence(a, 1, ["A", "B"])), /^In kernel, B took 50 % more exits than A .*; mostly hlt \(\+400\) and io \(\+200\)\), in the same time\.$/);
});

test("less than a percent is the same", () => {
	const a = answer({ kernel: [P(10, 1000), P(10, 1005)], initramfs: [P(5, 100), P(5, 100)] });
	assert.match(plain(sentence(a, 1, ["A", "B"])), /^In kernel and initramfs, B took about as many exits as A \(1 105 against 1 100\), in the same time\.$/);
});

test("only what is whole is called the start", () => {
	const a = answer({ firmware: [P(1, 10), P(1, 20)], kernel: [P(1, 10), P(1, 20, {}, { covered: 0 })], userspace: [P(1, 10), P(1, 20)] });
	assert.match(sentence(a, 1, ["A", "B"]), /^In firmware and userspace, B took/);
});

test("many times as many", () => {
	const a = answer({ kernel: [P(10, 100), P(10, 2000)] });
	assert.match(plain(sentence(a, 1, ["A", "B"])), /B took 20 times as many exits as A/);
});

test("reasons of different CPUs are not blamed on each other", () => {
	const a = answer({ kernel: [P(10, 1000, { hlt: 1000 }), P(10, 1500, { HLT: 1500 })] }, ["svm", "vmx"]);
	assert.doesNotMatch(sentence(a, 1, ["A", "B"]), /mostly/);
});

test("a phase that is in parts unknown, is missing or goes on is not compared", () => {
	const a = answer({ kernel: [P(10, 1000), P(10, 1000, {}, { covered: 9 })], initramfs: [P(1, 1), null],
		running: [P(5, 5), P(5, 5)] });
	assert.deepEqual(commonPhases(a.phases, [0, 1]), []);
	assert.match(plain(sentence(a, 1, ["A", "B"])), /^Per second, B took .* exits (than|as) A/);
	const nearly = answer({ kernel: [P(10, 1000), P(10, 1000, {}, { covered: 9.6 })] });
	assert.equal(commonPhases(nearly.phases, [0, 1]).length, 1);
});

test("the boot that changed most is named first", () => {
	const a = answer({ kernel: [P(10, 1000), P(10, 1100), P(10, 500)] }, ["svm", "svm", "svm"]);
	assert.deepEqual(verdicts(a, ["A", "B", "C"]).map(v => v.at), [2, 1]);
});

test("reasons of some phases only", () => {
	const a = answer({ kernel: [P(1, 30, { hlt: 20, io: 10 }), P(1, 5, { HLT: 5 })],
		initramfs: [P(1, 7, { hlt: 7 }), P(1, 1, { HLT: 1 })], running: [P(9, 900, { hlt: 900 }), P(9, 1, { HLT: 1 })] }, ["svm", "vmx"]);
	const rows = reasonsWithin(commonPhases(a.phases, [0, 1]), a.boots);
	assert.deepEqual(rows.map(r => [r.namespace, r.name, r.boots[0]?.count, r.boots[1]?.count]),
		[["svm", "hlt", 27, undefined], ["svm", "io", 10, undefined], ["vmx", "HLT", undefined, 6]]);
	assert.equal(rows[0].boots[0].handling, 2);
	assert.equal(rows[0].boots[0].away, null);
});
