// SPDX-License-Identifier: GPL-2.0-or-later
// report_test.mjs [--vm NAME] URL: a VM's report in the browser: readable for everybody, in both
// themes, on a phone and on paper, and nothing but itself is asked for.

import assert from "node:assert/strict";
import { run, WINDOW } from "./lib.mjs";

// Its policy lets no script run, axe's neither; so the page is looked at without it, and another
// one with it.
await run({ vm: { type: "string", default: "guest" } }, t => {
	const { page } = t;
	const address = `api/v1/vms/${encodeURIComponent(t.options.vm)}/report.html`;
	const colours = () => page.evaluate(() => ["color", "backgroundColor"].map(p =>
		getComputedStyle(document.body)[p].match(/\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0)));

	t.test("the report opens, with its figures, graphs and tables", async () => {
		await page.goto(t.url(address));
		const report = await t.json(address.replace(/html$/, "json"));
		await assert.doesNotReject(page.locator("h1", { hasText: t.options.vm }).waitFor());
		const exits = page.locator(".tiles dd").first();
		assert.ok((await exits.textContent()).startsWith(report.exits.toLocaleString("en")));
		assert.equal(await page.locator(".findings li").count(), report.findings.length);
		assert.equal(await page.locator("svg.graph").count(), 2);
		assert.equal(await page.locator("#phases ~ .wide tbody tr").count(), report.phases.length);
		assert.equal(await page.locator("#reasons ~ .wide tbody tr").count(),
			report.reasons.filter(r => r.class !== "idle").length);
	});

	t.test("its style sheet is in force: the graphs have areas of different colours", async () => {
		const fills = await page.evaluate(() => [...document.querySelectorAll("svg.graph path[class^=s]")]
			.map(p => getComputedStyle(p).fill));
		assert.ok(fills.length >= 6, `${fills.length} areas`);
		assert.equal(new Set(fills).size, fills.length);
	});

	t.test("under its policy it looks the same, runs no script, and asks for nothing else", async () => {
		const context = await page.context().browser().newContext({ viewport: WINDOW, colorScheme: "light" });
		const strict = await context.newPage();
		const complaints = [], requests = [];
		strict.on("console", message => complaints.push(message.text()));
		strict.on("request", request => requests.push(request.url()));
		await strict.goto(t.url(address));
		assert.deepEqual(complaints, []);
		assert.equal(Buffer.compare(await strict.screenshot(), await page.screenshot()), 0);
		await strict.evaluate(() => {
			const script = document.createElement("script");
			script.textContent = "document.title = 'ran'";
			document.head.append(script);
		});
		assert.notEqual(await strict.title(), "ran");
		assert.deepEqual(requests, [t.url(address)]);
		await context.close();
	});

	t.test("what is wider than the page is reached by the keyboard", async () => {
		const regions = page.locator(".wide");
		for (let i = 0; i < await regions.count(); i++) {
			await regions.nth(i).focus();
			assert.ok(await regions.nth(i).evaluate(e => e === document.activeElement && e.ariaLabel.length > 3));
		}
	});

	t.test("nothing for axe to complain of in the light", async () => {
		await t.shot("report-light");
		await t.axe();
	});

	t.test("nor in the dark, where the background is dark and the words are light", async () => {
		await page.emulateMedia({ colorScheme: "dark" });
		const [ink, ground] = await colours();
		assert.ok(ink > 600 && ground < 120, `ink ${ink}, ground ${ground}`);
		await t.shot("report-dark");
		await t.axe();
	});

	t.test("on paper it is dark on white all the same", async () => {
		await page.emulateMedia({ colorScheme: "dark", media: "print" });
		const [ink, ground] = await colours();
		assert.ok(ink < 200 && ground === 765, `ink ${ink}, ground ${ground}`);
		await page.emulateMedia({ colorScheme: "light", media: "screen" });
	});

	t.test("nor at 360 pixels, where only graphs and tables scroll sideways", async () => {
		await page.setViewportSize({ width: 360, height: 780 });
		await t.noSidewaysScroll();
		await t.shot("report-narrow");
		await t.axe();
		await page.setViewportSize(WINDOW);
	});
}, { bypassCSP: true });
