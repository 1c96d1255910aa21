// SPDX-License-Identifier: GPL-2.0-or-later
// boot_test.mjs [OPTION...] URL: the boot view of a running vmexitd's page; see lib.mjs.
//   --vm NAME       the VM to look at; default the first of the list with samples
//   --live          samples are arriving: the charts must grow
//   --reboot COMMAND
//                   a shell command upon which the VM boots anew
//   --reasons       exits are known by reason, and so are the phases of the latest boot

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { run, span, total } from "./lib.mjs";

const OPTIONS = { vm: { type: "string" }, live: { type: "boolean" }, reboot: { type: "string" },
	reasons: { type: "boolean" } };
const CHARTS = ["stack-chart", "exits-chart", "sum-chart"];

await run(OPTIONS, t => {
	const { page } = t;
	const chart = () => t.chart("exits-chart");
	const button = name => page.locator("#view-boot").getByRole("button", { name, exact: true });
	const api = (what, query = "") => t.json(`/api/v1/vms/${encodeURIComponent(t.vm)}/${what}${query}`);
	const open = async (more = "") => {
		await t.open(`#vm=${encodeURIComponent(t.vm)}${more}`);
		await t.drawn("exits-chart");
	};
	// "12 345" and "1.23 k/s", with any kind of space, as numbers.
	const number = text => parseFloat(text.replace(/[\s\u202f]/g, "")) * ({ k: 1e3, M: 1e6 }[text.match(/([kM])/)?.[1]] ?? 1);

	t.test("the view opens, with points drawn", async () => {
		const { vms } = await t.json("/api/v1/vms");
		t.vm = t.options.vm ?? vms.find(vm => vm.guest).name;
		await open();
	});

	t.test("each source with points has pixels of its colour", async () => {
		let checked = 0;
		await t.until("points", chart, c => total(c) > 3);
		for (const id of ["exits-chart", "sum-chart"]) {
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

	t.test("a boot begins at zero, one that was found when it was seen first", async () => {
		const { from } = await chart();
		const { boots: [boot] } = await api("boots");
		const seen = Math.min(...Object.values(boot.sources).filter(s => s).map(s => s.from)) - boot.opened;
		assert.ok(boot.complete ? Math.abs(from) < 0.001 : from >= 0 && from < seen + 1 && from > seen - 60, `from ${from}`);
	});

	if (t.options.reasons)
		reasonTests();

	if (t.options.live) {
		t.test("points arrive live, in all charts", async () => {
			for (const id of CHARTS) {
				const before = await t.chart(id);
				const after = await t.until(`more points in ${id}`, () => t.chart(id), c => total(c) > total(before));
				assert.ok(after.to > before.to, `the axis ends at ${after.to}, ended at ${before.to}`);
			}
			assert.equal(await page.locator("#connection").innerText(), "connected");
		});
	}

	t.test("a drag zooms all charts, a double click resets them", async () => {
		const before = await chart();
		await t.drag("exits-chart", 0.3, 0.6);
		const zoomed = await t.until("zoom", chart, c => span(c) < span(before) * 0.5);
		assert.ok(Math.abs(span(zoomed) / span(before) - 0.3) < 0.05, `${span(zoomed)} of ${span(before)}`);
		for (const id of CHARTS)
			assert.equal(span(await t.chart(id)), span(zoomed), id);
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
		await button("Reset zoom").click();
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

	t.test("what was counted is the daemon's", async () => {
		const { boots } = await api("boots");
		const shown = (await page.locator(".tiles .tile").first().locator("dd").filter({ visible: true }).allInnerTexts()).map(number);
		const sources = ["guest", "host"].map(source => boots[0].sources[source]).filter(source => (source?.exits ?? null) !== null);
		const counted = sources.map(source => source.exits);
		assert.equal(shown.length, counted.length);
		// Of a VM that runs, they grow.
		const growing = sources.some(source => source.to > Date.now() / 1000 - 60);
		counted.forEach((n, i) => assert.ok(growing ? Math.abs(shown[i] / n - 1) < 0.2 : shown[i] === n, `${shown[i]}, ${n}`));
	});

	t.test("the downloads are there, of the right type", async () => {
		for (const [locator, type, begin] of [
			["a[href*='samples.csv']", /^text\/csv/, /^time,epoch_s,vm,boot,source,/],
			["#stack [data-format='png']", /^image\/png/, /^\x89PNG\r\n\x1a\n/],
			["#exits [data-format='pdf']", /^application\/pdf/, /^%PDF-/],
			["#sum [data-format='svg']", /^image\/svg\+xml/, /<svg/]]) {
			const href = await page.locator("#view-boot").locator(locator).getAttribute("href");
			const response = await page.request.get(new URL(href, t.base).href);
			const body = (await response.body()).toString("latin1");
			assert.equal(response.status(), 200, `${href}: ${body.slice(0, 300)}`);
			assert.match(response.headers()["content-type"], type, href);
			assert.match(body.slice(0, 2000), begin, href);
		}
	});

	t.test("a comparison with this boot is one link away", async () => {
		const { vm, boots } = await api("boots");
		const href = await page.getByRole("link", { name: "Compare with" }).getAttribute("href");
		assert.equal(new URLSearchParams(href.slice(1)).get("boots"), `${vm.id}:${boots[0].boot}`);
		assert.equal(new URLSearchParams(href.slice(1)).get("view"), "compare");
	});

	t.test("the tab key reaches the charts", async () => {
		await page.locator("#skip").focus();
		// Without reasons there is no stack.
		const wanted = new Set();
		for (const id of CHARTS) {
			if (await page.locator(`#${id}`).isVisible())
				wanted.add(id);
		}
		assert.ok(wanted.size >= 2);
		for (let i = 0; i < 120 && wanted.size; i++) {
			await page.keyboard.press("Tab");
			wanted.delete(await page.evaluate(() => document.activeElement.id));
		}
		assert.deepEqual([...wanted], []);
	});

	if (t.options.reboot) {
		t.test("whoever watches the latest boot watches the next one, from its beginning", async () => {
			const { boots: [before] } = await api("boots");
			await open("&last=5");
			assert.equal(spawnSync("sh", ["-c", t.options.reboot]).status, 0);
			await t.until("the boot", () => page.locator(".boot select").evaluate(e => e.selectedOptions[0].textContent),
				text => text.startsWith(`boot ${before.boot + 1},`));
			await t.until("the whole of it", chart, c => Math.abs(c.from) < 2 && c.to < 60 && total(c) > 0);
			assert.doesNotMatch(page.url(), /last=/);
			await page.locator(".boot select").selectOption(String(before.boot));
			await t.until("the one before", () => page.url(), u => u.includes(`boot=${before.boot}`));
			await t.until("its points", chart, c => c.from > 100 && total(c) > 0);
			await page.locator(".boot select").selectOption("latest");
			await t.until("the latest again", chart, c => c.to < 100 && total(c) > 0);
		});
	}

	t.appearances("boot");
	t.quiet();

	function reasonTests() {
		const legend = () => page.locator("#stack .legend button").evaluateAll(
			buttons => buttons.map(b => [b.dataset.id, b.querySelector(".label").textContent.trim()]));

		t.test("the stack has the most frequent reasons, and all others as one", async () => {
			const source = (await page.locator("[aria-label='Who counts'] [aria-pressed='true']").innerText()).toLowerCase();
			const both = async () => {
				const { total: { reasons } } = await api("phases", `?source=${source}`);
				const first = reasons.filter(r => r.count > 0).sort((a, b) => b.count - a.count).slice(0, 8);
				return [await legend(), [...first.map(r => [String(r.number), r.name]), ["other", "all others"]]];
			};
			// Of a VM that runs, the order may have just changed.
			const [shown] = await t.until("the reasons", both, ([a, b]) => JSON.stringify(a) === JSON.stringify(b));
			assert.ok(shown.length > 2);
		});

		t.test("a reason is hidden by its button, and shown again", async () => {
			const picture = () => page.locator("#stack-chart canvas").evaluate(canvas => canvas.toDataURL());
			const [[id]] = await legend();
			const entry = page.locator(`#stack [data-id='${id}']`);
			await page.mouse.move(0, 0);
			const before = await picture();
			await entry.press("Enter");
			await t.until("hidden", () => t.chart("stack-chart"), c => !(id in c.points));
			assert.equal(await entry.getAttribute("aria-pressed"), "false");
			await t.until("another picture", picture, p => p !== before);
			await entry.press("Enter");
			await t.until("shown", () => t.chart("stack-chart"), c => c.points[id] > 0);
		});

		t.test("time instead of counts is one press away, and in the address", async () => {
			for (const [name, kind, title] of [["Handling", "handling", /^Handling, of all vCPUs' time, by reason/], ["Lost", "away", /^Lost, of all vCPUs' time, by reason/]]) {
				await button(name).click();
				await t.until(kind, () => page.locator("#stack-title").innerText(), text => title.test(text));
				await t.until("pressed", () => button(name).getAttribute("aria-pressed"), pressed => pressed === "true");
				assert.match(page.url(), new RegExp(`kind=${kind}`));
				await t.drawn("stack-chart");
			}
			await button("Exits").click();
			await t.until("count", () => page.locator("#stack-title").innerText(), text => /^Exits per second/.test(text));
			assert.doesNotMatch(page.url(), /kind=/);
		});

		t.test("the other source's view is as well, of what it counted", async () => {
			const { boots } = await api("boots");
			for (const [name, source] of [["Host", "host"], ["Guest", "guest"]]) {
				if (!boots[0].sources[source]) {
					assert.equal(await button(name).isDisabled(), true);
					continue;
				}
				await button(name).click();
				await t.until(source, () => button(name).getAttribute("aria-pressed"), pressed => pressed === "true");
				assert.match(page.url(), new RegExp(`source=${source}`));
				const { total: { exits } } = await api("phases", `?source=${source}`);
				assert.ok(exits > 0);
				await t.drawn("stack-chart");
			}
		});

		t.test("phases are those of the daemon, with their exits", async () => {
			const rows = page.locator(".phases tbody tr");
			const { phases, opened } = await t.until("as many rows", async () => ({ ...await api("phases", "?source=guest"),
				rows: await rows.filter({ visible: true }).count() }), a => a.rows === a.phases.filter(p => p.name !== "unknown").length);
			for (const [i, phase] of phases.filter(p => p.name !== "unknown").entries()) {
				const cells = await rows.nth(i).locator("th, td").allInnerTexts();
				assert.equal(cells[0], phase.name);
				assert.ok(Math.abs(number(cells[1]) - (phase.from - opened)) < 0.06 || /:/.test(cells[1]), cells[1]);
				// The last one goes on while the VM runs.
				if (phase.to === null)
					continue;
				assert.equal(number(cells[3]), Math.round(phase.exits));
				const top = phase.reasons.reduce((a, b) => b.count > a.count ? b : a);
				assert.ok(cells[7].startsWith(top.name), `${cells[7]}: ${top.name}`);
			}
		});

		t.test("a phase's name zooms to it, and so does Startup to all until the end of the boot", async () => {
			const { phases, opened } = await api("phases", "?source=guest");
			const phase = phases.filter(p => p.to !== null && p.name !== "unknown").at(-1);
			if (phase) {
				await button(phase.name).click();
				await t.until("zoom", chart, c => Math.abs(c.from - (phase.from - opened)) < 0.01 && Math.abs(c.to - (phase.to - opened)) < 0.01);
			}
			const running = phases.at(-1).name === "running";
			assert.equal(await button("Startup").isVisible(), running);
			if (running) {
				const to = phases.at(-1).from - opened;
				await button("Startup").click();
				await t.until("start", chart, c => Math.abs(c.from) < 0.01 && Math.abs(c.to - to) < 0.01);
				assert.equal(await button("Startup").getAttribute("aria-pressed"), "true");
			}
			await button("Whole boot").click();
			await t.until("whole", chart, c => c.to > phases.at(-1).from - opened && Math.abs(c.from) < 0.01);
		});
	}
});
