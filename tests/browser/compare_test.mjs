// SPDX-License-Identifier: GPL-2.0-or-later
// compare_test.mjs [OPTION...] URL: the compare view of a running vmexitd's page; see lib.mjs.
//   --boots VM:BOOT,...   boots to compare, at least three, the first two of one VM whose
//                         start both went through; the last is of another VM
//   --live                instead: samples are arriving of at least two VMs
//   --ended               instead: --boots are two, of whatever guest, that have ended

import assert from "node:assert/strict";
import { run, span } from "./lib.mjs";

const OPTIONS = { boots: { type: "string" }, live: { type: "boolean" }, ended: { type: "boolean" } };
const LETTERS = "ABCDEFGH";
const plain = text => text.replaceAll("\u202f", " ").replaceAll("\u00a0", " ");
const grouped = n => Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, " ");

await run(OPTIONS, t => {
	const { page } = t;
	const view = page.locator("#view-compare");
	const all = t.options.boots?.split(",") ?? [];
	const two = all.slice(0, 2).join(",");
	const choice = name => view.getByRole("combobox", { name, exact: true });
	const param = name => new URLSearchParams(new URL(page.url()).hash.slice(1)).get(name);
	const chart = () => t.chart("compare-rate-chart");
	const drawn = n => t.until(`${n} curves`, chart, c => Object.values(c.points).filter(p => p > 0).length === n);
	const open = async (boots = two, more = "") => {
		await t.open(`#view=compare&boots=${encodeURIComponent(boots)}${more}`);
		await drawn(boots.split(",").length);
	};
	const verdict = async () => plain(await page.locator(".verdict").innerText());
	const chips = () => page.locator(".boots li a").allInnerTexts();
	// Cells of a table's rows, by lines.
	const rows = async id => (await page.locator(`table[aria-labelledby="${id}"] tbody tr`).evaluateAll(list =>
		list.map(row => [...row.children].map(cell => cell.innerText)))).map(row => row.map(plain));

	// The phases' exits of a boot, by another request than the page's.
	const compared = () => t.json(`/api/v1/compare?boots=${encodeURIComponent(two)}`);
	const phases = async (boot, source) => {
		const [vm, number] = boot.split(":");
		const by = source ?? (await compared()).source;
		return (await t.json(`/api/v1/vms/${vm}/phases?boot=${number}&source=${by}`)).phases;
	};
	const start = list => list.filter(p => p.name !== "running").reduce((sum, p) => sum + p.exits, 0);

	if (t.options.live) {
		t.test("boots that go on are followed", async () => {
			const { vms } = await t.json("/api/v1/vms");
			const running = vms.filter(vm => vm.guest && vm.agent === "connected").slice(0, 2);
			assert.equal(running.length, 2);
			await open(running.map(vm => `${vm.id}:${vm.boot}`).join(","));
			const before = await chart();
			await t.until("more of both", chart, c => c.to > before.to && "AB".split("").every(l => c.points[l] > before.points[l]));
			assert.match(await page.locator(".boots li").first().innerText(), /running for/);
		});
		t.quiet();
		return;
	}

	if (t.options.ended) {
		t.test("two boots over each other from zero, with the daemon's numbers", async () => {
			await open();
			assert.equal((await chart()).from, 0);
			const { boots } = await compared();
			const whole = (await rows("compare-phases")).find(r => r[0] === "whole boot");
			boots.forEach(({ exits }, i) => assert.ok(exits > 0 && whole[i + 1].includes(grouped(exits)), `${exits}: ${whole}`));
			const reasons = await rows("compare-reasons");
			assert.ok(reasons.length >= 3, reasons.join());
		});
		t.appearances("compare");
		t.quiet();
		return;
	}

	t.test("two boots are laid over each other from zero, and a sentence says what changed", async () => {
		await open();
		assert.equal((await chart()).from, 0);
		for (const id of ["compare-rate-chart", "compare-sum-chart"]) {
			for (const colour of ["c1", "c2"]) {
				const n = await t.pixels(id, colour);
				assert.ok(n > 20, `${id}: ${n} pixels of ${colour}`);
			}
		}
		const [a, b] = [start(await phases(all[0])), start(await phases(all[1]))];
		const text = await verdict();
		assert.match(text, new RegExp(`\\(${grouped(b)} against ${grouped(a)}; mostly `));
		const percent = Math.abs(b / a - 1) * 100;
		assert.match(text, new RegExp(` ${percent.toFixed(percent < 9.95 ? 1 : 0)} % ${b < a ? "fewer" : "more"} exits`));
	});

	t.test("phases are in the order of what changed most, with difference and percent", async () => {
		const [a, b] = [await phases(all[0]), await phases(all[1])];
		const want = a.filter(p => p.name !== "running")
			.map(p => ({ name: p.name, base: p.exits, by: b.find(q => q.name === p.name).exits - p.exits }))
			.sort((x, y) => Math.abs(y.by) - Math.abs(x.by));
		const found = await rows("compare-phases");
		assert.deepEqual(found.slice(0, want.length).map(r => r[0]), want.map(w => w.name));
		want.forEach((w, i) => {
			assert.ok(found[i][1].includes(grouped(w.base)), `${w.name}: ${found[i]}`);
			assert.ok(found[i][2].includes(`${w.by < 0 ? "▼ −" : "▲ +"}${grouped(Math.abs(w.by))}, `), `${w.name}: ${found[i]}`);
		});
		await view.getByRole("button", { name: "Phase", exact: true }).click();
		assert.deepEqual((await rows("compare-phases")).slice(0, a.length).map(r => r[0]), a.map(p => p.name));
	});

	t.test("reasons are those of the start, until the whole boot is wanted", async () => {
		await open();
		const sums = { start: {}, whole: {} };
		for (const p of await phases(all[0])) {
			for (const r of p.reasons) {
				sums.whole[r.name] = (sums.whole[r.name] ?? 0) + r.count;
				if (p.name !== "running")
					sums.start[r.name] = (sums.start[r.name] ?? 0) + r.count;
			}
		}
		const check = async of => {
			for (const [name, base] of (await rows("compare-reasons")).slice(0, 6))
				assert.equal(base, grouped(of[name]), name);
		};
		const short = await chart();
		await check(sums.start);
		await view.getByRole("button", { name: "Whole boot" }).click();
		const { boots } = await compared();
		const longest = Math.max(...boots.map(b => b.seconds));
		await t.until("the whole boots", chart, c => Math.abs(span(c) / longest - 1) < 0.02);
		assert.ok(span(short) < longest);
		await check(sums.whole);
		assert.equal(param("over"), "whole");
	});

	t.test("one reason, another kind and source: in the address, and there again after a reload", async () => {
		await open();
		await choice("of").selectOption({ label: "hlt" });
		await t.until("the title", () => page.locator("#compare-rate h2").innerText(), s => s === "hlt: Exits per second");
		await choice("Show").selectOption("handling");
		await t.until("the title", () => page.locator("#compare-rate h2").innerText(), s => s === "hlt: Handling share");
		await choice("as counted by").selectOption("host");
		await t.until("the source", () => param("source"), s => s === "host");
		await view.getByLabel("logarithmic").check();
		assert.match(param("reason"), /^svm:\d+$/);
		await drawn(2);
		const before = [page.url(), await rows("compare-reasons")];
		await page.reload();
		await drawn(2);
		assert.deepEqual([page.url(), await rows("compare-reasons")], before);
		assert.equal(await view.getByLabel("logarithmic").isChecked(), true);
		assert.equal(await choice("Show").inputValue(), "handling");
	});

	t.test("the host's numbers are the host's", async () => {
		await open(two, "&source=host");
		const list = await phases(all[0], "host");
		const found = await rows("compare-phases");
		for (const p of list.filter(q => q.name !== "running"))
			assert.ok(found.find(r => r[0] === p.name)[1].includes(grouped(p.exits)), p.name);
	});

	t.test("a drag zooms both charts and is in the address, a double click resets", async () => {
		await open();
		const before = await chart();
		await t.drag("compare-rate-chart", 0.2, 0.5);
		const zoomed = await t.until("zoom", chart, c => span(c) < span(before) * 0.5);
		assert.equal(span(await t.chart("compare-sum-chart")), span(zoomed));
		await t.until("the address", () => param("to"), to => Math.abs(Number(to) - zoomed.to) < 0.01);
		await page.reload();
		await t.until("the same zoom", chart, c => Math.abs(c.from - zoomed.from) < 0.01 && Math.abs(c.to - zoomed.to) < 0.01);
		await page.locator("#compare-rate-chart .u-over").dblclick();
		await t.until("reset", chart, c => c.from === 0 && span(c) > span(zoomed) * 2);
		assert.equal(param("from"), null);
	});

	t.test("a boot is added, made the baseline and removed by keyboard alone", async () => {
		await open();
		const [vm, number] = all.at(-1).split(":");
		await choice("VM").focus();
		await page.keyboard.type(vm);
		await t.until("its boots", () => choice("Boot").locator("option").allInnerTexts(),
			o => o.some(text => text.startsWith(`boot ${number},`)));
		await page.keyboard.press("Enter");
		await t.until("three boots", chips, c => c.length === 3);
		assert.equal(param("boots"), `${two},${all.at(-1)}`);
		await drawn(3);
		await view.getByRole("button", { name: `Make baseline: C, ${vm} boot ${number}` }).focus();
		await page.keyboard.press("Enter");
		await t.until("another order", () => param("boots"), b => b === `${all.at(-1)},${two}`);
		await t.until("the baseline", () => page.locator(".boots li").first().innerText(), s => /baseline/.test(s));
		await view.getByRole("button", { name: `Remove A, ${vm} boot ${number}` }).focus();
		await page.keyboard.press("Space");
		await t.until("two boots", () => param("boots"), b => b === two);
		assert.notEqual(await page.evaluate(() => document.activeElement.tagName), "BODY", "the focus is not lost");
		await page.goBack();
		await t.until("what was before", chips, c => c.length === 3);
	});

	t.test("different CPUs: reasons stand apart, none is blamed", async () => {
		await open(`${all[0]},${all.at(-1)}`);
		const names = (await rows("compare-reasons")).map(r => r[0]);
		assert.ok(names.some(n => n.endsWith(" (SVM)")));
		await page.locator("section", { has: page.locator("#compare-reasons") }).getByRole("button", { name: /^Show all/ }).click();
		// Idle time, which the host tells as well, stands below all.
		const more = (await rows("compare-reasons")).map(r => r[0]).filter(name => !name.startsWith("idle"));
		const first = more.findIndex(n => n.endsWith(" (VMX)"));
		assert.ok(first > 0 && more.slice(first).every(n => n.endsWith(" (VMX)")), more.join());
		assert.doesNotMatch(await verdict(), /mostly/);
	});

	t.test("eight boots have eight looks, and a ninth is not asked for", async () => {
		assert.equal(all.length, 8);
		await open(all.join(","));
		const looks = await page.locator("#compare-rate .legend button").evaluateAll(list => list.map(b => {
			const { stroke, strokeDasharray } = getComputedStyle(b.querySelector(".swatch"));
			return [b.innerText.trim()[0], stroke, strokeDasharray];
		}));
		assert.deepEqual(looks.map(l => l[0]), [...LETTERS]);
		assert.equal(new Set(looks.map(l => l[1])).size, 8);
		assert.equal(new Set(looks.map(l => l[2])).size, 8);
		assert.equal(await view.getByRole("button", { name: "Add", exact: true }).isVisible(), false);
		assert.equal(await page.locator(".verdict li").count(), 6);
		await t.noSidewaysScroll();
		await t.shot("compare-eight");
		await t.axe();
	});

	t.test("without boots it is the latest two of a VM", async () => {
		const [vm] = all[0].split(":");
		await t.open(`#view=compare&vm=${vm}`);
		await drawn(2);
		const { boots } = await t.json(`/api/v1/vms/${vm}/boots`);
		assert.equal(param("boots"), `${vm}:${boots[1].boot},${vm}:${boots[0].boot}`);
	});

	t.test("one boot alone asks for another, and offers the one before", async () => {
		await t.open(`#view=compare&boots=${all[1]}`);
		await t.until("a hint", () => page.locator("#view-compare .hint").innerText(), s => /^Add a second boot/.test(s));
		await t.until("the boot before", () => choice("Boot").inputValue(), v => v === all[0].split(":")[1]);
		await view.getByRole("button", { name: "Add", exact: true }).click();
		await drawn(2);
		assert.equal(param("boots"), `${all[1]},${all[0]}`);
	});

	t.test("the view, to look at", () => open(all.slice(0, 2).concat(all.at(-1)).join(",")));
	t.appearances("compare");
	t.quiet();

	t.test("a boot that is not there is told in the daemon's words, and can be taken away", async () => {
		const [vm] = all[0].split(":");
		await t.open(`#view=compare&boots=${two},${vm}:99`);
		await t.until("words", () => page.locator("#view-compare .hint").innerText(), s => /99/.test(s));
		await view.getByRole("button", { name: `Remove C, ${vm} boot 99` }).click();
		await drawn(2);
	});
});
