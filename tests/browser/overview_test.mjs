// SPDX-License-Identifier: GPL-2.0-or-later
// overview_test.mjs [OPTION...] URL: the overview of a running vmexitd's page; see lib.mjs.
// Samples have to be arriving.
//   --gap COMMAND, --lie COMMAND
//                   shell commands upon which a VM has a gap, and a sample that is not believed

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { run } from "./lib.mjs";

await run({ gap: { type: "string" }, lie: { type: "string" } }, t => {
	const { page } = t;
	const rows = page.locator("#view-overview tbody tr").filter({ visible: true });
	const column = key => page.locator(`#view-overview tbody .c-${key}`).filter({ visible: true }).allInnerTexts();
	const head = key => page.locator(`#view-overview thead .c-${key}`);
	// "12.3 k/s", "4.1 %" and "–" as numbers.
	const number = text => text.trim() === "–" ? NaN : parseFloat(text.replace("<", "")) *
		({ k: 1e3, M: 1e6, G: 1e9 }[text.match(/([kMG])\/s/)?.[1]] ?? 1);
	const ordered = (values, order) => values.every((v, i) => i === 0 || Number.isNaN(v) ||
		(typeof v === "string" ? order * (v < values[i - 1] ? -1 : 1) >= 0 : order * (v - values[i - 1]) >= 0));

	t.test("without a VM in the address all of them are shown", async () => {
		t.vms = (await t.json("/api/v1/vms")).vms;
		await t.open();
		await t.until("rows", () => rows.count(), n => n === t.vms.length);
		assert.deepEqual(await column("name"), t.vms.map(vm => vm.name).sort());
		assert.equal(await page.locator("#title").innerText(), "Overview");
		assert.match(await page.locator("#view-overview .words").innerText(), new RegExp(`^${t.vms.length} VM`));
	});

	t.test("rates are those that the daemon says, and follow live", async () => {
		await t.until("rates", () => column("rate"), texts => texts.some(text => number(text) > 0));
		const before = (await column("rate")).join();
		await t.until("other rates", () => column("rate"), texts => texts.join() !== before);
		const near = async () => {
			const { vms } = await t.json("/api/v1/vms");
			const texts = await column("rate");
			return vms.map((vm, i) => [number(texts[i]), (vm.guest ?? vm.host)?.exits_rate]);
		};
		// Both are asked for at about the same moment.
		await t.until("the same rates", near, pairs => pairs.filter(([shown, said]) =>
			!(Math.abs(shown - said) <= 0.011 * said + 0.5)).length <= pairs.length / 4);
	});

	t.test("each has a line of its last minutes, in words as well", async () => {
		await t.until("lines", () => page.locator("#view-overview .spark path").evaluateAll(
			paths => paths.filter(path => /H/.test(path.getAttribute("d") ?? "")).length), n => n > 0);
		const words = await page.locator("#view-overview .spark").evaluateAll(
			images => images.map(image => [image.getAttribute("role"), image.getAttribute("aria-label")]));
		assert.ok(words.every(([role, label]) => role === "img" && /^(no samples|.*\/s to .*\/s)$/.test(label)), JSON.stringify(words));
		assert.ok(words.some(([, label]) => /\d/.test(label)));
	});

	t.test("each column sorts, both ways, and says so", async () => {
		for (const [key, first, read] of [["rate", -1, number], ["handling", -1, number], ["lost", -1, number],
			["recent", -1, null], ["state", 1, null], ["name", 1, String]]) {
			for (const order of [first, -first]) {
				await head(key).getByRole("button").click();
				assert.equal(await head(key).getAttribute("aria-sort"), order > 0 ? "ascending" : "descending");
				assert.equal(await page.locator("#view-overview [aria-sort]").count(), 1);
				if (read)
					await t.until(`${key} in order`, async () => (await column(key)).map(read),
						values => ordered(values, order));
			}
		}
	});

	t.test("the order is in the address", async () => {
		await head("rate").getByRole("button").click();
		assert.match(page.url(), /[#&]sort=-rate/);
		await page.reload();
		await t.until("the same order", () => head("rate").getAttribute("aria-sort"), s => s === "descending");
	});

	t.test("words filter by name and state, and are in the address", async () => {
		const name = t.vms[t.vms.length - 1].name;
		await page.getByRole("searchbox").filter({ visible: true }).fill(name.toUpperCase());
		await t.until("fewer rows", () => rows.count(), n => n === t.vms.filter(vm => vm.name.includes(name)).length);
		assert.deepEqual((await column("name")).filter(text => !text.includes(name)), []);
		assert.match(page.url(), /[#&]filter=/);
		await page.reload();
		await t.until("the same rows", () => rows.count(), n => n === 1);
		await page.getByRole("searchbox").filter({ visible: true }).fill("no such VM");
		await page.locator("#view-overview .none").waitFor();
		await page.getByRole("searchbox").filter({ visible: true }).fill("");
		await t.until("all rows", () => rows.count(), n => n === t.vms.length);
	});

	t.test("the keyboard alone sorts, goes through the rows and opens a VM", async () => {
		await head("name").getByRole("button").focus();
		await page.keyboard.press("Enter");
		assert.equal(await head("name").getAttribute("aria-sort"), "ascending");
		await rows.first().getByRole("link").focus();
		await page.keyboard.press("ArrowDown");
		const name = await page.evaluate(() => document.activeElement.textContent);
		assert.equal(name, (await column("name"))[Math.min(1, t.vms.length - 1)]);
		await page.keyboard.press("Enter");
		await t.until("the VM", () => page.locator("#title").innerText(), text => text === name);
		await page.goBack();
		await t.until("rows", () => rows.count(), n => n === t.vms.length);
	});

	if (t.options.gap) {
		t.test("a gap and a guest that is not believed stand out, in words", async () => {
			const badges = page.locator("#view-overview .badge");
			for (const [command, kind, words] of [[t.options.gap, "gap", /samples are missing until/],
				[t.options.lie, "quarantined", /not believed/]]) {
				assert.equal(spawnSync("sh", ["-c", command]).status, 0, command);
				await t.until(kind, () => badges.allInnerTexts(), texts => texts.filter(text => text === kind).length === 1);
				assert.match(await page.locator(`.badge.${kind}`).getAttribute("title"), words);
			}
			await head("state").getByRole("button").click();
			assert.equal((await column("state"))[0], "quarantined");
			await head("name").getByRole("button").click();
		});
	}

	t.appearances("overview");
	t.quiet();
});
