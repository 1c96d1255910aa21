// SPDX-License-Identifier: GPL-2.0-or-later
// The boots that are compared, as a list with letters, and the form that adds one.

import { h, setText, swatch } from "./dom.js";
import { bootWords } from "./facts.js";
import { setOptions } from "./parts.js";
import { BOOTS_MAX, LETTERS } from "./changes.js";
import { look } from "./palette.js";
import * as api from "./api.js";
import * as format from "./format.js";

const same = (a, b) => a.vm === b.vm && a.boot === b.boot;

export class BootPicker {
	// change(boots): the list [{vm, boot}] that the user wants instead.
	constructor(page, change) {
		this.page = page;
		this.change = change;
		this.list = h("ol", { class: "boots", "aria-label": "Boots compared" });
		this.names = h("datalist", { id: "compare-vms" });
		this.vm = h("input", { list: "compare-vms", autocomplete: "off", spellcheck: "false" });
		this.boot = h("select", {});
		this.add = h("button", { disabled: true }, "Add");
		this.form = h("form", { class: "addboot controls" }, h("label", {}, "VM ", this.vm), this.names,
			h("label", {}, "Boot ", this.boot), this.add);
		this.root = h("div", { class: "bootpicker" }, this.list, this.form);
		this.vm.addEventListener("input", () => this.options());
		this.vm.addEventListener("focus", () => this.vm.select());
		this.form.addEventListener("submit", event => {
			event.preventDefault();
			this.change([...this.boots, { vm: this.chosen, boot: Number(this.boot.value) }]);
		});
	}

	// boots: [{vm, boot}]; details: what /compare says of each, or null.
	set(boots, details) {
		const key = boots.map(b => `${b.vm}:${b.boot} ${this.page.find(b.vm)?.name}`).join("\n");
		if (key !== this.listed) {
			this.listed = key;
			this.boots = boots;
			const { activeElement } = document;
			const focus = this.list.contains(activeElement) ? activeElement.dataset.key : null;
			this.list.replaceChildren(...boots.map((b, i) => this.item(b, i)));
			if (focus)
				(this.list.querySelector(`[data-key="${CSS.escape(focus)}"]`) ?? this.vm).focus();
			this.form.hidden = boots.length >= BOOTS_MAX;
			this.vms();
		}
		[...this.list.querySelectorAll("small")].forEach((small, i) =>
			setText(small, details?.[i] ? this.words(details[i]) : ""));
	}

	item(boot, i) {
		const name = this.page.find(boot.vm)?.name ?? boot.vm;
		const what = `${LETTERS[i]}, ${name} boot ${boot.boot}`;
		const key = `${boot.vm}:${boot.boot}`;
		const others = this.boots.filter(b => !same(b, boot));
		const action = (text, label, name, boots) => {
			const button = h("button", { type: "button", "aria-label": label, title: label,
				"data-key": `${name} ${key}` }, text);
			button.addEventListener("click", () => this.change(boots));
			return button;
		};
		const { colour, dash } = look(i);
		return h("li", {}, h("b", { class: "letter" }, LETTERS[i]), swatch(colour, dash),
			h("a", { href: this.page.address(boot) }, `${name} · boot ${boot.boot}`),
			h("small", {}),
			i === 0 ? h("span", { class: "baseline" }, "baseline") :
				action("Make baseline", `Make baseline: ${what}`, "base", [boot, ...others]),
			action("×", `Remove ${what}`, "remove", others));
	}

	words({ opened, seconds, closed }) {
		const state = closed === null ? "running for" : "ran";
		return `${format.moment(opened, api.now())}, ${state} ${format.duration(seconds)}`;
	}

	// The names to choose from; the VM of the last boot, or `vm`, to begin with.
	vms(vm) {
		const { vms } = this.page;
		const once = name => vms.filter(v => v.name === name).length === 1;
		const words = vms.map(v => once(v.name) ? v.name : v.id);
		const key = words.join("\n");
		if (this.key !== key) {
			this.key = key;
			this.names.replaceChildren(...words.map(value => h("option", { value })));
		}
		const first = this.page.find(vm ?? this.boots?.at(-1)?.vm) ?? vms[0];
		if (!this.vm.value && first)
			this.vm.value = once(first.name) ? first.name : first.id;
		return this.options();
	}

	// The boots of the VM written that are not there yet, newest first; the one before the
	// last of the list is offered.
	async options() {
		const vm = this.page.find(this.vm.value);
		this.vm.setAttribute("aria-invalid", String(!vm));
		this.chosen = vm?.id;
		const boots = vm ? await api.boots(vm.id).then(a => a.boots, () => []) : [];
		if (vm?.id !== this.chosen)
			return;
		const free = boots.filter(b => !this.boots.some(c => same(c, { vm: vm.id, boot: b.boot })));
		const last = this.boots?.at(-1);
		const before = free.find(b => last?.vm === vm.id && b.boot < last.boot);
		if (setOptions(this.boot, free.length ? free.map(b => [String(b.boot), bootWords(b)]) :
			[["", vm ? "no other boot" : "no such VM"]]) && before)
			this.boot.value = before.boot;
		this.add.disabled = this.boot.disabled = !free.length;
	}
}
