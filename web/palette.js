// SPDX-License-Identifier: GPL-2.0-or-later
// The colours of style.css, which change with the theme, and what goes along with each
// so that colour is not the only difference: a dash pattern.

const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3], [4, 2], [12, 4], [2, 2, 6, 2], [1, 3],
	[6, 2, 1, 2, 1, 2], [14, 3, 3, 3], [3, 5], [8, 2, 2, 2]];

// Colour and dash of the nth curve; as many as there are, then again.
export function look(n) {
	const i = n % DASHES.length;
	return { colour: `c${i + 1}`, dash: DASHES[i] };
}

// Of a stack's rest, of a source.
export const OTHER = { colour: "other", dash: [] };
export const SOURCE_LOOK = {
	guest: { colour: "guest", dash: [] },
	host: { colour: "host", dash: [5, 3] },
};
export const LOOKS = DASHES.length;

let style = null;
let known = new Map();

// Forgets the colours, when the theme changed.
export function readColours() {
	style = null;
	known = new Map();
}

// The value of --NAME; as CSS writes it.
export function colour(name) {
	if (!known.has(name)) {
		style ??= getComputedStyle(document.documentElement);
		known.set(name, style.getPropertyValue(`--${name}`).trim());
	}
	return known.get(name);
}

// Looks by name, which stay with their curve as long as others leave room for it.
export class Looks {
	known = new Map();

	// ids: those that are shown together. Returns the look of each.
	assign(ids) {
		const taken = new Set(ids.map(id => this.known.get(id)).filter(n => n !== undefined));
		let next = 0;
		for (const id of ids) {
			if (this.known.has(id))
				continue;
			while (taken.has(next))
				next++;
			taken.add(next);
			this.known.set(id, next);
		}
		// Of two that were not shown together before, the latter gives way.
		const used = new Set();
		for (const id of ids) {
			if (used.has(this.known.get(id))) {
				let free = 0;
				while (used.has(free) || taken.has(free))
					free++;
				this.known.set(id, free);
				taken.add(free);
			}
			used.add(this.known.get(id));
		}
		return new Map(ids.map(id => [id, look(this.known.get(id))]));
	}
}
