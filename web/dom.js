// SPDX-License-Identifier: GPL-2.0-or-later
// Building elements. Text from the daemon only ever becomes a text node.

export const $ = id => document.getElementById(id);

export function h(tag, attributes = {}, ...children) {
	const element = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes)) {
		if (value === true)
			element.setAttribute(name, "");
		else if (value !== false && value !== null && value !== undefined)
			element.setAttribute(name, value);
	}
	element.append(...children.filter(c => c !== null && c !== undefined));
	return element;
}

const SVG = "http://www.w3.org/2000/svg";

// The sample of line beside a name: a colour of style.css and a dash, like the curve; without
// a dash (null) the sample of an area. A source's dash is style.css's.
export function swatch(colour, dash) {
	const svg = document.createElementNS(SVG, "svg");
	svg.setAttribute("class", `swatch ${colour}${dash === null ? " area" : ""}`);
	svg.style.stroke = `var(--${colour})`;
	if (dash?.length)
		svg.style.strokeDasharray = dash.join(" ");
	svg.setAttribute("viewBox", "0 0 18 8");
	svg.setAttribute("aria-hidden", "true");
	const line = document.createElementNS(SVG, "path");
	line.setAttribute("d", "M0 4H18");
	svg.append(line);
	return svg;
}

// Sets text only when it differs, so that nothing is laid out or announced in vain.
export function setText(element, text) {
	if (element.textContent !== text)
		element.textContent = text;
}

export function codeBlock(text) {
	const button = h("button", { type: "button", class: "copy" }, "Copy");
	button.addEventListener("click", async () => {
		try {
			await navigator.clipboard.writeText(text);
			setText(button, "Copied");
		} catch {
			setText(button, "Select it and copy");
		}
		setTimeout(() => setText(button, "Copy"), 2000);
	});
	return h("div", { class: "code" }, h("pre", { tabindex: "0" }, h("code", {}, text)), button);
}
