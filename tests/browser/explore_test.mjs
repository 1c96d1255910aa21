// SPDX-License-Identifier: GPL-2.0-or-later
// explore_test.mjs [OPTION...] URL: the explore view of a running vmexitd's page; see lib.mjs.
//   --vm NAME       the VM to look at; default the first of the list with a guest's samples
//   --live          samples are arriving: charts must grow
//   --gap COMMAND, --lie COMMAND
//                   shell commands upon which the first VM has a gap, and a sample that is not
//                   believed

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { run, span, total } from "./lib.mjs";

const OPTIONS = { vm: { type: "string" }, live: { type: "boolean" }, gap: { type: "string" }, lie: { type: "string" } };
const CHART = "explore-0-chart";

await run(OPTIONS, t => {
	const { page } = t;
	const chart = (id = CHART) => t.chart(id);
	const curves = async id => Object.keys((await chart(id)).points);
	const params = () => new URLSearchParams(new URL(page.url()).hash.slice(1));
	const button = name => page.locator("#view-explore").getByRole("button", { name, exact: true });
	const select = name => page.getByRole("combobox", { name });
	const asked = () => t.requests.filter(r => r.includes("/series?")).map(r => new URL(r).searchParams);
	const over = () => page.locator(`#${CHART} .u-over`);
	// Guests that are played are young.
	const last = t.options.live ? "&last=60" : "";
	const open = async (more = "") => {
		await t.open(`#view=explore&vm=${encodeURIComponent(t.vm)}${/\blast=/.test(more) ? "" : last}${more}`);
		await t.drawn(CHART);
	};
	const axis = () => page.locator(`#${CHART}`).evaluate(({ dataset }) => [Number(dataset.low), Number(dataset.high)]);

	t.test("the view opens, with points drawn", async () => {
		const { vms } = await t.json("/api/v1/vms");
		t.vm = t.options.vm ?? vms.find(vm => vm.guest).name;
		await open();
		assert.equal(await page.evaluate(() => performance.getEntriesByName("first-chart").length), 1);
		assert.equal(await page.getByRole("link", { name: "Explore" }).getAttribute("aria-current"), "page");
		await t.until("the chart in words", () => page.locator(`#${CHART}`).evaluate(plot => plot.ariaLabel ?? ""),
			label => /^Exits per second, .* guest: mean [\d.]+/.test(label));
	});

	t.test("by reason, the most frequent ones are shown, as the daemon counts them", async () => {
		await select("Curves by").selectOption("reason");
		await t.until("reasons", curves, ids => ids.length > 2 && !ids.includes("guest"));
		let most;
		// Of what is in view; a reason that comes later is ranked when it is asked anew.
		await t.until("those of the daemon", async () => {
			await page.reload();
			await t.until("reasons", curves, ids => ids.length > 2 && !ids.includes("guest"));
			const { from, to } = await t.chart(CHART);
			const range = from > 1e9 ? `from=${from}&to=${to}` : "boot=latest";
			const { reasons } = await t.json(`/api/v1/vms/${t.vm}/reasons?source=guest&sort=count&${range}`);
			most = reasons.filter(r => r.count > 0 && r.name !== "idle").slice(0, 8);
			return [(await curves()).sort(), most.map(r => String(r.number)).sort()];
		}, ([shown, counted]) => shown.join() === counted.join());
		const legend = await page.locator("#explore-0 .legend .label").allInnerTexts();
		assert.deepEqual(legend.map(text => text.trim()).sort(), most.map(r => r.name ?? String(r.number)).sort());
		assert.ok(await t.pixels(CHART, "c1") > 20, "the first colour is on the chart");
	});

	t.test("reasons can be chosen, and the usual ones taken again", async () => {
		const list = page.locator(".choices");
		const boxes = list.getByRole("checkbox", { checked: true });
		const before = await curves();
		await t.until("the list", () => boxes.count(), n => n === before.length);
		await boxes.first().uncheck();
		await t.until("one less", curves, ids => ids.length === before.length - 1);
		assert.equal(params().get("pick").split(",").length, before.length - 1);
		const search = page.getByRole("searchbox", { name: "Search the list" });
		if (await search.isVisible()) {
			await search.fill("HL");
			await t.until("what is searched for", () => list.locator(".name").allInnerTexts(), texts => texts.join() === "hlt");
			await search.fill("");
		}
		await button("The usual ones").click();
		await t.until("all", curves, ids => ids.length === before.length);
		assert.equal(params().has("pick"), false);
	});

	t.test("times instead of counts, stacked and on a logarithmic axis", async () => {
		const lines = await axis();
		await button("Stacked").click();
		const [, high] = await t.until("a stack", axis, ([, top]) => top !== lines[1]);
		const sum = await t.json(`/api/v1/vms/${t.vm}/series?kind=count&source=guest`);
		const most = Math.max(...sum.series.flatMap(s => s.v));
		assert.ok(t.options.live || high >= most && high < most * 1.5, `the axis ends at ${high}, all exits at ${most}`);
		await t.shot("explore-stacked");
		await button("Log").click();
		await t.until("a logarithmic axis", axis, ([low]) => low > 0);
		assert.equal(await button("Stacked").getAttribute("aria-pressed"), "false");
		await select("What of it").selectOption("away");
		await t.until("shares", async () => [...await axis(), await page.locator("#explore-0 h2").innerText()],
			([, top, heading]) => top <= 10 && /Time away/.test(heading));
		await t.shot("explore-log");
	});

	t.test("the address is the view: opened again it is the same", async () => {
		await button("Cumulative").click();
		await t.until("sums", () => page.locator("#explore-0 h2").innerText(), text => /so far/.test(text));
		const state = async () => [await page.locator("#explore-0 h2").innerText(), (await curves()).sort(),
			await select("Curves by").inputValue(), await select("What of it").inputValue(),
			await button("Log").getAttribute("aria-pressed"), await button("Cumulative").getAttribute("aria-pressed")];
		await t.until("curves", curves, ids => ids.length > 2);
		const before = await state();
		await t.open(new URL(page.url()).hash);
		await t.drawn(CHART);
		assert.deepEqual(await state(), before);
		await page.goBack();
	});

	t.test("the legend hides a curve, and shows one alone; so does the address", async () => {
		await open("&by=reason");
		const all = await curves();
		const entries = page.locator("#explore-0 .legend button");
		await entries.first().click();
		await t.until("one hidden", curves, ids => ids.length === all.length - 1);
		assert.equal(await entries.first().getAttribute("aria-pressed"), "false");
		await page.reload();
		await t.until("still hidden", async () => total(await chart()) > 0 && curves(), ids => ids.length === all.length - 1);
		await entries.nth(1).click({ modifiers: ["Shift"] });
		await t.until("one alone", curves, ids => ids.length === 1);
		await entries.nth(1).click({ modifiers: ["Shift"] });
		await t.until("all again", curves, ids => ids.length === all.length);
		assert.equal(params().has("hide"), false);
	});

	t.test("a drag zooms; shift and drag moves; the wheel zooms with ctrl", async () => {
		await open("&by=reason&pick=120");
		const before = await chart();
		await t.drag(CHART, 0.3, 0.5);
		const zoomed = await t.until("zoom", chart, c => span(c) < span(before) * 0.3);
		await page.keyboard.down("Shift");
		await t.drag(CHART, 0.4, 0.6);
		await page.keyboard.up("Shift");
		const moved = await t.until("moved", chart, c => c.from < zoomed.from);
		assert.ok(Math.abs(span(moved) - span(zoomed)) < span(zoomed) * 0.01);
		assert.ok(Math.abs((zoomed.from - moved.from) / span(zoomed) - 0.2) < 0.03, "by as much as the mouse");
		await over().hover();
		await page.keyboard.down("Control");
		await page.mouse.wheel(0, -100);
		await page.keyboard.up("Control");
		await t.until("nearer", chart, c => span(c) < span(moved) * 0.95);
		await over().dblclick();
		await t.until("reset", chart, c => span(c) > span(before) * 0.95);
	});

	t.test("the keyboard zooms, moves, resets, and reads values", async () => {
		const before = await chart();
		await page.locator(`#${CHART}`).focus();
		await page.keyboard.press("+");
		const zoomed = await t.until("zoom in", chart, c => span(c) < span(before) * 0.6);
		await page.keyboard.press("ArrowLeft");
		await t.until("moved", chart, c => c.from < zoomed.from - span(zoomed) * 0.1);
		await page.keyboard.press("Shift+ArrowLeft");
		await page.keyboard.press("Shift+ArrowLeft");
		await t.until("where the cursor is", () => page.locator("#explore-0 .here").innerText(), text => text !== "");
		await page.keyboard.press("0");
		await t.until("reset", chart, c => span(c) > span(before) * 0.95);
	});

	t.test("fingers: one pans, two zoom, two taps reset, and the page still scrolls", async () => {
		await open();
		const client = await page.context().newCDPSession(page);
		await over().scrollIntoViewIfNeeded();
		const box = await over().boundingBox();
		const y = box.y + box.height / 2;
		const at = (...parts) => parts.map((part, id) => ({ x: box.x + box.width * part, y, id }));
		const touch = (type, touchPoints) => client.send("Input.dispatchTouchEvent", { type, touchPoints });
		const gesture = async steps => {
			await touch("touchStart", at(...steps[0]));
			for (const step of steps.slice(1))
				await touch("touchMove", at(...step));
			await page.evaluate(() => new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve))));
			await touch("touchEnd", []);
		};
		const before = await chart();
		await gesture([[0.4, 0.6], [0.35, 0.65], [0.3, 0.7]]);
		const zoomed = await t.until("pinched", chart, c => Math.abs(span(c) / span(before) - 0.5) < 0.05);
		await gesture([[0.3], [0.4], [0.5]]);
		const moved = await t.until("panned", chart, c => c.from < zoomed.from);
		assert.ok(Math.abs(span(moved) - span(zoomed)) < span(zoomed) * 0.02);
		await gesture([[0.5]]);
		await gesture([[0.5]]);
		await t.until("reset", chart, c => span(c) > span(before) * 0.95);
		assert.equal(await over().evaluate(e => getComputedStyle(e).touchAction), "pan-y");
	});

	t.test("many moves in a row ask seldom, and the last one is answered", async () => {
		await open("&by=reason");
		const before = asked().length;
		await page.locator(`#${CHART}`).focus();
		for (let i = 0; i < 12; i++)
			await page.keyboard.press(i % 2 ? "ArrowRight" : "+");
		const { from, to } = await chart();
		await t.until("idle", async () => {
			const n = asked().length;
			await page.waitForTimeout(600);
			return asked().length - n;
		}, n => n === 0 || t.options.live);
		assert.ok(asked().length - before <= 6, `${asked().length - before} requests for 12 moves`);
		// What is followed moved on meanwhile.
		const after = await chart();
		assert.ok(Math.abs(span(after) - (to - from)) < 0.01 && Math.abs(after.to - to) < (t.options.live ? 60 : 0.01));
	});

	t.test("the chart is there as a table", async () => {
		await open();
		await page.locator("#explore-0 .values summary").click();
		const table = page.locator("#explore-0 .values table");
		await t.until("rows", () => table.locator("tbody tr").count(), n => n === 20);
		assert.deepEqual(await table.locator("thead th").allInnerTexts(), ["From", ...await curves()]);
	});

	t.test("each link gives what is in view", async () => {
		await open("&by=reason&pick=120,124&style=stacked");
		const links = page.locator("#view-explore .downloads a");
		await t.until("their addresses", () => links.first().getAttribute("href"), href => href);
		for (const [format, type] of [["csv", /^text\/csv/], ["jsonl", /ndjson/], ["svg", /^image\/svg/], ["png", /^image\/png/],
			["pdf", /^application\/pdf/]]) {
			const link = page.locator(`#view-explore .downloads [data-format=${format}]`);
			const href = await link.getAttribute("href");
			const answer = await page.request.get(new URL(href, t.base).href);
			assert.equal(answer.status(), 200, `${href}: ${(await answer.text()).slice(0, 200)}`);
			assert.match(answer.headers()["content-type"], type);
		}
		const graph = new URL(await links.nth(2).getAttribute("href"), t.base).searchParams;
		assert.deepEqual(["reason", "stacked", "source"].map(name => graph.get(name)), ["120,124", "yes", "guest"]);
	});

	t.test("every kind of workload there is to choose is one to the daemon", async () => {
		await open("&by=reason");
		await select("Curves by").selectOption("workload");
		const kinds = await page.locator(".choices .name").evaluateAll(async names => {
			while (!document.querySelector(".choices .name[title='forks']"))
				await new Promise(resolve => setTimeout(resolve, 50));
			return [...document.querySelectorAll(".choices .name")].map(name => name.title);
		});
		assert.ok(kinds.length > 20);
		// So many at once are taken as can be chosen.
		for (let i = 0; i < kinds.length; i += 16)
			await t.json(`/api/v1/vms/${t.vm}/series?points=2&kind=${kinds.slice(i, i + 16).join(",")}`);
	});

	if (t.options.live)
		liveTests(t, { chart, open, select, curves });
	else
		recordingTests(t, { chart, open, select, curves, params });

	t.test("as it is looked at", () => open("&by=reason&style=stacked"));
	t.appearances("explore");
	t.quiet();

	t.test("a boot that is none is told in words", async () => {
		await t.open(`#view=explore&vm=${encodeURIComponent(t.vm)}&boot=999999`);
		await page.locator("#panel").waitFor();
		assert.match(await page.locator("#panel").innerText(), /999999/);
	});
}, { hasTouch: true });

// Of a recording: marks, phases, lists.
function recordingTests(t, { chart, open, select, curves, params }) {
	const { page } = t;

	t.test("vCPUs, interrupt sources, units and the workload have curves, below all exits", async () => {
		await open("&by=vcpu");
		const { boots } = await t.json(`/api/v1/vms/${t.vm}/boots`);
		assert.deepEqual(await curves(), Array.from({ length: boots[0].vcpus }, (_, i) => String(i)));
		for (const [by, one] of [["interrupt", "LOC"], ["unit", "init.scope"], ["workload", "cpu_user_ms"]]) {
			await select("Curves by").selectOption(by);
			await t.until(by, curves, ids => ids.includes(one));
			assert.ok((await curves("explore-exits-chart")).includes("guest"));
			await t.shot(`explore-${by}`);
		}
	});

	t.test("values of different units have charts of their own", async () => {
		await page.getByRole("checkbox", { name: "context switches" }).check();
		const ids = await t.until("another chart", () => page.locator(".panes .plot").evaluateAll(all => all.map(p => p.id)), l => l.length === 3);
		assert.deepEqual(ids, ["explore-exits-chart", "explore-0-chart", "explore-1-chart"]);
		assert.deepEqual(await curves("explore-1-chart"), ["context_switches"]);
	});

	t.test("phases are shaded, marks are listed and lead to their time", async () => {
		await open();
		const { marks } = await t.json(`/api/v1/vms/${t.vm}/marks`);
		const ends = marks.filter(m => m.kind === "end");
		assert.ok(await t.pixels("explore-0-chart", "phase-a") > 1000 && await t.pixels("explore-0-chart", "phase-b") > 1000);
		await page.locator(".happened summary").click();
		await page.locator(".events").getByRole("button", { name: ends[0].label, exact: true }).first().click();
		const begin = marks.find(m => m.sequence === ends[0].begin);
		const { boots } = await t.json(`/api/v1/vms/${t.vm}/boots`);
		const { from, to } = await t.until("its time", chart, c => span(c) < 60);
		assert.ok(from < begin.t - boots[0].opened && to > ends[0].t - boots[0].opened);
		await t.shot("explore-mark");
	});

	t.test("by the clock and since the boot, the same is shown; so is a range of one's own", async () => {
		await open();
		const since = await chart();
		const { boots: [boot] } = await t.json(`/api/v1/vms/${t.vm}/boots`);
		await select("Time by the clock").selectOption("");
		const clock = await t.until("the clock", chart, c => c.from > 1e9);
		assert.ok(Math.abs(clock.from - boot.opened - since.from) < 1 && Math.abs(clock.to - boot.opened - since.to) < 1);
		await page.locator(".custom summary").click();
		const local = epoch => page.evaluate(e => {
			const date = new Date(e * 1000);
			return new Date(date - date.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
		}, epoch);
		const from = Math.ceil(boot.opened) + 10;
		await page.getByLabel("From", { exact: true }).fill(await local(from));
		await page.getByLabel("To", { exact: true }).fill(await local(from + 30));
		await page.getByRole("button", { name: "Show", exact: true }).click();
		await t.until("that range", chart, c => c.from === from && c.to === from + 30);
		assert.deepEqual([params().get("from"), params().get("to")], [String(from), String(from + 30)]);
		await page.getByLabel("To", { exact: true }).fill(await local(from - 30));
		await page.getByRole("button", { name: "Show", exact: true }).click();
		assert.match(await page.locator(".wrong").innerText(), /before/);
	});
}

// Of guests that are played now.
function liveTests(t, { chart, open, select, curves }) {
	const { page } = t;

	t.test("curves grow by the live stream, by reason too", async () => {
		for (const more of ["&last=600", "&last=600&by=reason"]) {
			await open(more);
			const asked = () => t.requests.filter(r => r.includes("/series?")).length;
			const grown = (c, by) => t.until("more points", chart, d => total(d) >= total(c) + by * Object.keys(c.points).length);
			// The first that comes may have been asked for, as the stream was not open yet.
			const before = await grown(await chart(), 1);
			const requests = asked();
			const after = await grown(before, 3);
			assert.ok(after.to > before.to);
			assert.equal(asked(), requests, `${more}: the stream had it all`);
		}
	});

	t.test("what the stream does not say is asked for, at its end only", async () => {
		await open("&last=600&by=reason&mode=cumulative");
		const before = await chart();
		await t.until("more points", chart, c => total(c) > total(before));
	});

	t.test("a zoom stands still, and live goes on from there", async () => {
		await open();
		await t.drag("explore-0-chart", 0.2, 0.5);
		const zoomed = await t.until("zoom", chart, c => span(c) < 25);
		await page.getByRole("button", { name: "Go live" }).click();
		await t.until("live", chart, c => c.to > zoomed.to + 1);
		assert.equal(await page.getByRole("button", { name: "Live", exact: true }).getAttribute("aria-pressed"), "true");
	});

	if (t.options.gap && t.options.lie) {
		t.test("gaps and what is not believed are hatched, and said in words", async () => {
			const { vms } = await t.json("/api/v1/vms");
			t.vm = vms[1].name;
			await open();
			assert.equal(await t.pixels("explore-0-chart", "gap"), 0);
			t.vm = vms[0].name;
			// Other tests may have caused some before.
			const known = async () => {
				const { gaps, quarantined } = await t.json(`/api/v1/vms/${t.vm}/gaps`);
				return [gaps.length, quarantined.reduce((n, q) => n + q.count, 0)];
			};
			const before = await known();
			for (const command of [t.options.gap, t.options.lie])
				assert.equal(spawnSync("sh", ["-c", command]).status, 0);
			await t.until("both are known", known, now => now.every((n, i) => n > before[i]));
			await open();
			await t.until("in words", () => page.locator(".events").textContent(), text =>
				/gap: /.test(text) && /not believed/.test(text));
			assert.ok(await t.pixels("explore-0-chart", "gap") > 0);
			await t.shot("explore-gap");
		});
	}
}
