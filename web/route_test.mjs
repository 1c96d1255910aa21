// SPDX-License-Identifier: GPL-2.0-or-later
import assert from "node:assert/strict";
import test from "node:test";
import * as route from "./route.js";

const params = text => new URLSearchParams(text);

test("without a view it is the VM's boot, without a VM the overview", () => {
	assert.equal(route.view(params("")), "overview");
	assert.equal(route.view(params("vm=a")), "boot");
	assert.equal(route.view(params("vm=a&view=explore")), "explore");
});

test("an address says what does not go without saying, VM first", () => {
	assert.equal(route.write({ view: "boot", vm: "a b", boot: 2 }), "#vm=a+b&boot=2");
	assert.equal(route.write({ view: "explore", vm: "a", from: null, to: undefined }), "#vm=a&view=explore");
	assert.equal(route.write({ view: "overview" }), "#view=overview");
	assert.equal(route.write({ view: "overview", sort: "rate" }), "#sort=rate");
	assert.equal(route.write(params("boots=x:1&view=compare")), "#view=compare&boots=x%3A1");
	assert.equal(route.write({ vm: "id" }, key => key.toUpperCase()), "#vm=ID");
});

test("what is written is read again", () => {
	for (const text of ["#vm=%23%26%3D+%C3%A4&boot=1", "#view=overview", "#vm=a&view=correlate&x=1"])
		assert.equal(route.write(route.read({ hash: text, search: "" })), text);
});

test("the search serves where there is no hash", () => {
	assert.equal(route.read({ hash: "", search: "?vm=a" }).get("vm"), "a");
	assert.equal(route.read({ hash: "#main", search: "?vm=a" }).get("vm"), "a");
	assert.equal(route.read({ hash: "#vm=b", search: "?vm=a" }).get("vm"), "b");
});

test("a change leaves the original and the other keys", () => {
	const before = params("vm=a&boot=1&from=2");
	assert.equal(String(route.change(before, { boot: 3, from: null, to: undefined })), "vm=a&boot=3");
	assert.equal(String(before), "vm=a&boot=1&from=2");
});
