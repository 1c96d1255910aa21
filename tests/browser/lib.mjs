// SPDX-License-Identifier: GPL-2.0-or-later
// What the browser tests share: `run` looks at the page of a running vmexitd in Chromium and
// writes TAP; exit status 1 when something is wrong. A test is
//
//	import { run } from "./lib.mjs";
//	await run({ vm: { type: "string" } }, t => {
//		t.test("the page opens", async () => {
//			await t.open("#view=overview");
//			await t.until("rows", () => t.page.locator("tbody tr").count(), n => n > 0);
//			await t.axe();
//		});
//		t.appearances("overview");
//		t.quiet();
//	});
//
// Called NAME_test.mjs [OPTION...] URL; besides its own, each has the option --shots DIR (keep
// screenshots there). playwright-core and axe-core are found in $VMEXIT_NODE_MODULES, Chromium
// in $CHROMIUM or the PATH.

import assert from "node:assert/strict";
import { accessSync, constants, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { parseArgs } from "node:util";

export const DEADLINE_MS = 20000;
const modules = process.env.VMEXIT_NODE_MODULES ?? new URL("../../build/browser", import.meta.url).pathname;
const require = createRequire(`${modules}/`);
const CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
	"--disable-background-networking", "--disable-component-update", "--disable-sync"];
export const WINDOW = { width: 1360, height: 900 };

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

export function launch(args = []) {
	const { chromium } = require("playwright-core");
	return chromium.launch({ executablePath: findChromium(), headless: true, args: [...CHROMIUM_FLAGS, ...args] });
}

// Waits until what `read` gives pleases `good`; fails with the last value.
export async function until(what, read, good) {
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

// A chart's own account: points by curve, and the range of its axis.
export const total = ({ points }) => Object.values(points).reduce((a, b) => a + b, 0);
export const span = ({ from, to }) => to - from;

export class Tester {
	tests = [];
	complaints = [];	// what the browser itself found wrong
	requests = [];		// the addresses of all requests

	constructor(base, options, page) {
		this.base = base;
		this.options = options;
		this.page = page;
		this.until = until;
		page.on("console", message => {
			if (["error", "warning"].includes(message.type()))
				this.complaints.push(`console: ${message.text()} ${message.location().url}`);
		});
		page.on("pageerror", error => this.complaints.push(`exception: ${error.stack}`));
		page.on("request", request => this.requests.push(request.url()));
	}

	test(name, run) {
		this.tests.push({ name, run });
	}

	url(more = "") {
		return new URL(`/${more}`, this.base).href;
	}

	// Opens the page anew at a hash: another one alone would keep what it has.
	async open(hash = "") {
		const { page } = this;
		const there = page.url().split("#")[0] === this.url();
		await page.goto(this.url(hash));
		if (there)
			await page.reload();
	}

	// An answer of the daemon, as the page would get it.
	async json(address) {
		const response = await this.page.request.get(new URL(address, this.base).href);
		assert.equal(response.status(), 200, `${address}: ${await response.text()}`);
		return response.json();
	}

	async shot(name) {
		if (this.options.shots)
			await this.page.screenshot({ path: path.join(this.options.shots, `${name}.png`), fullPage: true });
	}

	chart(id) {
		return this.page.evaluate(i => {
			const { points, from, to } = document.getElementById(i)?.dataset ?? {};	// perhaps not made yet
			return { points: JSON.parse(points ?? "{}"), from: Number(from), to: Number(to) };
		}, id);
	}

	drawn(id) {
		return until(`points in ${id}`, () => this.chart(id), c => total(c) > 0);
	}

	// Drags across a chart, from and to as shares of its width.
	async drag(id, from, to) {
		const { page } = this;
		await page.locator(`#${id}`).scrollIntoViewIfNeeded();
		const box = await page.locator(`#${id} .u-over`).boundingBox();
		const y = box.y + box.height / 2;
		await page.mouse.move(box.x + box.width * from, y);
		await page.mouse.down();
		await page.mouse.move(box.x + box.width * (from + to) / 2, y, { steps: 4 });
		await page.mouse.move(box.x + box.width * to, y, { steps: 4 });
		await page.mouse.up();
	}

	// How many pixels of a chart's canvas have about the colour of a CSS variable.
	pixels(id, variable) {
		return this.page.evaluate(([i, v]) => {
			const canvas = document.querySelector(`#${i} canvas`);
			const { width, height } = canvas;
			const probe = Object.assign(document.createElement("canvas"), { width, height })
				.getContext("2d", { willReadFrequently: true });
			probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(`--${v}`).trim();
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
		}, [id, variable]);
	}

	// Whoever cannot see the page, or has no mouse, can use it as it is now: axe-core finds nothing.
	async axe() {
		this.source ??= readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
		if (!await this.page.evaluate(() => "axe" in window))
			await this.page.evaluate(this.source);
		const { violations, passes } = await this.page.evaluate(() => window.axe.run(document,
			{ resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
		assert.ok(passes.length > 10, `axe looked at ${passes.length} things only`);
		assert.deepEqual(violations.map(v => `${v.id}: ${v.help}: ` +
			v.nodes.map(n => `${n.target.join(" ")} (${n.failureSummary.split("\n").slice(1).join(";").trim()})`).join(", ")), []);
	}

	async noSidewaysScroll() {
		const [wide, view] = await this.page.evaluate(() =>
			[document.documentElement.scrollWidth, document.documentElement.clientWidth]);
		assert.ok(wide <= view, `the page is ${wide} pixels wide in a window of ${view}`);
	}

	// What is shown then: both themes, and windows of a phone and of a large screen.
	appearances(name) {
		const { page } = this;
		this.test(`${name}: nothing for axe to complain of in the light`, async () => {
			await this.shot(`${name}-light`);
			await this.axe();
		});
		this.test(`${name}: nor in the dark, where the background is dark and the words are light`, async () => {
			await page.emulateMedia({ colorScheme: "dark" });
			const [ink, ground] = await page.evaluate(() => ["color", "backgroundColor"].map(p =>
				getComputedStyle(document.body)[p].match(/\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0)));
			assert.ok(ink > 600 && ground < 120, `ink ${ink}, ground ${ground}`);
			await this.shot(`${name}-dark`);
			await this.axe();
			await page.emulateMedia({ colorScheme: "light" });
		});
		this.test(`${name}: nor at 360 pixels, where nothing scrolls sideways`, async () => {
			await page.setViewportSize({ width: 360, height: 780 });
			await until("reflow", () => page.evaluate(() => document.documentElement.scrollWidth), w => w <= 360);
			await this.noSidewaysScroll();
			await this.shot(`${name}-narrow`);
			await this.axe();
			await page.setViewportSize(WINDOW);
		});
		this.test(`${name}: 3840 pixels are used`, async () => {
			await page.setViewportSize({ width: 3840, height: 2160 });
			const main = await until("reflow", () => page.locator("main").boundingBox(), box => box.width > 1600);
			assert.ok(main.x >= 0 && main.x + main.width <= 3840);
			await this.shot(`${name}-4k`);
			await page.setViewportSize(WINDOW);
		});
	}

	// Last but for what makes the browser note errors, like a 404.
	quiet() {
		this.test("the browser had nothing to complain of", () => assert.deepEqual(this.complaints, []));
		this.test("nothing was asked of another origin", () => {
			const asked = this.requests.filter(r => !r.startsWith("about:"));
			assert.ok(asked.length > 3);
			assert.deepEqual(asked.filter(r => new URL(r).origin !== this.base.origin), []);
		});
	}

	async runAll() {
		console.log(`1..${this.tests.length}`);
		let failures = 0;
		for (const [i, { name, run: body }] of this.tests.entries()) {
			try {
				await body();
				console.log(`ok ${i + 1} - ${name}`);
			} catch (error) {
				failures++;
				console.log(`not ok ${i + 1} - ${name}`);
				console.log(String(error.stack ?? error).replace(/^/gm, "# "));
				await this.shot(`failed-${i + 1}`).catch(() => {});
			}
		}
		return failures;
	}
}

function parse(options) {
	try {
		const { values, positionals } = parseArgs({ allowPositionals: true,
			options: { ...options, shots: { type: "string" } } });
		assert.equal(positionals.length, 1, "one URL is needed");
		return [values, new URL(positionals[0])];
	} catch (error) {
		console.error(`${path.basename(process.argv[1])}: ${error.message}`);
		process.exit(2);
	}
}

// options: as parseArgs() takes them. define(t) registers the tests by t.test(). context: what
// the browser's context is to have, like { hasTouch: true }.
export async function run(options, define, context = {}) {
	const [values, base] = parse(options);
	if (values.shots)
		mkdirSync(values.shots, { recursive: true });
	try {
		const browser = await launch();
		const page = await (await browser.newContext({ viewport: WINDOW, colorScheme: "light",
			reducedMotion: "reduce", ...context })).newPage();
		const t = new Tester(base, values, page);
		define(t);
		const failures = await t.runAll();
		await browser.close();
		process.exit(failures ? 1 : 0);
	} catch (error) {
		console.log(`Bail out! ${String(error.message).split("\n")[0]}`);
		process.exit(1);
	}
}
