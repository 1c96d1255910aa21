// SPDX-License-Identifier: GPL-2.0-or-later
// Sparklines: exits/s of a VM in the last minutes, in steps, kept going by its live samples.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 120;
const HEIGHT = 24;

// The rates of the last `points` steps of `step` seconds that end at `to`, null where there is
// no sample. Pure but for its own contents.
export class Recent {
	constructor(step, points, to) {
		this.step = step;
		this.points = points;
		this.end = Math.ceil(to / step);	// the number of the step after the last
		this.v = Array(points).fill(null);
		this.seconds = 0;			// of the last step that are in its rate
		this.source = null;
	}

	// Values of /sparklines, of the same step and range.
	fill({ source, v }) {
		this.source = source;
		for (let i = 0; i < this.points; i++)
			this.v[i] = v[v.length - this.points + i] ?? null;
	}

	// Moves on so that `t` is within the last step; true if that changed anything.
	advance(t) {
		const end = Math.ceil(t / this.step);
		const steps = Math.min(end - this.end, this.points);
		if (!(steps > 0))
			return false;
		this.v.splice(0, steps);
		while (this.v.length < this.points)
			this.v.push(null);
		this.end = end;
		this.seconds = 0;
		return true;
	}

	// A sample of the VM: the rate of its step becomes the mean over the samples in it. What
	// the guest says goes before what the host says, as with /sparklines. True if it is the first
	// of its step.
	add({ source, t, dt, exits_rate: rate }) {
		if (!Number.isFinite(rate) || !(dt > 0))
			return false;
		if (this.source !== source) {
			if (this.source === "guest" && this.v[this.points - 1] !== null)
				return false;
			this.source = source;
		}
		const ended = this.advance(t);
		if (Math.ceil(t / this.step) !== this.end)
			return ended;
		const last = this.points - 1;
		const first = this.v[last] === null;
		const before = this.v[last] ?? 0;
		const weight = Math.min(dt, this.step);
		this.v[last] = (before * this.seconds + rate * weight) / (this.seconds + weight);
		this.seconds += weight;
		return first;
	}

	// {low, high} of what there is, null without any.
	extent() {
		const known = this.v.filter(v => v !== null);
		return known.length ? { low: Math.min(...known), high: Math.max(...known) } : null;
	}

	// The path of an SVG: steps, with holes as holes.
	path(width = WIDTH, height = HEIGHT) {
		const high = this.extent()?.high || 1;
		const x = i => +(i * width / this.points).toFixed(1);
		const y = v => +(height - 1.5 - v / high * (height - 3)).toFixed(1);
		let ret = "", on = false;
		this.v.forEach((v, i) => {
			if (v !== null)
				ret += `${on ? "V" : `M${x(i)} `}${y(v)}H${x(i + 1)}`;
			on = v !== null;
		});
		return ret;
	}
}

// An element that draws a Recent.
export class Spark {
	constructor() {
		this.root = document.createElementNS(SVG, "svg");
		this.line = document.createElementNS(SVG, "path");
		this.root.append(this.line);
		this.root.setAttribute("class", "spark");
		this.root.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
		this.root.setAttribute("preserveAspectRatio", "none");
		this.root.setAttribute("role", "img");
	}

	// words: what it shows, for who cannot see it.
	draw(recent, words) {
		this.line.setAttribute("d", recent.path());
		this.root.setAttribute("aria-label", words);
	}
}
