// SPDX-License-Identifier: GPL-2.0-or-later
// What changed between boots, in figures and words, from an answer of /compare: the first
// boot is the baseline, the others are set against it. Pure functions.

import * as format from "./format.js";

export const BOOTS_MAX = 8;
export const LETTERS = "ABCDEFGH";
const NNBSP = "\u202f";
const SAME = 0.01;		// what differs by less is called the same
const COVERED = 0.95;		// of its time
const MENTIONED = 2;		// reasons named in a sentence

// "VM:BOOT,VM:BOOT" of the address; what is no boot, and a boot twice, is left out.
export function readBoots(text) {
	const boots = [];
	for (const part of (text ?? "").split(",")) {
		const [, vm, number] = /^(.+):(\d{1,9})$/.exec(part) ?? [];
		const boot = Number(number);
		if (vm && boots.length < BOOTS_MAX && !boots.some(b => b.vm === vm && b.boot === boot))
			boots.push({ vm, boot });
	}
	return boots;
}

export function writeBoots(boots) {
	return boots.map(b => `${b.vm}:${b.boot}`).join(",");
}

// ratio is null against nothing.
export function difference(base, value) {
	if (!Number.isFinite(base) || !Number.isFinite(value))
		return null;
	return { absolute: value - base, ratio: base === 0 ? null : value / base - 1 };
}

const isSame = ratio => ratio !== null && Math.abs(ratio) < SAME;

// "+12 %"; from ten times on as a multiple.
export function percent(ratio) {
	if (ratio === null || !Number.isFinite(ratio))
		return "";
	const p = Math.abs(ratio) * 100;
	const sign = ratio < 0 ? "−" : "+";
	if (ratio >= 9)
		return `×${NNBSP}${format.count(ratio + 1)}`;
	if (p < 0.05)
		return `±0${NNBSP}%`;
	return `${sign}${p.toFixed(p < 9.95 ? 1 : 0)}${NNBSP}%`;
}

export function signed(value, show) {
	return value < 0 ? `−${show(-value)}` : value > 0 ? `+${show(value)}` : show(0);
}

// Rows with `values`, one a boot, in the order of what changed most, known before unknown.
export function ranked(rows) {
	const most = ({ values: [base, ...others] }) =>
		Math.max(-1, ...others.map(v => Math.abs((v ?? 0) - (base ?? 0))).filter(Number.isFinite));
	return rows.map(row => ({ ...row, most: row.values.some(Number.isFinite) ? most(row) : -1 }))
		.sort((a, b) => b.most - a.most);
}

// Whether of a phase, or of a whole boot, next to all exits are known.
export function isCovered({ covered, seconds }) {
	return covered >= COVERED * seconds;
}

// The phases that end by themselves and that the boots `which` (indices) have gone through: how
// long "running" is, is the user's business.
export function commonPhases(phases, which) {
	const done = p => p && Number.isFinite(p.exits) && isCovered(p);
	return phases.filter(p => p.name !== "running" && which.every(i => done(p.boots[i])));
}

// The reasons of some phases, each with sums over all of them: rows as in answer.reasons.
export function reasonsWithin(phases, boots) {
	const rows = new Map();
	for (const { reasons } of phases) {
		for (const r of reasons) {
			const key = `${r.namespace}:${r.number}`;
			if (!rows.has(key))
				rows.set(key, { ...r, boots: boots.map(() => null) });
			const sums = rows.get(key).boots;
			r.boots.forEach((b, i) => b && (sums[i] = added(sums[i], b)));
		}
	}
	return [...rows.values()];
}

function added(sum, { count, handling, away }) {
	const plus = (a, b) => a === null || b === null ? null : a + b;
	const one = { count, handling, away };
	return sum ? Object.fromEntries(Object.entries(one).map(([key, v]) => [key, plus(sum[key], v)])) : one;
}

function sums(phases, at) {
	const sum = key => phases.reduce((total, { boots }) => total + boots[at][key], 0);
	return { exits: sum("exits"), seconds: sum("seconds") };
}

// "mostly hlt (−5 120) and io (−1 210)": the reasons that moved the way the sum did.
function mostly(phases, boots, at, direction) {
	const name = boots[0].namespace;
	if (!name || name !== boots[at].namespace)
		return "";	// other CPUs, other reasons
	const moved = reasonsWithin(phases, boots).filter(r => r.boots[0] && r.boots[at])
		.map(r => ({ name: r.name ?? r.number, by: r.boots[at].count - r.boots[0].count }))
		.filter(r => Math.sign(r.by) === direction).sort((a, b) => Math.abs(b.by) - Math.abs(a.by));
	const least = Math.abs(moved[0]?.by ?? 0) / 3;
	return moved.filter(r => Math.abs(r.by) >= least).slice(0, MENTIONED)
		.map(r => `${r.name} (${signed(r.by, format.count)})`).join(" and ");
}

function span(common, phases) {
	const names = common.map(p => p.name);
	if (names[0] === "firmware" && common.length === phases.filter(p => p.name !== "running").length)
		return "From power-on to the end of its start";
	return `In ${names.join(", ").replace(/, ([^,]+)$/, " and $1")}`;
}

function moreOrFewer({ absolute, ratio }) {
	if (isSame(ratio))
		return "about as many exits as";
	if (ratio >= 9)
		return `${format.count(ratio + 1)} times as many exits as`;
	return `${percent(ratio).slice(1)} ${absolute < 0 ? "fewer" : "more"} exits than`.trim();
}

// What boot `at` did otherwise than the first, in one sentence; names: how boots are called.
export function sentence({ boots, phases }, at, names) {
	const common = commonPhases(phases, [0, at]);
	if (!common.length)
		return rates(boots, at, names);
	const base = sums(common, 0), other = sums(common, at);
	const change = difference(base.exits, other.exits);
	const cause = isSame(change.ratio) ? "" : mostly(common, boots, at, Math.sign(change.absolute));
	const longer = other.seconds - base.seconds;
	const time = Math.abs(longer) < SAME * base.seconds ? "in the same time" :
		`in ${format.duration(Math.abs(longer))} ${longer < 0 ? "less" : "more"}`;
	return `${span(common, phases)}, ${names[at]} took ${moreOrFewer(change)} ${names[0]} ` +
		`(${format.count(other.exits)} against ${format.count(base.exits)}` +
		`${cause ? `; mostly ${cause}` : ""}), ${time}.`;
}

// Without phases to set beside each other only the rate tells.
function rates(boots, at, names) {
	const change = difference(boots[0].rate, boots[at].rate);
	if (!change)
		return `${names[at]} and ${names[0]} have no phase in common that both went through.`;
	return `Per second, ${names[at]} took ${moreOrFewer(change)} ${names[0]} ` +
		`(${format.rate(boots[at].rate)} against ${format.rate(boots[0].rate)}): ` +
		"there is no phase that both went through to its end.";
}

// The boots from the most changed to the least, as {at, text}.
export function verdicts(answer, names) {
	const change = at => {
		const common = commonPhases(answer.phases, [0, at]);
		const [base, other] = common.length ? [sums(common, 0).exits, sums(common, at).exits] :
			[answer.boots[0].rate, answer.boots[at].rate];
		return Math.abs(difference(base, other)?.ratio ?? 0);
	};
	return answer.boots.map((b, at) => at).slice(1).sort((a, b) => change(b) - change(a))
		.map(at => ({ at, text: sentence(answer, at, names) }));
}
