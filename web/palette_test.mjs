// SPDX-License-Identifier: GPL-2.0-or-later
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { LOOKS, Looks, look } from "./palette.js";

const css = readFileSync(new URL("./style.css", import.meta.url), "utf8");
const [light, dark] = css.split("@media (prefers-color-scheme: dark)");
const theme = text => name => text.match(new RegExp(`--${name}: (#[0-9a-f]{6});`))[1];

const linear = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16) / 255)
	.map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
const luminance = ([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b;
function contrast(a, b) {
	const [low, high] = [luminance(linear(a)), luminance(linear(b))].sort((x, y) => x - y);
	return (high + 0.05) / (low + 0.05);
}

// Machado, Oliveira, Fernandes 2009: dichromacy. Distances in OKLab (Ottosson 2020).
const SEEN = {
	usual: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
	protan: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
	deutan: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
	tritan: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};
const times = (matrix, v) => matrix.map(row => row.reduce((sum, m, i) => sum + m * v[i], 0));
function oklab(rgb) {
	const lms = times([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
		[0.0883024619, 0.2817188376, 0.6299787005]], rgb).map(Math.cbrt);
	return times([[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099],
		[0.0259040371, 0.7827717662, -0.808675766]], lms);
}

for (const [name, get] of [["light", theme(light)], ["dark", theme(dark)]]) {
	const colours = Array.from({ length: LOOKS }, (_, i) => get(look(i).colour));

	test(`${name}: curves stand out from the ground`, () => {
		for (const colour of [...colours, get("guest"), get("host"), get("other")])
			assert.ok(contrast(colour, get("card")) >= 3, `${colour}: ${contrast(colour, get("card"))}`);
	});

	test(`${name}: any two curves differ, whatever one sees of colours`, () => {
		for (const [kind, matrix] of Object.entries(SEEN)) {
			const seen = colours.map(c => oklab(times(matrix, linear(c)).map(v => Math.min(1, Math.max(0, v)))));
			seen.forEach((a, i) => seen.slice(0, i).forEach((b, j) => {
				const far = Math.hypot(...a.map((v, k) => v - b[k]));
				assert.ok(far > 0.045, `${kind}: ${colours[i]} and ${colours[j]}: ${far}`);
			}));
		}
	});
}

test("no two looks have the same dash", () => {
	const dashes = Array.from({ length: LOOKS }, (_, i) => look(i).dash.join());
	assert.equal(new Set(dashes).size, LOOKS);
	assert.ok(LOOKS >= 10);
});

test("a curve keeps its look, and two that are shown together never share one", () => {
	const looks = new Looks();
	const first = looks.assign(["a", "b", "c"]);
	assert.deepEqual(looks.assign(["c", "d"]).get("c"), first.get("c"));
	const all = looks.assign(["d", "a", "b", "c"]);
	assert.equal(new Set([...all.values()].map(l => l.colour)).size, 4);
});
