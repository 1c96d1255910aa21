// SPDX-License-Identifier: GPL-2.0-or-later
// pixel.mjs --vm NAME URL: watches a VM's boot and prints, until it is ended, when a frame with so
// many points of its first chart was painted, by the clock: "drawn points=N t=SECONDS". For ./page.

import { parseArgs } from "node:util";
import { WINDOW, launch, until } from "../browser/lib.mjs";

const { values: options, positionals } = parseArgs({ allowPositionals: true,
	options: { vm: { type: "string" } } });
const browser = await launch();
process.on("SIGTERM", async () => {
	await browser.close();
	process.exit(0);
});
const page = await (await browser.newContext({ viewport: WINDOW })).newPage();
await page.exposeFunction("drawn", (points, t) => console.log(`drawn points=${points} t=${t.toFixed(4)}`));
await page.goto(new URL(`/#view=boot&vm=${encodeURIComponent(options.vm)}`, positionals[0]).href);

const first = () => page.evaluate(() => {
	const plot = document.querySelector(".plot[data-points]");
	return plot ? Object.values(JSON.parse(plot.dataset.points)).reduce((a, b) => a + b, 0) : 0;
});
const points = await until("a chart", first, n => n > 0);
await page.evaluate(() => {
	const plot = document.querySelector(".plot[data-points]");
	let told = 0;
	new MutationObserver(() => {
		const n = Object.values(JSON.parse(plot.dataset.points)).reduce((a, b) => a + b, 0);
		if (n === told)
			return;
		told = n;
		// What was drawn before a frame's task ends is on the screen when the next one runs.
		requestAnimationFrame(() => setTimeout(() =>
			window.drawn(n, (performance.timeOrigin + performance.now()) / 1000)));
	}).observe(plot, { attributes: true, attributeFilter: ["data-points"] });
});
console.log(`ready points=${points}`);
