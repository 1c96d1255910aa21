// SPDX-License-Identifier: GPL-2.0-or-later
// visit.mjs --vm ID --to TIME [--visits N] URL: visits the page again and again, each time like
// for the first time, with 24 h of a VM's eight most frequent exit reasons before TIME as its
// first chart; beside it a page with nothing but uPlot and the same data. For ./page.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { WINDOW, launch, until } from "../browser/lib.mjs";

const { values: options, positionals } = parseArgs({ allowPositionals: true,
	options: { vm: { type: "string" }, to: { type: "string" }, visits: { type: "string", default: "20" } } });
const base = new URL(positionals[0]);
const SETTLE_MS = 1500;
const to = Number(options.to), from = to - 86400;
const api = `/api/v1/vms/${encodeURIComponent(options.vm)}`;
const browser = await launch();

// A context of its own has nothing cached.
async function visit(address, prepare, read) {
	const context = await browser.newContext({ viewport: WINDOW });
	const page = await context.newPage();
	const client = await context.newCDPSession(page);
	const loaded = new Map();
	let bytes = 0;
	await client.send("Network.enable");
	client.on("Network.requestWillBeSent", e => loaded.set(e.requestId, new URL(e.request.url).pathname));
	client.on("Network.loadingFinished", e => {
		if (!loaded.get(e.requestId)?.startsWith("/api/"))
			bytes += e.encodedDataLength;
	});
	await prepare?.(page);
	// A new window of Chromium loads scripts of its own for a while; a visitor's is open already.
	await page.waitForTimeout(SETTLE_MS);
	await page.goto(new URL(address, base).href, { waitUntil: "commit" });
	const ms = await until("the first chart", () => page.evaluate(() =>
		performance.getEntriesByName("first-chart")[0]?.startTime ?? null), t => t !== null);
	const got = await read?.(page);
	await page.waitForLoadState("load");
	await context.close();
	return { ms, bytes, requests: [...loaded.values()].filter(p => !p.startsWith("/api/")).length, got };
}

const top = await (await fetch(new URL(`${api}/reasons?from=${from}&to=${to}&sort=count&limit=8`, base))).json();
const reasons = top.reasons.map(r => r.number).join(",");
const series = `${api}/series?from=${from}&to=${to}&source=guest&kind=count&reason=${reasons}&points=1000`;
const explore = `/#view=explore&vm=${encodeURIComponent(options.vm)}&from=${from}&to=${to}&by=reason&source=guest`;

const uplot = readFileSync(new URL("../../build/web/node_modules/uplot/dist/uPlot.iife.min.js", import.meta.url), "utf8");
const bare = `<!DOCTYPE html><title>bare</title><div id="c"></div><script>${uplot}</script><script>
fetch(${JSON.stringify(series)}).then(r => r.json()).then(({ series }) => {
	const t = [...new Set(series.flatMap(s => s.t))].sort((a, b) => a - b), at = new Map(t.map((x, i) => [x, i]));
	const data = [t, ...series.map(s => { const v = new Array(t.length).fill(null); s.t.forEach((x, i) => v[at.get(x)] = s.v[i]); return v; })];
	new uPlot({ width: 1000, height: 400, series: [{}, ...series.map((s, i) => ({ stroke: "hsl(" + i * 45 + " 60% 50%)" }))],
		hooks: { draw: [() => performance.mark("first-chart")] } }, data, document.getElementById("c"));
});</script>`;

const ours = [], floor = [];
let last;
for (let i = 0; i < Number(options.visits); i++) {
	last = await visit(explore, null, page => page.evaluate(() => {
		const plot = document.querySelector(".plot[data-points]");
		return Object.values(JSON.parse(plot.dataset.points));
	}));
	ours.push(last.ms);
	floor.push((await visit("/bare.html", page => page.route("**/bare.html", route =>
		route.fulfill({ contentType: "text/html", body: bare })))).ms);
}
await browser.close();
const show = list => list.map(v => v.toFixed(1)).join(" ");
console.log(`first_chart=${show(ours)}\nbare_uplot=${show(floor)}`);
console.log(`bytes=${last.bytes}\nrequests=${last.requests}`);
console.log(`series=${last.got.length}\npoints=${last.got.reduce((a, b) => a + b, 0)}`);
