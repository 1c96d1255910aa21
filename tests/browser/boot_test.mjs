// SPDX-License-Identifier: GPL-2.0-or-later
// boot_test.mjs [OPTION...] URL: the boot view of a running vmexitd's page; see lib.mjs.
//   --vm NAME       the VM to look at; default the first of the list with samples
//   --live          samples are arriving: the charts must grow

import assert from "node:assert/strict";
import { run, span, total } from "./lib.mjs";

const OPTIONS = { vm: { type: "string" }, live: { type: "boolean" } };
const CHARTS = ["exits-chart", "handling-chart"];

await run(OPTIONS, t => {
	const { page } = t;
	const chart = () => t.chart("exits-chart");
	const open = async (more = "") => {
		await t.open(`#vm=${encodeURIComponent(t.vm)}${more}`);
		await t.drawn("exits-chart");
	};

	t.test("the view opens, with points drawn", async () => {
		const { vms } = await t.json("/api/v1/vms");
		t.vm = t.options.vm ?? vms.find(vm => vm.guest).name;
		await open();
	});

	t.test("each source with points has pixels of its colour", async () => {
		let checked = 0;
		for (const id of CHARTS) {
			if (!await page.locator(`#${id}`).isVisible())
				continue;
			for (const [source, n] of Object.entries((await t.chart(id)).points)) {
				if (n < 2)
					continue;
				const count = await t.pixels(id, source);
				assert.ok(count > 20, `${id}: ${count} pixels for ${n} points of ${source}`);
				checked++;
			}
		}
		assert.ok(checked > 0);
	});

	t.test("a boot begins at zero", async () => {
		const { from } = await chart();
		assert.ok(Math.abs(from) < 0.001, `from ${from}`);
	});

	if (t.options.live) {
		t.test("points arrive live", async () => {
			const before = await chart();
			const after = await t.until("more points", chart, c => total(c) > total(before));
			assert.ok(after.to > before.to, `the axis ends at ${after.to}, ended at ${before.to}`);
			assert.equal(await page.locator("#connection").innerText(), "connected");
		});
	}

	t.test("a drag zooms all charts, a double click resets them", async () => {
		const before = await chart();
		await t.drag("exits-chart", 0.3, 0.6);
		const zoomed = await t.until("zoom", chart, c => span(c) < span(before) * 0.5);
		assert.ok(Math.abs(span(zoomed) / span(before) - 0.3) < 0.05, `${span(zoomed)} of ${span(before)}`);
		for (const id of CHARTS) {
			if (await page.locator(`#${id}`).isVisible())
				assert.equal(span(await t.chart(id)), span(zoomed));
		}
		await t.until("address", () => page.url(), u => /[#&]from=/.test(u));
		await t.shot("boot-zoomed");
		await page.locator("#exits-chart .u-over").dblclick();
		await t.until("reset", chart, c => span(c) >= span(before) * 0.99);
	});

	t.test("a zoom is in the address, and the button resets it", async () => {
		const before = await chart();
		await t.drag("exits-chart", 0.2, 0.5);
		await t.until("zoom", chart, c => span(c) < span(before) * 0.5);
		const zoomed = await chart();
		await page.reload();
		await t.drawn("exits-chart");
		await t.until("the same zoom", chart, c => Math.abs(span(c) - span(zoomed)) < 0.01);
		await page.getByRole("button", { name: "Reset zoom" }).click();
		await t.until("reset", chart, c => span(c) >= span(before) * 0.99);
		assert.doesNotMatch(page.url(), /[#&]from=/);
	});

	t.test("the keyboard zooms, moves and resets", async () => {
		const before = await chart();
		await page.locator("#exits-chart").focus();
		await page.keyboard.press("+");
		const zoomed = await t.until("zoom in", chart, c => span(c) < span(before) * 0.6);
		await page.keyboard.press("ArrowLeft");
		await t.until("moved", chart, c => c.from < zoomed.from - span(zoomed) * 0.1);
		await page.keyboard.press("0");
		await t.until("reset", chart, c => span(c) >= span(before) * 0.99);
	});

	t.test("the range buttons choose the range", async () => {
		for (const [name, range, seconds] of [["1 min", "1m", 60], ["5 min", "5m", 300],
			["1 h", "1h", 3600], ["24 h", "24h", 86400]]) {
			const button = page.getByRole("button", { name, exact: true });
			await button.click();
			await t.until(name, chart, c => Math.abs(span(c) - seconds) < 0.5);
			assert.equal(await button.getAttribute("aria-pressed"), "true");
			assert.match(page.url(), new RegExp(`range=${range}`));
		}
		await page.getByRole("button", { name: "Boot", exact: true }).click();
		await t.until("boot", chart, c => Math.abs(c.from) < 0.001 && total(c) > 0);
	});

	t.test("the downloads are there, of the right type", async () => {
		for (const [locator, type, begin] of [
			["#csv", /^text\/csv/, /^time,epoch_s,vm,boot,source,/],
			["#exits [data-format='png']", /^image\/png/, /^\x89PNG\r\n\x1a\n/],
			["#exits [data-format='svg']", /^image\/svg\+xml/, /<svg/]]) {
			const href = await page.locator(locator).getAttribute("href");
			const response = await page.request.get(new URL(href, t.base).href);
			const body = (await response.body()).toString("latin1");
			assert.equal(response.status(), 200, `${href}: ${body.slice(0, 300)}`);
			assert.match(response.headers()["content-type"], type, href);
			assert.match(body.slice(0, 2000), begin, href);
		}
	});

	t.test("the tab key reaches the charts", async () => {
		await page.locator("#skip").focus();
		for (let i = 0; i < 60; i++) {
			await page.keyboard.press("Tab");
			if (await page.evaluate(() => document.activeElement.id) === "exits-chart")
				return;
		}
		assert.fail("not within 60 presses");
	});

	t.appearances("boot");
	t.quiet();
});
