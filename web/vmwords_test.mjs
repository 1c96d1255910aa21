// SPDX-License-Identifier: GPL-2.0-or-later
// The words about VMs.
import assert from "node:assert/strict";
import test from "node:test";
import { pathWords, stateWords, stuckWords } from "./vmwords.js";

test("a state has libvirt's reason beside it", () => {
	assert.equal(stateWords({ state: "running", reason: "" }), "running");
	assert.equal(stateWords({ state: "unknown" }), "state unknown");
	assert.equal(stateWords({ state: "stopped", reason: "migrated" }), "stopped, migrated away");
	assert.equal(stateWords({ state: "paused", reason: "io-error" }), "paused, after a disk error");
	assert.equal(stateWords({ state: "stopped", reason: "crashed" }), "stopped, crashed");
});

test("a QEMU that does not answer has a time since when", () => {
	assert.equal(stuckWords({ stuck: null }), "");
	assert.equal(stuckWords({}), "");
	assert.match(stuckWords({ stuck: Date.now() / 1000 - 60 }), /^QEMU stuck since (\S+ )?\d\d:\d\d:\d\d$/);
});

test("how the host's counters are read, and what that costs", () => {
	assert.equal(pathWords({ host: null }), "");
	assert.equal(pathWords({ host: { via: null, poll_exits: null } }), "");
	assert.equal(pathWords({ host: { via: "debugfs-reasons", poll_exits: 0 } }), "host counters from debugfs, by reason");
	assert.equal(pathWords({ host: { via: "libvirt", poll_exits: null } }), "host counters through libvirt");
	assert.match(pathWords({ host: { via: "libvirt", poll_exits: 2.5 } }), /^host counters through libvirt, 2\.5 exits a reading$/);
});
