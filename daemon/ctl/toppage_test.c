/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables and pages for screens of all sizes, with names that are meant to break them. */
#include "daemon/ctl/toppage.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "guest-agent/shared/tap.h"

static struct topdata data;
static struct topreasons reasons;
static struct topview view;
static struct toppage page;
static struct toppage_state state;

static void make_vm(struct topdata_vm *vm, int i, const char *untrusted_name)
{
	struct topdata_numbers *numbers = &vm->sources[TOPDATA_GUEST];

	*vm = (struct topdata_vm){ .state = "running", .agent = "connected", .boot = 1 };
	(void)snprintf(vm->id, sizeof(vm->id), "id%04d", i);
	(void)snprintf(vm->untrusted_name, sizeof(vm->untrusted_name), "%s", untrusted_name);
	for (size_t k = 0; k < TOPDATA_SOURCES; k++) {
		vm->sources[k] = (struct topdata_numbers){
			.exits = NAN, .rate = NAN, .handling = NAN, .lost = NAN,
		};
	}
	*numbers = (struct topdata_numbers){
		.is_there = true, .exits = 1000 + i, .rate = 10 * i, .handling = 0.01 * i, .lost = NAN,
	};
	for (int k = 0; k <= i; k++)
		topdata_push(&numbers->history, k);
}

static void make(int count)
{
	data.vms = calloc(count + 1, sizeof(*data.vms));
	data.count = count;
	for (int i = 0; i < count; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "vm-%d", i);
		make_vm(&data.vms[i], i, name);
	}
	topview_init(&view);
	state = (struct toppage_state){
		.view = &view, .data = &data, .reasons = &reasons, .clock = "12:00:00",
		.daemon = "vmexitd 0.1: ok", .trouble = "", .interval_s = 1, .typed = "",
	};
}

static const char *compose(int lines, int columns)
{
	(void)toppage_compose(&state, lines, columns, &page);
	return page.count > 0 ? page.lines[0].text : "";
}

/* Columns of a line; -1 if there is anything in it but what has a width. */
static int width_of(const char *text)
{
	wchar_t wide[TOPTABLE_LINE_MAX];
	size_t n = mbstowcs(wide, text, TOPTABLE_LINE_MAX);

	return n == (size_t)-1 ? -1 : wcswidth(wide, n);
}

static bool fits(int lines, int columns)
{
	(void)compose(lines, columns);
	if (page.count > lines || page.cursor >= columns)
		return false;
	for (int i = 0; i < page.count; i++) {
		int width = width_of(page.lines[i].text);

		if (width < 0 || width > columns) {
			printf("# %dx%d: line %d of %d columns: %s\n", columns, lines, i, width, page.lines[i].text);
			return false;
		}
	}
	return true;
}

static bool fits_everywhere(void)
{
	for (int lines = 1; lines < 60; lines += 1 + lines / 4) {
		for (int columns = 1; columns < 700; columns += 1 + columns / 8) {
			if (!fits(lines, columns))
				return false;
		}
	}
	return true;
}

/* The line that begins with that word, behind its first column; -1: none does. */
static int line_of(const char *word)
{
	for (int i = 0; i < page.count; i++) {
		if (strncmp(page.lines[i].text + 1, word, strlen(word)) == 0)
			return i;
	}
	return -1;
}

static bool has(const char *text)
{
	for (int i = 0; i < page.count; i++) {
		if (strstr(page.lines[i].text, text))
			return true;
	}
	return false;
}

static void test_sizes(void)
{
	make(40);
	(void)compose(24, 80);
	ok(page.count == 24 && page.columns == 80, "a page fills the screen");
	ok(line_of("NAME") == 3 && line_of("vm-39 ") == 4 && line_of("vm-21 ") == 22 && line_of("vm-20 ") < 0,
	   "the highest rates first, as many as there is room for");
	ok(has("LOST%") && has("HISTORY") && !has("NOTE") && !has("EXITS ") , "80 columns: what matters");
	ok(has("? help"), "and where to find help");
	(void)compose(24, 200);
	ok(has("NOTE") && has(" EXITS NOTE"), "200: all of it");
	(void)compose(24, 40);
	ok(has("EXITS/S") && !has("AGENT") && line_of("vm-39") == 4, "40: less");
	(void)compose(4, 20);
	ok(line_of("vm-39") == 3, "as small as can be, there is a row");
	ok(fits_everywhere(), "nothing is wider than any screen");
	state.help = true;
	ok(fits_everywhere() && compose(24, 80) && has("q, Ctrl-C"), "nor is the help");
	state.help = false;
	state.prompt = TOPPAGE_FILTER;
	state.typed = "x\xe4\xb8\xad";
	ok(fits_everywhere() && compose(24, 80) && page.cursor == 15 && strcmp(page.lines[23].text, "Names with: x\xe4\xb8\xad") == 0,
	   "nor what is typed; the cursor is behind it");
	free(data.vms);
}

static void test_hostile(void)
{
	static const char *const names[] = {
		"\x1b[2J\x1b]0;owned\x07", "a\nb\r\n", "\xc2\x9b" "31m", "\xff\xfe", "", " ",
		"\xe2\x80\xae" "dcba", "\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad",
		"e\xcc\x81\xcc\x81\xcc\x81", "%s%n%1000000d",
	};
	int count = sizeof(names) / sizeof(names[0]);

	make(count);
	for (int i = 0; i < count; i++) {
		make_vm(&data.vms[i], i, names[i]);
		(void)snprintf(data.vms[i].note, sizeof(data.vms[i].note), "%s", names[i]);
	}
	state.daemon = state.trouble = "\x1b[31mred\n";
	ok(fits_everywhere(), "no name breaks a page");
	(void)snprintf(view.vm, sizeof(view.vm), "%s", data.vms[0].id);
	view.what = TOPVIEW_REASONS;
	ok(fits_everywhere() && compose(24, 80) && has("?[2J"), "nor the summary of one VM");
	(void)snprintf(view.filter, sizeof(view.filter), "%s", "\x1b[2J%n");
	ok(fits_everywhere(), "nor a filter");
	free(data.vms);
}

static void test_select(void)
{
	make(40);
	(void)compose(14, 80);
	ok(state.rows == 9 && page.lines[4].look == TOPPAGE_SELECTED && *page.lines[4].text == '>', "the first row is selected");
	ok(strcmp(state.current, "id0039") == 0 && !*state.selected, "and not held on to");
	state.move = 2;
	(void)compose(14, 80);
	ok(strcmp(state.selected, "id0037") == 0 && page.lines[6].look == TOPPAGE_SELECTED, "down");
	data.vms[37].sources[TOPDATA_GUEST].rate = 0.5;
	(void)compose(14, 80);
	ok(strcmp(state.current, "id0037") == 0 && state.index == 38 && line_of("vm-37 ") > 0, "it is followed where it goes");
	state.move = TOPVIEW_ROWS_MAX;
	(void)compose(14, 80);
	ok(state.index == 39 && state.first == 31 && line_of("vm-0 ") == 12, "the end");
	state.move = 3;
	(void)compose(14, 80);
	ok(state.index == 39, "behind which there is nothing");
	state.move = -TOPVIEW_ROWS_MAX;
	(void)compose(14, 80);
	ok(state.index == 0 && state.first == 0, "the begin");
	(void)snprintf(view.filter, sizeof(view.filter), "VM-1");
	(void)compose(14, 80);
	ok(line_of("vm-19 ") == 4 && line_of("vm-39") < 0 && line_of("vm-1 ") < 0 && has("filter 'VM-1'"), "names with that in it");
	(void)snprintf(view.filter, sizeof(view.filter), "nothing");
	state.move = 5;
	(void)compose(14, 80);
	ok(!*state.current && has("nothing is called like that"), "no row at all");
	free(data.vms);
}

static void test_sort(void)
{
	make(12);
	data.vms[5].sources[TOPDATA_GUEST].rate = NAN;
	(void)compose(24, 80);
	ok(line_of("vm-11") == 4 && line_of("vm-5") == 15, "what is not known is last");
	view.reverse[TOPVIEW_VMS] = true;
	(void)compose(24, 80);
	ok(line_of("vm-0") == 4 && line_of("vm-5") == 15, "either way");
	ok(topview_sort_by(&view, "name") == 0 && compose(24, 80) && line_of("vm-9") == 4, "by name");
	ok(topview_sort_by(&view, "history") < 0 && topview_sort_by(&view, "x") < 0, "not by what has no order");
	topview_sort_step(&view, -1);
	ok(compose(24, 80) && view.sort[TOPVIEW_VMS] > 0, "to the left of the first is the last");
	for (int i = 0; i < 40; i++) {
		topview_sort_step(&view, 1);
		if (strcmp(compose(24, 250), "") == 0 || !has("\xe2\x86"))
			break;
		if (i == 39)
			ok(true, "each column that is sorted by is marked");
	}
	free(data.vms);
}

static void test_bars(void)
{
	struct topdata_history history = { 0 };
	char text[64];

	toptable_bars(&history, 5, text, sizeof(text));
	ok(strcmp(text, "     ") == 0, "no history");
	topdata_push(&history, 0);
	topdata_push(&history, 4);
	topdata_push(&history, NAN);
	topdata_push(&history, 8);
	toptable_bars(&history, 5, text, sizeof(text));
	ok(strcmp(text, " \xe2\x96\x81\xe2\x96\x85 \xe2\x96\x88") == 0, "bars; nothing where nothing is known");
	toptable_bars(&history, 2, text, sizeof(text));
	ok(strcmp(text, " \xe2\x96\x88") == 0, "the newest");
	for (int i = 0; i < 3 * TOPDATA_HISTORY; i++)
		topdata_push(&history, i);
	toptable_bars(&history, 500, text, sizeof(text));
	ok(strlen(text) < sizeof(text), "no more than there is room for");
	toptable_number(TOPTABLE_SHARE, NAN, text, sizeof(text));
	ok(strcmp(text, "-") == 0, "what is not known");
}

static void test_reasons(void)
{
	json_t *root = json_pack("{sisssfsbs[{sisssi}{sisnsi}]}", "boot", 3, "source", "guest", "to", 1.0, "complete", 0,
				 "reasons", "number", 120, "name", "hlt", "count", 70, "number", 9, "name", "count", 5);
	bool grew;

	make(1);
	view.what = TOPVIEW_REASONS;
	(void)snprintf(view.vm, sizeof(view.vm), "id0000");
	(void)compose(24, 80);
	ok(has("vm-0: no exits by reason"), "nothing known");
	(void)topreasons_set_totals(&reasons, root, &grew);
	(void)compose(24, 80);
	ok(has("vm-0: running, boot 3 by guest") && has("totals incomplete"), "which boot, from when on");
	ok(line_of("hlt") > 0 && line_of("9 ") > 0, "reasons, also without a name");
	ok(fits_everywhere(), "on all screens");
	json_decref(root);
	root = topview_json(&view, &data, &reasons);
	ok(json_integer_value(json_object_get(json_array_get(json_object_get(root, "reasons"), 0), "number")) > 0 &&
		   json_is_null(json_object_get(root, "rate")), "and for programs");
	json_decref(root);
	topreasons_done(&reasons);
	free(data.vms);
}

int main(void)
{
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return 1;
	page.lines = calloc(TOPPAGE_LINES_MAX, sizeof(*page.lines));
	test_sizes();
	test_hostile();
	test_select();
	test_sort();
	test_bars();
	test_reasons();
	(void)setlocale(LC_CTYPE, "C");
	test_hostile();
	free(page.lines);
	return done_testing();
}
