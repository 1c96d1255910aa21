// SPDX-License-Identifier: GPL-2.0-or-later
// The axes of a chart, as uPlot wants them.

import * as format from "./format.js";
import { SECONDS, logTicks } from "./scale.js";
import { colour } from "./palette.js";

export const AXIS_WIDTH = 62;
export const PADDING = 14;
export const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';

const look = {
	stroke: () => colour("muted"), font: FONT, ticks: { show: false }, gap: 6,
	grid: { stroke: () => colour("grid"), width: 1 },
};

// wall: the clock, else seconds since a boot.
export function xAxis(wall) {
	return {
		...look, size: 26, space: 72,
		...(wall ? { values: wallLabels } : { incrs: SECONDS, values: bootLabels }),
	};
}

export function yAxis(unit, log) {
	const values = (u, splits, index, space, step) => splits.map(v =>
		format.axis(v, log ? v : step, log ? v : u.scales.y.max, unit));
	return {
		...look, size: AXIS_WIDTH, space: 36, values,
		...(log && { splits: (u, index, min, max) => logTicks(min, max, u.bbox.height / devicePixelRatio / 36),
			filter: (u, splits) => splits }),
	};
}

// A label that the right edge would cut is left out.
function fits(u, v) {
	const { min, max } = u.scales.x;
	const width = u.width - AXIS_WIDTH - PADDING;
	return (max - v) / (max - min) * width > 26 - PADDING;
}

function bootLabels(u, splits, index, space, step) {
	return splits.map(v => fits(u, v) ? format.elapsed(v, step, u.scales.x.max) : "");
}

function wallLabels(u, splits, index, space, step) {
	let day = null;
	return splits.map(v => {
		const label = step >= 60 ? format.clock(v).slice(0, 5) :
			format.clock(v, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)));
		const today = format.date(v);
		const turned = day !== null && today !== day;
		day = today;
		if (!fits(u, v))
			return "";
		return step >= 86400 || turned ? today.slice(5) : label;
	});
}
