// SPDX-License-Identifier: GPL-2.0-or-later
// Moving through time on a chart. Mouse: drag zooms (uPlot's), with shift or the middle
// button it pans; the wheel zooms with ctrl and pans sideways or with shift. Touch: one finger
// pans, two zoom, two taps reset; up and down still scroll the page. Keys: see keyWindow().

import { moveBy, pinch, scaleAbout } from "./scale.js";

const TAP_MS = 300, TAP_PX = 24, SLOP_PX = 6;

// The window that a key leads to, "reset", or null if it means nothing here. view: {from, to,
// full (or none), live}.
export function keyWindow(key, view) {
	const { from, to, full, live } = view;
	const span = to - from;
	// What is followed keeps its right end.
	const still = live ? to : (from + to) / 2;
	switch (key) {
	case "+": case "=": return scaleAbout(view, 0.5, still, full);
	case "-": case "_": return scaleAbout(view, 2, still, full);
	case "ArrowLeft": return moveBy(view, -span / 5, full);
	case "ArrowRight": return moveBy(view, span / 5, full);
	case "PageUp": return moveBy(view, -span, full);
	case "PageDown": return moveBy(view, span, full);
	case "Home": return full ? moveBy(view, full.from - from, full) : null;
	case "End": return full ? moveBy(view, full.to - to, full) : null;
	case "0": case "Escape": return "reset";
	default: return null;
	}
}

export class Gestures {
	// plot has the focus, over is where the curves are. on: view() gives {from, to, full,
	// live}, zoom(from, to), reset(), point(seconds by which the cursor moves).
	constructor(plot, over, on) {
		this.over = over;
		this.on = on;
		this.pointers = new Map();
		this.tap = { t: -Infinity, x: 0, y: 0 };
		const listen = (target, type, run, options) =>
			target.addEventListener(type, event => run.call(this, event), options);
		listen(over, "pointerdown", this.down);
		listen(over, "pointermove", this.move);
		listen(over, "pointerup", this.up);
		listen(over, "pointercancel", this.up);
		listen(over, "auxclick", event => event.button === 1 && event.preventDefault());
		listen(over, "wheel", this.wheel, { passive: false });
	}

	key(event) {
		const view = this.on.view();
		if (!view || event.ctrlKey || event.altKey || event.metaKey)
			return;
		if (event.shiftKey && event.key.startsWith("Arrow")) {
			const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
			if (way) {
				event.preventDefault();
				this.on.point(way * (view.to - view.from) / 50);
			}
			return;
		}
		const next = keyWindow(event.key, view);
		if (!next)
			return;
		event.preventDefault();
		if (next === "reset")
			this.on.reset();
		else
			this.on.zoom(next.from, next.to);
	}

	part(event) {
		const { left, width } = this.over.getBoundingClientRect();
		return (event.clientX - left) / width;
	}

	down(event) {
		const touch = event.pointerType === "touch";
		const pan = !touch && (event.button === 1 || event.button === 0 && event.shiftKey);
		if (!this.on.view() || !touch && !pan)
			return;
		if (pan)
			event.preventDefault();
		this.over.setPointerCapture(event.pointerId);
		this.pointers.set(event.pointerId, { part: this.part(event), x: event.clientX, y: event.clientY });
		this.begin();
	}

	// From here on, where the pointers are now is where the gesture began.
	begin() {
		const { from, to, full, live } = this.on.view();
		const parts = [...this.pointers.values()].map(p => p.part);
		const moved = this.start?.moved || parts.length > 1;
		this.start = { from, to, full, live, parts, moved };
	}

	move(event) {
		const pointer = this.pointers.get(event.pointerId);
		if (!pointer)
			return;
		pointer.part = this.part(event);
		if (Math.abs(event.clientX - pointer.x) > SLOP_PX)
			this.start.moved = true;
		if (this.start.moved)
			this.frame ??= requestAnimationFrame(() => this.apply());
	}

	apply() {
		this.frame = null;
		const { start } = this;
		const now = [...this.pointers.values()].map(p => p.part);
		if (!start || !now.length || now.length !== start.parts.length)
			return;
		const next = now.length > 1 ? pinch(start, start.parts, now, start.full) :
			moveBy(start, (start.parts[0] - now[0]) * (start.to - start.from), start.full);
		this.on.zoom(next.from, next.to);
	}

	up(event) {
		if (!this.pointers.has(event.pointerId))
			return;
		if (this.frame) {
			cancelAnimationFrame(this.frame);
			this.apply();
		}
		this.pointers.delete(event.pointerId);
		if (this.pointers.size)
			this.begin();
		else if (event.type === "pointerup" && event.pointerType === "touch" && !this.start.moved)
			this.tapped(event);
		if (!this.pointers.size)
			this.start = null;
	}

	tapped(event) {
		const { t, x, y } = this.tap;
		const twice = event.timeStamp - t < TAP_MS && Math.abs(event.clientX - x) < TAP_PX &&
			Math.abs(event.clientY - y) < TAP_PX;
		this.tap = { t: twice ? -Infinity : event.timeStamp, x: event.clientX, y: event.clientY };
		if (twice)
			this.on.reset();
	}

	wheel(event) {
		const view = this.on.view();
		if (!view)
			return;
		const span = view.to - view.from;
		const sideways = event.shiftKey ? event.deltaY || event.deltaX :
			Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : 0;
		let next = null;
		if (event.ctrlKey || event.metaKey)
			next = scaleAbout(view, event.deltaY > 0 ? 1.25 : 0.8,
				view.from + this.part(event) * span, view.full);
		else if (sideways)
			next = moveBy(view, sideways / this.over.clientWidth * span, view.full);
		if (!next)
			return;
		event.preventDefault();
		this.on.zoom(next.from, next.to);
	}
}
