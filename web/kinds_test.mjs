// SPDX-License-Identifier: GPL-2.0-or-later
import assert from "node:assert/strict";
import test from "node:test";
import * as kinds from "./kinds.js";

test("workload in words", () => {
	for (const [kind, name, words] of [["cpu_user_ms", null, "CPU user"], ["psi_cpu_some_us", null, "pressure cpu some"],
		["net_received_bytes", null, "network received bytes"], ["context_switches", null, "context switches"],
		["disk_busy_ms", null, "disk busy"], ["interrupt_source", "LOC", "interrupts LOC"],
		["unit_cpu_us", "cron.service", "CPU of unit cron.service"], ["process_cpu_us", "fio", "CPU of process fio"]])
		assert.equal(kinds.workload({ kind, name }), words);
});

test("exits in words", () => {
	assert.equal(kinds.exits({ kind: "count", reason: null, reason_name: null }), "all exits");
	assert.equal(kinds.exits({ kind: "count", reason: 120, reason_name: "hlt" }), "hlt exits");
	assert.equal(kinds.exits({ kind: "count", reason: 0, reason_name: null }), "0 exits");
	assert.equal(kinds.exits({ kind: "handling", reason: 7, reason_name: null }), "time handling exits of 7");
	assert.equal(kinds.exits({ kind: "away", reason: null }), "time away");
});

test("a correlation in a word", () => {
	assert.equal(kinds.strength(0.95), "very strong");
	assert.equal(kinds.strength(-0.65), "strong, opposite");
	assert.equal(kinds.strength(0.5), "moderate");
	assert.equal(kinds.strength(-0.1), "hardly any");
});

test("a positive lag: exits follow", () => {
	assert.equal(kinds.lag(2).replace("\u202f", " "), "2 s later");
	assert.equal(kinds.lag(-0.5).replace("\u202f", " "), "0.5 s earlier");
	assert.equal(kinds.lag(0), "at once");
});
