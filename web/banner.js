// SPDX-License-Identifier: GPL-2.0-or-later
// What is wrong with the daemon, in words above the page, and whether it answers.

import { $, h, setText } from "./dom.js";
import * as api from "./api.js";
import * as format from "./format.js";

const AFTER_MS = 1200;		// a reconnection quicker than this is not worth a word
const HEALTH_EVERY_MS = 10000;

export class Banner {
	constructor() {
		this.health = "";
		this.since = null;
		this.opened = false;
		setInterval(() => this.ask(), HEALTH_EVERY_MS);
		this.ask();
	}

	// A page that stays open while the daemon is updated is of the version before.
	hello(version) {
		this.first ??= version;
		this.stale = version !== this.first;
		this.show();
	}

	up() {
		clearTimeout(this.timer);
		this.timer = null;
		this.opened = true;
		this.since = null;
		this.show();
	}

	down(since) {
		this.since = since;
		this.timer ??= setTimeout(() => this.show(), AFTER_MS);
	}

	async ask() {
		if (document.hidden || this.since)
			return;
		try {
			const answer = await api.health();
			this.health = answer.status === "ok" ? "" : answer.message || answer.status;
			this.show();
		} catch {
			// The live stream tells when the daemon is gone.
		}
	}

	show() {
		const up = this.opened && !this.since;
		const connection = $("connection");
		connection.className = `connection ${up ? "up" : this.since ? "down" : ""}`;
		setText(connection, up ? "connected" : this.since ? "no answer" : "connecting");
		let text = "", extra = null;
		if (this.since) {
			text = `vmexitd does not answer since ${format.clock(this.since.getTime() / 1000)}; trying again`;
		} else if (this.health) {
			text = `vmexitd does not store samples: ${this.health}`;
		} else if (this.stale) {
			text = "vmexitd was updated; this page is of the version before. ";
			extra = h("button", { type: "button" }, "Reload");
			extra.addEventListener("click", () => location.reload());
		}
		const root = $("banner");
		if (root.dataset.text !== text) {
			root.dataset.text = text;
			root.replaceChildren(...[text, extra].filter(c => c));
		}
	}
}
