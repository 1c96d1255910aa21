// SPDX-License-Identifier: GPL-2.0-or-later
// correlate_test.mjs [OPTION...] URL: the correlate view of a running vmexitd's page; see lib.mjs.
//   --vm NAME   the VM to look at, with marked intervals in its boot
//   --boot N    that boot
//   --short     it has samples, but too few for all that is tested else

import assert from "node:assert/strict";
import { run } from "./lib.mjs";

const OPTIONS = { vm: { type: "string" }, boot: { type: "string" }, short: { type: "boolean" } };
const plain = text => text.replaceAll("\u202f", " ").replaceAll("\u00a0", " ");
const two = r => r.toFixed(2).replace("-", "−");

await run(OPTIONS, t => {
	const { page } = t;
	const view = page.locator("#view-correlate");
	const api = `/api/v1/vms/${t.options.vm}`;
	const range = `boot=${t.options.boot}`;
	const choice = name => view.getByRole("combobox", { name, exact: true });
	const param = name => new URLSearchParams(new URL(page.url()).hash.slice(1)).get(name);
	const cells = async name => (await view.locator(`table.${name} tbody tr`).evaluateAll(list =>
		list.map(row => [...row.children].map(cell => cell.innerText)))).map(row => row.map(plain));
	const pairs = () => cells("pairs");
	const title = () => view.locator("#scatter-title").innerText();
	const scatter = view.locator(".scatter");
	const dots = () => scatter.getAttribute("data-points").then(Number);
	const open = async (more = "") => {
		await t.open(`#view=correlate&vm=${t.options.vm}&${range}${more}`);
		await t.until("pairs and points", async () => (await pairs()).length * await dots(), n => n > 0);
	};

	t.test("pairs are ranked as the daemon ranks them, with its numbers", async () => {
		await open();
		const answer = await t.json(`${api}/correlate?${range}`);
		const known = answer.pairs.filter(p => p.spearman !== null);
		const found = await pairs();
		assert.ok(found.length >= 10 && known.length >= found.length);
		found.forEach((row, i) => {
			const { x, y, spearman, pearson, n } = known[i];
			assert.ok(row[0].includes(x.name ?? x.kind.split("_").at(-1).replace(/^(ms|us)$/, "")), `${row[0]}: ${x.kind} ${x.name}`);
			assert.equal(row[1], y.reason_name ?? "all");
			assert.ok(row[2].startsWith(two(spearman)), `${row[2]}: ${spearman}`);
			assert.ok(row[3].startsWith(two(pearson)), `${row[3]}: ${pearson}`);
			assert.ok(row[5].replaceAll(" ", "").startsWith(`${n}×`), row[5]);
		});
		await view.locator("section", { has: page.locator("#pairs-title") }).getByRole("button", { name: /^Show all/ }).click();
		assert.equal((await pairs()).length, known.length);
	});

	t.test("the first pair is drawn, each of its points", async () => {
		await open();
		assert.equal(await view.locator("table.pairs [aria-current]").count(), 1);
		const { pairs: [{ x, y, lag }] } = await t.json(`${api}/correlate?${range}`);
		const query = new URLSearchParams({ x: x.kind, ...(x.name && { name: x.name }), y: y.kind,
			...(y.reason !== null && { reason: y.reason }), lag });
		const { points } = await t.json(`${api}/scatter?${range}&${query}`);
		assert.equal(await dots(), points.length);
		const pixels = await scatter.locator("canvas").evaluate(canvas => {
			const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
			return data.filter((v, i) => i % 4 === 3 && v > 60).length;
		});
		assert.ok(pixels > 1000, `${pixels} pixels are drawn`);
	});

	t.test("another pair is chosen by keyboard, is in the address, and back goes back", async () => {
		await open();
		const before = await title();
		const link = view.locator("table.pairs a").nth(3);
		const text = await link.innerText();
		await link.focus();
		await page.keyboard.press("Enter");
		await t.until("its plot", title, s => s !== before && s.endsWith(`against ${text}`));
		assert.equal(await link.getAttribute("aria-current"), "true");
		assert.ok(await link.evaluate(e => e === document.activeElement), "the focus stays");
		assert.ok(param("x"));
		const chosen = await title();
		await page.reload();
		await t.until("the same", title, s => s === chosen);
		await page.goBack();
		await t.until("the first", title, s => s === before);
	});

	if (t.options.short) {
		t.appearances("correlate");
		t.quiet();
		return;
	}

	t.test("arrow keys go from point to point in time, Enter shows the moment in Explore", async () => {
		await open("&x=interrupts");
		await t.until("points", title, s => s === "In the plot: all exits against interrupts");
		await t.until("points", dots, n => n > 100);
		const point = view.locator(".point");
		await scatter.focus();
		const times = [];
		for (const key of ["Home", "ArrowRight", "End"]) {
			await page.keyboard.press(key);
			times.push(await t.until(key, () => point.innerText(), s => /\d\d:\d\d:\d\d/.test(s) && s !== times.at(-1)));
		}
		assert.match(plain(times[2]), /: [\d.]+ (k )?\/s at [\d.]+ (k )?\/s\. Show it in Explore$/);
		assert.equal(await point.getAttribute("aria-live"), "polite");
		const { points } = await t.json(`${api}/scatter?${range}&x=interrupts&y=count`);
		await page.keyboard.press("Home");
		await page.keyboard.press("Enter");
		await t.until("Explore", () => param("view"), v => v === "explore");
		const first = Math.min(...points.map(p => p[0]));
		assert.ok(Number(param("from")) < first && Number(param("to")) > first, page.url());
	});

	t.test("a pointer finds a point, a click keeps it", async () => {
		await open("&x=interrupts");
		await t.until("points", title, s => s === "In the plot: all exits against interrupts");
		await scatter.scrollIntoViewIfNeeded();
		const box = await scatter.boundingBox();
		const point = view.locator(".point");
		for (let part = 0; part < 1 && !/Explore/.test(await point.innerText()); part += 0.02)
			await page.mouse.move(box.x + 66 + part * (box.width - 82), box.y + box.height - 46 - part * (box.height - 58));
		assert.match(await point.innerText(), /Explore/);
		await page.mouse.down();
		await page.mouse.up();
		await page.mouse.move(box.x, box.y - 50);
		assert.match(await point.innerText(), /Explore/);
	});

	t.test("what ran: a row for each mark, with its interval, whisker and difference", async () => {
		await open();
		const answer = await t.json(`${api}/attribution?${range}&by=mark`);
		assert.ok(answer.rows.length > 10);
		await t.until("rows", () => cells("attribution"), rows => rows.length > 10);
		const more = view.locator("section", { has: page.locator("#attribution-title") }).getByRole("button", { name: /^Show all/ });
		await more.click();
		const found = await cells("attribution");
		assert.deepEqual(found.map(r => r[0]), answer.rows.map(r => r.name));
		answer.rows.forEach(({ rate, why }, i) => {
			const words = found[i].at(rate ? 4 : 2);
			if (!rate)
				assert.equal(words, why);
			else
				assert.match(words, rate.difference_low > 0 ? /▲ more/ : rate.difference_high < 0 ? /▼ less/ : /○ may be chance/);
		});
		assert.equal(await view.locator(".whisker .span").count(), answer.rows.filter(r => r.rate).length);
	});

	t.test("processes, units: in the address, and why there is no number", async () => {
		await open();
		for (const [name, by] of [["Processes", "process"], ["Units", "unit"], ["Marked intervals", "mark"]]) {
			const button = view.getByRole("button", { name, exact: true });
			await button.focus();
			await page.keyboard.press("Enter");
			const { rows } = await t.json(`${api}/attribution?${range}&by=${by}`);
			await t.until(by, () => cells("attribution"), r => r[0]?.[0] === rows[0].name);
			assert.equal(await button.getAttribute("aria-pressed"), "true");
			assert.equal(param("by"), by === "mark" ? null : by);
			const missing = rows.slice(0, 15).findIndex(r => !r.rate);
			if (missing >= 0)
				assert.equal((await cells("attribution"))[missing].at(-1), rows[missing].why);
		}
	});

	t.test("handling time instead of exits, one reason, no lag: asked for, drawn, and there after a reload", async () => {
		await open();
		await choice("what goes along with").selectOption("handling");
		await t.until("handling", () => view.locator("table.pairs th").nth(1).innerText(), s => s === "time handling exits of");
		await t.until("its plot", title, s => s.startsWith("In the plot: time handling exits"));
		assert.match(await view.locator("table.attribution caption").innerText(), /^Handling share/);
		await choice("of").selectOption({ label: "hlt" });
		await t.until("of hlt", pairs, rows => rows.length > 0 && rows.every(r => ["all", "hlt"].includes(r[1])));
		await choice("within").selectOption("0");
		await t.until("at once", pairs, rows => rows.length > 0 && rows.every(r => r[4] === "at once"));
		const before = [page.url(), await pairs()];
		await page.reload();
		await t.until("the same", pairs, rows => rows.length > 0);
		assert.deepEqual([page.url(), await pairs()], before);
		assert.equal(await choice("within").inputValue(), "0");
		await page.goBack();
		await t.until("the lag", () => param("max_lag"), lag => lag === null);
	});

	t.test("a range by the clock: what it is is said, and fewer intervals are counted", async () => {
		const whole = await t.json(`${api}/correlate?${range}`);
		const from = whole.from + 100, to = whole.from + 400;
		await t.open(`#view=correlate&vm=${t.options.vm}&from=${from}&to=${to}`);
		const rows = await t.until("pairs", pairs, r => r.length > 0);
		for (const row of rows)
			assert.ok(Number(row[5].split("×")[0]) <= 300, row[5]);
		const text = await t.until("the range", () => choice("In").evaluate(e => e.selectedOptions[0]?.text), s => / to /.test(s));
		assert.match(text, /^.*\d\d:\d\d:\d\d to .*\d\d:\d\d:\d\d$/);
		assert.match(await page.locator("#report").getAttribute("href"), /from=.*to=/);
		await choice("In").selectOption({ index: 0 });
		await t.until("the whole boot", () => param("from"), v => v === null);
		await t.until("more intervals", pairs, r => r.some(row => Number(row[5].replaceAll(" ", "").split("×")[0]) > 300));
	});

	t.test("Explore leads here with what it has in view", async () => {
		const { from, to } = await t.json(`${api}/correlate?${range}`);
		await t.open(`#view=explore&vm=${t.options.vm}&from=${from + 200}&to=${from + 500}`);
		const link = page.locator("#view-explore").getByRole("link", { name: "Correlate" });
		await t.until("the link", () => link.getAttribute("href"), href => /from=/.test(href ?? ""));
		await link.click();
		await t.until("pairs", pairs, rows => rows.length > 0);
		assert.ok(Math.abs(Number(param("from")) - from - 200) < 1 && Math.abs(Number(param("to")) - from - 500) < 1, page.url());
	});

	t.test("too little to compare gives no number, but why", async () => {
		const whole = await t.json(`${api}/correlate?${range}`);
		await t.open(`#view=correlate&vm=${t.options.vm}&from=${whole.from + 100}&to=${whole.from + 106}`);
		await t.until("words", () => view.locator("details.unknown").textContent(), s => /at least \d+ are needed/.test(s));
		assert.equal((await pairs()).length, 0);
		assert.equal(await scatter.isVisible(), false);
	});

	t.test("the view, to look at", () => open("&x=interrupts"));
	t.appearances("correlate");
	t.quiet();

	t.test("a range without samples is told in the daemon's words", async () => {
		await t.open(`#view=correlate&vm=${t.options.vm}&from=1000&to=2000`);
		await t.until("words", () => view.innerText(), s => /there are no exits in that range/.test(s));
	});
});
