// SPDX-License-Identifier: GPL-2.0-or-later
// page_test.mjs [OPTION...] URL: the frame and a VM of a running vmexitd's page; see lib.mjs.
//   --vm NAME       the VM to look at; default the first of the list
//   --live          samples are arriving: the chart must grow
//   --expect-empty  the daemon has never seen a VM
//   --stop COMMAND, --start COMMAND
//                   shell commands that end the daemon and start it again on the same
//                   address: the page must say so and go on

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { DEADLINE_MS, run } from "./lib.mjs";

function shell(command) {
	const { status, stderr } = spawnSync("sh", ["-c", command], { encoding: "utf8",
		stdio: ["ignore", "ignore", "pipe"], timeout: DEADLINE_MS });
	assert.equal(status, 0, `${command}: ${stderr}`);
}

const OPTIONS = { vm: { type: "string" }, live: { type: "boolean" }, "expect-empty": { type: "boolean" },
	stop: { type: "string" }, start: { type: "string" } };

const vmHash = (vm, more = "") => `#vm=${encodeURIComponent(vm)}${more}`;

function policyTest(t) {
	t.test("the page is served under a strict Content-Security-Policy", async () => {
		const response = await t.page.request.get(t.base.href);
		assert.equal(response.status(), 200);
		assert.match(response.headers()["content-type"], /^text\/html/);
		const policy = response.headers()["content-security-policy"] ?? "";
		assert.match(policy, /default-src 'none'/);
		assert.doesNotMatch(policy, /unsafe|\*|https?:/);
	});
}

const MOST_BYTES = 80_000;

function weightTest(t) {
	t.test("all of the page is within 80 KB over the wire", async () => {
		await t.open();
		const assets = ["/", "/page.js", "/page.css", "/icon.svg"];
		const asked = await t.page.evaluate(() => performance.getEntriesByType("resource").map(e => new URL(e.name).pathname));
		assert.deepEqual(asked.filter(path => !path.startsWith("/api/") && path !== "/healthz" && !assets.includes(path)), []);
		let bytes = 0;
		for (const path of assets) {
			const { headers } = await fetch(new URL(path, t.base), { headers: { "Accept-Encoding": "gzip" } });
			assert.equal(headers.get("content-encoding"), "gzip", path);
			bytes += Number(headers.get("content-length"));
		}
		assert.ok(bytes > 1000 && bytes <= MOST_BYTES, `${bytes} bytes`);
	});
}

function emptyTests(t) {
	policyTest(t);
	t.test("without a VM the page says what to do", async () => {
		await t.open();
		const panel = t.page.locator("#panel");
		await panel.waitFor({ timeout: DEADLINE_MS });
		const text = await panel.innerText();
		assert.match(text, /No VM yet/);
		assert.match(text, /^vmexitctl attach DOMAIN$/m);
		assert.match(text, /NAME=SOCKET/);
		assert.equal(await t.page.locator("main > section[id^=view-]").filter({ visible: true }).count(), 0);
	});
	t.appearances("empty");
	t.quiet();
}

function frameTests(t) {
	const { page } = t;
	const title = () => page.locator("#title").innerText();

	t.test("the page lists the VMs and shows one, with points drawn", async () => {
		t.vms = (await t.json("/api/v1/vms")).vms;
		t.vm = t.options.vm ?? t.vms.find(vm => vm.guest).name;
		await t.open(vmHash(t.vm));
		await t.drawn("exits-chart");
		assert.equal(await page.locator("#vm-list a").count(), t.vms.length);
		const current = page.locator("#vm-list a[aria-current='page']");
		assert.equal(await current.count(), 1);
		assert.equal(await current.locator(".name").innerText(), t.vm);
		assert.equal(await title(), t.vm);
		assert.ok((await page.title()).startsWith(t.vm));
	});

	t.test("each tab shows its view, and says that it does", async () => {
		const names = await page.locator("#tabs a").allInnerTexts();
		assert.ok(names.includes("Overview") && names.includes("Boot"), names.join());
		for (const name of names) {
			const tab = page.locator("#tabs").getByRole("link", { name, exact: true });
			await tab.click();
			await t.until(name, () => tab.getAttribute("aria-current"), c => c === "page");
			assert.equal(await page.locator("#tabs a[aria-current]").count(), 1);
			const sections = page.locator("main > section").filter({ visible: true });
			assert.equal(await sections.count(), 1);
			assert.equal(await sections.first().getAttribute("id"), `view-${name.toLowerCase()}`);
		}
	});

	t.test("the history leads back, to the same VM", async () => {
		await t.open(vmHash(t.vm));
		await t.drawn("exits-chart");
		await page.locator("#tabs").getByRole("link", { name: "Overview" }).click();
		await t.until("overview", title, text => text === "Overview");
		assert.match(page.url(), /#view=overview/);
		await page.goBack();
		await t.until("VM", title, text => text === t.vm);
		await t.drawn("exits-chart");
	});

	t.test("who follows a tab by keyboard goes on reading below it", async () => {
		await page.locator("#tabs").getByRole("link", { name: "Overview" }).focus();
		await page.keyboard.press("Enter");
		await t.until("overview", title, text => text === "Overview");
		assert.equal(await page.evaluate(() => document.activeElement.id), "title");
	});

	t.test("the first stop of the tab key leads past the list, and leaves the address", async () => {
		await t.open(vmHash(t.vm));
		await t.drawn("exits-chart");
		const address = page.url();
		await page.keyboard.press("Tab");
		assert.equal(await page.evaluate(() => document.activeElement.id), "skip");
		await page.keyboard.press("Enter");
		assert.equal(await page.evaluate(() => document.activeElement.id), "main");
		assert.equal(page.url(), address);
	});

	t.test("the list works by keyboard alone", async () => {
		const links = page.locator("#vm-list a");
		const last = await links.count() - 1;
		await links.first().focus();
		await page.keyboard.press("End");
		assert.equal(await links.nth(last).evaluate(e => e === document.activeElement), true);
		await page.keyboard.press("Enter");
		const name = await links.nth(last).locator(".name").innerText();
		await t.until("selection", () => links.nth(last).getAttribute("aria-current"), c => c === "page");
		await t.until("title", () => page.title(), text => text.startsWith(name));
	});

	t.test("many VMs have a box to filter them by, few have none", async () => {
		await t.open(vmHash(t.vm));
		await t.drawn("exits-chart");
		const box = page.getByRole("searchbox", { name: "Filter the VMs by name" });
		assert.equal(await box.isVisible(), t.vms.length >= 10);
		if (!await box.isVisible())
			return;
		await box.fill(t.vm.toUpperCase());
		const links = page.locator("#vm-list a").filter({ visible: true });
		const fitting = t.vms.filter(vm => vm.name.includes(t.vm)).length;
		await t.until("fewer", () => links.count(), n => n === fitting && n < t.vms.length);
		assert.equal(await page.locator("#vm-count").innerText(), `${fitting} of ${t.vms.length}`);
		await links.first().focus();
		await page.keyboard.press("End");
		assert.equal(await links.last().evaluate(e => e === document.activeElement), true);
		await box.fill("");
		await t.until("all", () => links.count(), n => n === t.vms.length);
	});

	t.test("a report of the boot shown is one link away", async () => {
		await t.open(vmHash(t.vm, "&boot=1"));
		await page.locator("#report").waitFor();
		assert.match(await page.locator("#report").getAttribute("href"), /^api\/v1\/vms\/[^/]+\/report\.html\?boot=1$/);
		assert.equal(await page.locator("#report").getAttribute("rel"), "noopener");
	});
	t.quiet();
}

function awayTest(t) {
	const { page } = t;
	t.test("a daemon that goes away is told, and back again the page goes on", async () => {
		await t.open(vmHash(t.vm));
		await t.drawn("exits-chart");
		const before = await t.chart("exits-chart");
		shell(t.options.stop);
		const banner = page.locator("#banner");
		await t.until("banner", () => banner.innerText(), text =>
			/^vmexitd does not answer since \d\d:\d\d:\d\d; trying again$/.test(text));
		assert.ok(await page.locator("#exits-chart").isVisible());
		await t.axe();
		await t.shot("vm-away");
		shell(t.options.start);
		await t.until("no banner", () => banner.innerText(), text => text === "");
		const after = await t.drawn("exits-chart");
		if (t.options.live)
			await t.until("new points", () => t.chart("exits-chart"), c => c.to > after.to && c.to > before.to);
	});
}

// Last: the browser notes their 404 in its console.
function unknownTests(t) {
	const { page } = t;
	t.test("an unknown VM is told in the daemon's words, with a way on", async () => {
		const name = "no-such-vm";
		const answer = await page.request.get(new URL(`/api/v1/vms/${name}/boots`, t.base).href);
		assert.equal(answer.status(), 404);
		await t.open(vmHash(name));
		const panel = page.locator("#panel");
		await panel.waitFor({ timeout: DEADLINE_MS });
		assert.ok((await panel.innerText()).includes((await answer.json()).error));
		assert.equal(await page.locator("#view-boot").isVisible(), false);
		await t.shot("unknown-vm");
		await panel.getByRole("link").first().click();
		await t.until("another", () => page.locator("#view-boot, #panel .verbatim").filter({ visible: true }).count(), n => n > 0);
		assert.doesNotMatch(page.url(), /no-such-vm/);
	});
	t.test("an unknown boot is told in the daemon's words", async () => {
		await t.open(vmHash(t.vm, "&boot=999999"));
		await page.locator("#panel").waitFor({ timeout: DEADLINE_MS });
		assert.match(await page.locator("#panel .verbatim").innerText(), /999999/);
	});
}

await run(OPTIONS, t => {
	if (!t.options.stop !== !t.options.start)
		throw new Error("--stop and --start go together");
	if (t.options["expect-empty"]) {
		emptyTests(t);
		return;
	}
	policyTest(t);
	weightTest(t);
	frameTests(t);
	if (t.options.stop)
		awayTest(t);
	unknownTests(t);
});
