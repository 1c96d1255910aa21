// SPDX-License-Identifier: GPL-2.0-or-later
// proxy_test.mjs --user NAME:PASSWORD URL: the page behind a reverse proxy, below a path, with
// a password and a certificate of nobody's.

import assert from "node:assert/strict";
import { run } from "./lib.mjs";

await run({ user: { type: "string" } }, t => {
	const [username, password] = t.options.user.split(":");

	t.test("the page is there, with its VMs, and live", async () => {
		const context = await t.page.context().browser().newContext({ ignoreHTTPSErrors: true,
			httpCredentials: { username, password } });
		const page = await context.newPage();
		const failed = [];
		page.on("response", r => r.status() >= 400 && failed.push(`${r.status()} ${r.url()}`));
		page.on("request", r => new URL(r.url()).pathname.startsWith(t.base.pathname) || failed.push(`outside: ${r.url()}`));
		page.on("console", m => m.type() === "error" && failed.push(m.text()));
		await page.goto(`${t.base.href}#vm=vm000`);
		await t.until("the stream", () => page.locator("#connection").innerText(), text => text === "connected");
		const chart = () => page.evaluate(() => Object.values(JSON.parse(document.querySelector("[data-points]")?.dataset.points ?? "{}"))
			.reduce((a, b) => a + b, 0));
		const before = await t.until("points", chart, n => n > 0);
		await t.until("more points, live", chart, n => n > before + 3);
		const report = await page.locator("#report").getAttribute("href");
		const answer = await context.request.get(new URL(report, page.url()).href);
		assert.equal(answer.status(), 200);
		assert.deepEqual(failed, []);
		await context.close();
	});
});
