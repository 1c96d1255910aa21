// SPDX-License-Identifier: GPL-2.0-or-later
// page_test.mjs [OPTION...] URL: looks at the page of a running vmexitd in Chromium;
// TAP on stdout, exit status 1 when something is wrong.
//   --vm NAME       the VM to look at; default the one the page chooses
//   --live          samples are arriving: the chart must grow
//   --expect-empty  the daemon has never seen a VM
//   --stop COMMAND, --start COMMAND
//                   shell commands that end the daemon and start it again on the same
//                   address: the page must say so and go on
//   --shots DIR     keep screenshots there
// Playwright is found in $VMEXIT_NODE_MODULES, Chromium in $CHROMIUM or the PATH.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { parseArgs } from "node:util";

const { values: options, positionals } = parseArgs({
	allowPositionals: true,
	options: { vm: { type: "string" }, live: { type: "boolean" },
		"expect-empty": { type: "boolean" }, shots: { type: "string" },
		stop: { type: "string" }, start: { type: "string" } },
});
if (positionals.length !== 1 || !options.stop !== !options.start) {
	console.error("usage: page_test.mjs [--vm NAME] [--live] [--expect-empty] [--shots DIR] " +
		"[--stop COMMAND --start COMMAND] URL");
	process.exit(2);
}
const base = new URL(positionals[0]);
const modules = process.env.VMEXIT_NODE_MODULES ?? new URL("../../build/browser", import.meta.url).pathname;
const { chromium } = createRequire(`${modules}/`)("playwright-core");

const DEADLINE_MS = 20000;
const CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
	"--disable-background-networking", "--disable-component-update", "--disable-sync"];

function findChromium() {
	if (process.env.CHROMIUM)
		return process.env.CHROMIUM;
	for (const dir of (process.env.PATH ?? "").split(":")) {
		const file = path.join(dir, "chromium");
		try {
			accessSync(file, constants.X_OK);
			return file;
		} catch {
			continue;
		}
	}
	console.log("Bail out! chromium is not in the PATH: apt-get install chromium");
	process.exit(1);
}

const tests = [];
const test = (name, run) => tests.push({ name, run });

// What the browser itself found wrong.
const complaints = [];
const requests = [];

function watch(page) {
	page.on("console", message => {
		if (["error", "warning"].includes(message.type()))
			complaints.push(`console: ${message.text()}`);
	});
	page.on("pageerror", error => complaints.push(`exception: ${error.stack}`));
	page.on("request", request => requests.push(request.url()));
}

const vmUrl = (vm, more = "") => new URL(`/#vm=${encodeURIComponent(vm)}${more}`, base).href;

async function shot(page, name) {
	if (options.shots)
		await page.screenshot({ path: path.join(options.shots, `${name}.png`), fullPage: true });
}

// The chart's own account: points by source, and the range of its axis.
function chart(page, id = "exits-chart") {
	return page.evaluate(i => {
		const { points, from, to } = document.getElementById(i).dataset;
		return { points: JSON.parse(points ?? "{}"), from: Number(from), to: Number(to) };
	}, id);
}

const total = ({ points }) => Object.values(points).reduce((a, b) => a + b, 0);
const span = ({ from, to }) => to - from;

// Waits until what `read` gives pleases `good`; fails with the last value.
async function until(what, read, good) {
	const end = Date.now() + DEADLINE_MS;
	let last;
	do {
		last = await read();
		if (good(last))
			return last;
		await new Promise(resolve => setTimeout(resolve, 50));
	} while (Date.now() < end);
	assert.fail(`${what}: not within ${DEADLINE_MS / 1000} s, last ${JSON.stringify(last)}`);
}

const drawn = page => until("points drawn", () => chart(page), c => total(c) > 0);

function shell(command) {
	const { status, stderr } = spawnSync("sh", ["-c", command], { encoding: "utf8",
		stdio: ["ignore", "ignore", "pipe"], timeout: DEADLINE_MS });
	assert.equal(status, 0, `${command}: ${stderr}`);
}

// How many pixels of the canvas have a source's colour.
function pixels(page, id, source) {
	return page.evaluate(([i, s]) => {
		const canvas = document.querySelector(`#${i} canvas`);
		const { width, height } = canvas;
		const probe = Object.assign(document.createElement("canvas"), { width, height })
			.getContext("2d", { willReadFrequently: true });
		probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(`--${s}`).trim();
		probe.fillRect(0, 0, 1, 1);
		const want = probe.getImageData(0, 0, 1, 1).data;
		probe.clearRect(0, 0, 1, 1);
		probe.drawImage(canvas, 0, 0);
		const { data } = probe.getImageData(0, 0, width, height);
		let n = 0;
		for (let p = 0; p < data.length; p += 4) {
			if (data[p + 3] > 200 && [0, 1, 2].every(c => Math.abs(data[p + c] - want[c]) < 24))
				n++;
		}
		return n;
	}, [id, source]);
}

async function drag(page, from, to) {
	const box = await page.locator("#exits-chart .u-over").boundingBox();
	const y = box.y + box.height / 2;
	await page.mouse.move(box.x + box.width * from, y);
	await page.mouse.down();
	await page.mouse.move(box.x + box.width * (from + to) / 2, y, { steps: 4 });
	await page.mouse.move(box.x + box.width * to, y, { steps: 4 });
	await page.mouse.up();
}

async function noSidewaysScroll(page) {
	const [wide, view] = await page.evaluate(() =>
		[document.documentElement.scrollWidth, document.documentElement.clientWidth]);
	assert.ok(wide <= view, `the page is ${wide} pixels wide in a window of ${view}`);
}

async function openVm(page) {
	await page.goto(options.vm ? vmUrl(options.vm) : base.href);
	await page.locator("#view-boot").waitFor({ timeout: DEADLINE_MS });
	await drawn(page);
}

// Both themes and a narrow window; `name` begins the pictures' names.
function appearances(page, name) {
	test("dark: the background is dark and the words are light", async () => {
		await page.emulateMedia({ colorScheme: "dark" });
		const [ink, ground] = await page.evaluate(() => ["color", "backgroundColor"].map(p =>
			getComputedStyle(document.body)[p].match(/\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0)));
		assert.ok(ink > 600 && ground < 120, `ink ${ink}, ground ${ground}`);
		await shot(page, `${name}-dark`);
	});
	test("at 360 pixels nothing scrolls sideways", async () => {
		await page.emulateMedia({ colorScheme: "light" });
		await page.setViewportSize({ width: 360, height: 780 });
		await until("reflow", () => page.evaluate(() => document.documentElement.scrollWidth), w => w <= 360);
		await noSidewaysScroll(page);
		await shot(page, `${name}-narrow`);
		await page.setViewportSize({ width: 1360, height: 900 });
	});
}

function quiet() {
	test("the browser had nothing to complain of", () => assert.deepEqual(complaints, []));
	test("nothing was asked of another origin", () => {
		assert.ok(requests.length > 5);
		assert.deepEqual(requests.filter(r => new URL(r).origin !== base.origin), []);
	});
}

function policyTest(page) {
	test("the page is served under a strict Content-Security-Policy", async () => {
		const response = await page.request.get(base.href);
		assert.equal(response.status(), 200);
		assert.match(response.headers()["content-type"], /^text\/html/);
		const policy = response.headers()["content-security-policy"] ?? "";
		assert.match(policy, /default-src 'none'/);
		assert.doesNotMatch(policy, /unsafe|\*|https?:/);
	});
}

function emptyTests(page) {
	policyTest(page);
	test("without a VM the page says what to do", async () => {
		await page.goto(base.href);
		const panel = page.locator("#panel");
		await panel.waitFor({ timeout: DEADLINE_MS });
		const text = await panel.innerText();
		assert.match(text, /No VM yet/);
		assert.match(text, /^vmexitctl attach DOMAIN$/m);
		assert.match(text, /NAME=SOCKET/);
		assert.equal(await page.locator("#view-boot").isVisible(), false);
		await shot(page, "empty-light");
	});
	appearances(page, "empty");
	quiet();
}

function vmTests(page) {
	policyTest(page);

	test("the page lists the VMs and shows one, with points drawn", async () => {
		await openVm(page);
		const listed = await page.locator("#vm-list a").count();
		const { vms } = await (await page.request.get(new URL("/api/v1/vms", base).href)).json();
		assert.equal(listed, vms.length);
		const current = page.locator("#vm-list a[aria-current='page']");
		assert.equal(await current.count(), 1);
		const name = await page.locator("#title").innerText();
		assert.equal(await current.locator(".name").innerText(), name);
		if (options.vm)
			assert.equal(name, options.vm);
		await shot(page, "vm-light");
	});

	test("each source with points has pixels of its colour", async () => {
		let checked = 0;
		for (const id of ["exits-chart", "handling-chart"]) {
			if (!await page.locator(`#${id}`).isVisible())
				continue;
			for (const [source, n] of Object.entries((await chart(page, id)).points)) {
				if (n < 2)
					continue;
				const count = await pixels(page, id, source);
				assert.ok(count > 20, `${id}: ${count} pixels for ${n} points of ${source}`);
				checked++;
			}
		}
		assert.ok(checked > 0);
	});

	test("a boot begins at zero", async () => {
		const { from } = await chart(page);
		assert.ok(Math.abs(from) < 0.001, `from ${from}`);
	});

	if (options.live) {
		test("points arrive live", async () => {
			const before = await chart(page);
			const after = await until("more points", () => chart(page), c => total(c) > total(before));
			assert.ok(after.to > before.to, `the axis ends at ${after.to}, ended at ${before.to}`);
			assert.equal(await page.locator("#connection").innerText(), "connected");
		});
	}

	test("a drag zooms both charts, a double click resets them", async () => {
		const before = await chart(page);
		await drag(page, 0.3, 0.6);
		const zoomed = await until("zoom", () => chart(page), c => span(c) < span(before) * 0.5);
		assert.ok(Math.abs(span(zoomed) / span(before) - 0.3) < 0.05, `${span(zoomed)} of ${span(before)}`);
		if (await page.locator("#handling-chart").isVisible())
			assert.equal(span(await chart(page, "handling-chart")), span(zoomed));
		await until("address", () => page.url(), u => /[#&]from=/.test(u));
		await shot(page, "vm-zoomed");
		await page.locator("#exits-chart .u-over").dblclick();
		await until("reset", () => chart(page), c => span(c) >= span(before) * 0.99);
	});

	test("a zoom is in the address, and the button resets it", async () => {
		const before = await chart(page);
		await drag(page, 0.2, 0.5);
		await until("zoom", () => chart(page), c => span(c) < span(before) * 0.5);
		const zoomed = await chart(page);
		await page.reload();
		await page.locator("#view-boot").waitFor({ timeout: DEADLINE_MS });
		await until("the same zoom", () => chart(page), c => Math.abs(span(c) - span(zoomed)) < 0.01);
		await page.getByRole("button", { name: "Reset zoom" }).click();
		await until("reset", () => chart(page), c => span(c) >= span(before) * 0.99);
		assert.doesNotMatch(page.url(), /[#&]from=/);
	});

	test("the keyboard zooms, moves and resets", async () => {
		const before = await chart(page);
		await page.locator("#exits-chart").focus();
		await page.keyboard.press("+");
		const zoomed = await until("zoom in", () => chart(page), c => span(c) < span(before) * 0.6);
		await page.keyboard.press("ArrowLeft");
		await until("moved", () => chart(page), c => c.from < zoomed.from - span(zoomed) * 0.1);
		await page.keyboard.press("0");
		await until("reset", () => chart(page), c => span(c) >= span(before) * 0.99);
	});

	test("the range buttons choose the range", async () => {
		for (const [name, range, seconds] of [["1 min", "1m", 60], ["5 min", "5m", 300],
			["1 h", "1h", 3600], ["24 h", "24h", 86400]]) {
			const button = page.getByRole("button", { name, exact: true });
			await button.click();
			await until(name, () => chart(page), c => Math.abs(span(c) - seconds) < 0.5);
			assert.equal(await button.getAttribute("aria-pressed"), "true");
			assert.match(page.url(), new RegExp(`range=${range}`));
		}
		await shot(page, "vm-24h");
		await page.getByRole("button", { name: "Boot", exact: true }).click();
		await until("boot", () => chart(page), c => Math.abs(c.from) < 0.001 && total(c) > 0);
	});

	test("the downloads are there, of the right type", async () => {
		for (const [locator, type, begin] of [
			["#csv", /^text\/csv/, /^time,epoch_s,vm,boot,source,/],
			["#exits [data-format='png']", /^image\/png/, /^\x89PNG\r\n\x1a\n/],
			["#exits [data-format='svg']", /^image\/svg\+xml/, /<svg/]]) {
			const href = await page.locator(locator).getAttribute("href");
			const response = await page.request.get(new URL(href, base).href);
			const body = (await response.body()).toString("latin1");
			assert.equal(response.status(), 200, `${href}: ${body.slice(0, 300)}`);
			assert.match(response.headers()["content-type"], type, href);
			assert.match(body.slice(0, 2000), begin, href);
		}
	});

	test("the list works by keyboard alone", async () => {
		const links = page.locator("#vm-list a");
		const last = await links.count() - 1;
		await links.first().focus();
		await page.keyboard.press("End");
		assert.equal(await links.nth(last).evaluate(e => e === document.activeElement), true);
		await page.keyboard.press("Enter");
		const name = await links.nth(last).locator(".name").innerText();
		await until("selection", () => links.nth(last).getAttribute("aria-current"), c => c === "page");
		await until("title", () => page.title(), t => t.startsWith(name));
		await openVm(page);
	});

	test("the tab key reaches the charts", async () => {
		await page.locator("#vm-list a[aria-current]").focus();
		for (let i = 0; i < 60; i++) {
			await page.keyboard.press("Tab");
			if (await page.evaluate(() => document.activeElement.id) === "exits-chart")
				return;
		}
		assert.fail("not within 60 presses");
	});

	appearances(page, "vm");
	quiet();

	if (options.stop) {
		test("a daemon that goes away is told, and back again the page goes on", async () => {
			await openVm(page);
			const before = await chart(page);
			shell(options.stop);
			const banner = page.locator("#banner");
			await until("banner", () => banner.innerText(), t =>
				/^vmexitd does not answer since \d\d:\d\d:\d\d; trying again$/.test(t));
			assert.ok(await page.locator("#exits-chart").isVisible());
			await shot(page, "vm-away");
			shell(options.start);
			await until("no banner", () => banner.innerText(), t => t === "");
			const after = await until("its points", () => chart(page), c => total(c) > 0);
			if (options.live)
				await until("new points", () => chart(page), c => c.to > after.to && c.to > before.to);
		});
	}

	// Last: the browser notes their 404 in its console.
	test("an unknown VM is told in the daemon's words, with a way on", async () => {
		const name = "no-such-vm";
		const answer = await page.request.get(new URL(`/api/v1/vms/${name}/boots`, base).href);
		assert.equal(answer.status(), 404);
		await page.goto(vmUrl(name));
		const panel = page.locator("#panel");
		await panel.waitFor({ timeout: DEADLINE_MS });
		assert.ok((await panel.innerText()).includes((await answer.json()).error));
		assert.equal(await page.locator("#view-boot").isVisible(), false);
		await shot(page, "unknown-vm");
		await panel.getByRole("link").first().click();
		await page.locator("#view-boot, #panel").filter({ visible: true }).first().waitFor();
		assert.doesNotMatch(page.url(), /no-such-vm/);
	});

	test("an unknown boot is told in the daemon's words", async () => {
		const vm = options.vm ?? await page.locator("#vm-list .name").first().innerText();
		await page.goto(base.href);
		await page.goto(vmUrl(vm, "&boot=999999"));
		await page.locator("#panel").waitFor({ timeout: DEADLINE_MS });
		const said = await page.locator("#panel .verbatim").innerText();
		assert.match(said, /999999/);
	});
}

async function main() {
	if (options.shots)
		mkdirSync(options.shots, { recursive: true });
	const browser = await chromium.launch({ executablePath: findChromium(), headless: true,
		args: CHROMIUM_FLAGS });
	const context = await browser.newContext({ viewport: { width: 1360, height: 900 },
		colorScheme: "light", reducedMotion: "reduce" });
	const page = await context.newPage();
	watch(page);
	(options["expect-empty"] ? emptyTests : vmTests)(page);

	console.log(`1..${tests.length}`);
	let failures = 0;
	for (const [i, { name, run }] of tests.entries()) {
		try {
			await run();
			console.log(`ok ${i + 1} - ${name}`);
		} catch (error) {
			failures++;
			console.log(`not ok ${i + 1} - ${name}`);
			console.log(String(error.stack ?? error).replace(/^/gm, "# "));
			await shot(page, `failed-${i + 1}`).catch(() => {});
		}
	}
	await browser.close();
	return failures;
}

main().then(failures => process.exit(failures ? 1 : 0), error => {
	console.log(`Bail out! ${String(error.message).split("\n")[0]}`);
	process.exit(1);
});
