/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>

#include "daemon/base/monotonic.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/topbatch.h"
#include "daemon/ctl/topfeed.h"
#include "daemon/ctl/toppage.h"
#include "daemon/ctl/topscreen.h"
#include "daemon/ctl/topview.h"
#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

#define INTERVAL_MIN_S 0.1
#define INTERVAL_MAX_S 3600.0
#define TYPED_MAX TOPVIEW_FILTER_MAX

enum { BATCH, COUNT, INTERVAL, SORT, REVERSE, FILTER, SOURCE };

static const struct command_option options[] = {
	[BATCH] = { "batch", 'b', NULL, "print a table each refresh, for a pipe" },
	[COUNT] = { "count", 'n', "N", "so many refreshes, then end [no end]" },
	[INTERVAL] = { "interval", 'd', "SECONDS", "between refreshes [1]" },
	[SORT] = { "sort", 'o', "COLUMN", "by that column, as --json calls it [rate]" },
	[REVERSE] = { "reverse", 'r', NULL, "the other way round" },
	[FILTER] = { "filter", 'f', "TEXT", "only names with that in it, in any case" },
	[SOURCE] = { "source", 0, "guest|host", "whose numbers [the guest's, else the host's]" },
	{ 0 },
};

struct top {
	struct topfeed *feed;
	struct topview view;
	struct toppage_state state;
	struct toppage page;
	unsigned int count, shown;	/* refreshes to make, 0 for no end; made */
	double interval_s;
	int64_t next_ms;		/* the next refresh */
	char typed[TYPED_MAX + 1], clock[16];
	int signals;			/* signalfd */
	bool quit, stale;		/* stale: what is on the screen */
	int signal;			/* to end by */
};

/* ---- what is watched ---- */

static void show_vms(struct top *top)
{
	top->view.what = TOPVIEW_VMS;
	/* The VM that was looked at is the selected one. */
	(void)snprintf(top->state.selected, sizeof(top->state.selected), "%s", top->view.vm);
	*top->view.vm = *top->view.filter = '\0';
	topfeed_watch(top->feed, "", top->view.choice);
}

static void show_reasons(struct top *top, const char *vm)
{
	top->view.what = TOPVIEW_REASONS;
	(void)snprintf(top->view.vm, sizeof(top->view.vm), "%s", vm);
	*top->view.filter = *top->state.selected = '\0';
	top->state.first = top->state.index = 0;
	topfeed_watch(top->feed, vm, top->view.choice);
}

static void next_source(struct top *top)
{
	top->view.choice = (top->view.choice + 1) % TOPDATA_CHOICES;
	if (top->view.what == TOPVIEW_REASONS)
		topfeed_watch(top->feed, top->view.vm, top->view.choice);
}

static void set_interval(struct top *top, double interval_s)
{
	top->interval_s = interval_s;
	top->next_ms = monotonic_ms() + interval_s * 1000;
}

/* Seconds as they are typed or given. Returns 0 or -EINVAL. */
static int parse_interval(const char *text, double *ret_interval_s)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= INTERVAL_MIN_S && value <= INTERVAL_MAX_S))
		return -EINVAL;
	*ret_interval_s = value;
	return 0;
}

/* ---- the page ---- */

static void show(struct top *top)
{
	time_t now = time(NULL);
	struct tm tm = { 0 };
	int lines, columns;

	/* The clock stands still with what it belongs to. */
	if (!top->state.paused || !*top->clock) {
		localtime_r(&now, &tm);
		strftime(top->clock, sizeof(top->clock), "%H:%M:%S", &tm);
	}
	top->state.view = &top->view;
	top->state.data = topfeed_data(top->feed);
	top->state.reasons = topfeed_reasons(top->feed);
	top->state.daemon = topfeed_daemon(top->feed);
	top->state.trouble = topfeed_trouble(top->feed);
	top->state.interval_s = top->interval_s;
	topscreen_size(&lines, &columns);
	if (toppage_compose(&top->state, lines, columns, &top->page) == 0)
		topscreen_show(&top->page);
	top->stale = false;
}

/* ---- keys ---- */

static void begin_prompt(struct top *top, enum toppage_prompt prompt)
{
	top->state.prompt = prompt;
	(void)snprintf(top->typed, sizeof(top->typed), "%s",
		       prompt == TOPPAGE_FILTER ? top->view.filter : "");
}

/* The last character goes, whatever its length in UTF-8. */
static void erase_typed(char *typed)
{
	size_t len = strlen(typed);

	while (len > 0 && (typed[len - 1] & 0xc0) == 0x80)
		len--;
	typed[len > 0 ? len - 1 : 0] = '\0';
}

static void type(char *typed, int key)
{
	char bytes[MB_LEN_MAX];
	size_t len = strlen(typed);
	int n = key < TOPSCREEN_UP && key >= ' ' ? wctomb(bytes, key) : -1;

	if (n < 1 || len + n > TYPED_MAX)
		return;
	memcpy(typed + len, bytes, n);
	typed[len + n] = '\0';
}

static void end_prompt(struct top *top, bool take)
{
	double interval_s;

	if (top->state.prompt == TOPPAGE_INTERVAL && take &&
	    parse_interval(top->typed, &interval_s) == 0)
		set_interval(top, interval_s);
	if (top->state.prompt == TOPPAGE_FILTER && !take)
		*top->view.filter = '\0';
	top->state.prompt = TOPPAGE_NO_PROMPT;
}

static void on_prompt_key(struct top *top, int key)
{
	switch (key) {
	case TOPSCREEN_ENTER:
		end_prompt(top, true);
		return;
	case TOPSCREEN_ESCAPE:
		end_prompt(top, false);
		return;
	case TOPSCREEN_BACK:
		erase_typed(top->typed);
		break;
	default:
		type(top->typed, key);
	}
	/* What passes is seen while it is typed. */
	if (top->state.prompt == TOPPAGE_FILTER)
		memcpy(top->view.filter, top->typed, sizeof(top->view.filter));
}

static void go_back(struct top *top)
{
	if (*top->view.filter)
		*top->view.filter = '\0';
	else if (top->view.what == TOPVIEW_REASONS)
		show_vms(top);
}

/* Keys that move the selection: whether @key is one. */
static bool on_move_key(struct top *top, int key)
{
	int page = top->state.rows > 1 ? top->state.rows - 1 : 1;

	switch (key) {
	case TOPSCREEN_UP:
	case 'k': top->state.move--; return true;
	case TOPSCREEN_DOWN:
	case 'j': top->state.move++; return true;
	case TOPSCREEN_PAGE_UP: top->state.move -= page; return true;
	case TOPSCREEN_PAGE_DOWN: top->state.move += page; return true;
	case TOPSCREEN_HOME: top->state.move = -TOPVIEW_ROWS_MAX; return true;
	case TOPSCREEN_END: top->state.move = TOPVIEW_ROWS_MAX; return true;
	default: return false;
	}
}

static void on_view_key(struct top *top, int key)
{
	switch (key) {
	case '<': topview_sort_step(&top->view, -1); break;
	case '>':
	case 's': topview_sort_step(&top->view, 1); break;
	case 'r': top->view.reverse[top->view.what] ^= true; break;
	case 'g': next_source(top); break;
	case 'f':
	case '/': begin_prompt(top, TOPPAGE_FILTER); break;
	case 'd': begin_prompt(top, TOPPAGE_INTERVAL); break;
	case 'p':
	case ' ': top->state.paused ^= true; break;
	case '?':
	case 'h': top->state.help = true; break;
	case 'q': top->quit = true; break;
	case TOPSCREEN_BACK:
	case TOPSCREEN_ESCAPE: go_back(top); break;
	case TOPSCREEN_ENTER:
		if (top->view.what == TOPVIEW_VMS && *top->state.current)
			show_reasons(top, top->state.current);
		break;
	}
}

static void on_key(struct top *top, int key)
{
	if (top->state.help) {
		top->state.help = false;
	} else if (top->state.prompt) {
		on_prompt_key(top, key);
	} else if (!on_move_key(top, key)) {
		/* Which row is the selected one is known when the page is made. */
		if (top->state.move)
			show(top);
		on_view_key(top, key);
	}
	top->stale = true;
}

/* ---- signals ---- */

static int catch_signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP,
				       SIGCONT };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(&set, numbers[i]);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void take_signals(struct top *top)
{
	struct signalfd_siginfo info;

	while (read(top->signals, &info, sizeof(info)) == sizeof(info)) {
		top->stale = true;
		if (info.ssi_signo == SIGWINCH)
			topscreen_resize();
		else if (info.ssi_signo == SIGTSTP)
			topscreen_stop();
		else if (info.ssi_signo == SIGCONT)
			topscreen_continue();
		else
			top->signal = info.ssi_signo;
	}
	top->quit |= top->signal != 0;
}

/* With the terminal as it was, so that who waits for this process knows why it ended. */
static void end_by(int number)
{
	sigset_t set;

	(void)signal(number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, number);
	(void)raise(number);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* ---- the loop ---- */

static void refresh_data(struct top *top)
{
	int64_t now = monotonic_ms();

	if (now < top->next_ms)
		return;
	top->next_ms += top->interval_s * 1000;
	/* After a stop, not all at once. */
	if (top->next_ms < now)
		top->next_ms = now + top->interval_s * 1000;
	if (!top->state.paused) {
		topfeed_tick(top->feed, top->interval_s);
		top->shown++;
	}
	top->quit |= top->count && top->shown >= top->count;
}

/* One that is gone ends it in the same way, whether SIGHUP comes now, later or never. */
static void check_terminal(struct top *top)
{
	if (!topscreen_is_gone())
		return;
	top->signal = SIGHUP;
	top->quit = true;
}

static void run_screen(struct top *top)
{
	const int fds[] = { STDIN_FILENO, top->signals };

	set_interval(top, top->interval_s);
	show(top);
	while (!top->quit) {
		int64_t wait_ms = top->next_ms - monotonic_ms();
		int key;

		topfeed_wait(top->feed, fds, 2, wait_ms > 0 ? (int)wait_ms : 0);
		take_signals(top);
		while (!top->quit && (key = topscreen_key()) != TOPSCREEN_NO_KEY)
			on_key(top, key);
		check_terminal(top);
		refresh_data(top);
		if ((topfeed_take_news(top->feed) && !top->state.paused) || top->stale)
			show(top);
	}
}

static int on_screen(struct top *top)
{
	int r = topscreen_begin();

	if (r < 0)
		return 1;
	top->state.typed = top->typed;
	top->state.clock = top->clock;
	top->signals = catch_signals();
	top->page.lines = calloc(TOPPAGE_LINES_MAX, sizeof(*top->page.lines));
	if (top->signals >= 0 && top->page.lines)
		run_screen(top);
	topscreen_end();
	free(top->page.lines);
	if (top->signals >= 0)
		close(top->signals);
	/* Ctrl-C is a way to leave it like any other. */
	if (top->signal && top->signal != SIGINT)
		end_by(top->signal);
	return 0;
}

/* ---- the command ---- */

/* Returns 0, or 2 after a line. */
static int parse(struct top *top, const struct command_context *ctx, enum topview_what what)
{
	const char *const *values = ctx->values;
	char words[256], *end;
	unsigned long count = values[COUNT] ? strtoul(values[COUNT], &end, 10) : 0;

	if (values[COUNT] && (*end || end == values[COUNT] || *values[COUNT] == '-' || count < 1 ||
			      count > UINT_MAX)) {
		log_error("count '%s' is no number from 1", values[COUNT]);
		return 2;
	}
	if (values[INTERVAL] && parse_interval(values[INTERVAL], &top->interval_s) < 0) {
		log_error("interval '%s' is no number of seconds from %g to %g", values[INTERVAL],
			  INTERVAL_MIN_S, INTERVAL_MAX_S);
		return 2;
	}
	top->count = count;
	top->view.what = what;
	topview_sort_words(what, words, sizeof(words));
	if (values[SORT] && topview_sort_by(&top->view, values[SORT]) < 0) {
		log_error("there is no column '%s' to sort by, but %s", values[SORT], words);
		return 2;
	}
	top->view.reverse[what] = values[REVERSE] != NULL;
	if (values[FILTER])
		(void)snprintf(top->view.filter, sizeof(top->view.filter), "%s", values[FILTER]);
	top->view.choice = !values[SOURCE]			 ? TOPDATA_BEST
			   : strcmp(values[SOURCE], "guest") == 0 ? TOPDATA_ONLY_GUEST
								 : TOPDATA_ONLY_HOST;
	if (values[SOURCE] && strcmp(values[SOURCE], topview_choice_name(top->view.choice)) != 0) {
		log_error("source '%s' is neither guest nor host", values[SOURCE]);
		return 2;
	}
	return 0;
}

static int watch(struct top *top, const char *name)
{
	const struct topdata_vm *vm = topdata_find_name(topfeed_data(top->feed), name);

	if (!vm) {
		log_error("there is no VM '%s'; vmexitctl list shows them", name);
		return -ENOENT;
	}
	(void)snprintf(top->view.vm, sizeof(top->view.vm), "%s", vm->id);
	topfeed_watch(top->feed, vm->id, top->view.choice);
	return 0;
}

static int run(const struct command_context *ctx, int argc, char **argv)
{
	struct top top = { .interval_s = 1, .signals = -1 };
	int status;

	topview_init(&top.view);
	if (parse(&top, ctx, argc > 0 ? TOPVIEW_REASONS : TOPVIEW_VMS))
		return 2;
	if (topfeed_new(ctx->socket, &top.feed) < 0)
		return 1;
	if (argc > 0 && watch(&top, argv[0]) < 0)
		status = 1;
	else if (ctx->values[BATCH] || ctx->json)
		status = topbatch_run(top.feed, &top.view, top.count, top.interval_s, ctx->json) < 0;
	else
		status = on_screen(&top);
	topfeed_free(top.feed);
	return status;
}

const struct command command_top = {
	.name = "top",
	.words = "[VM]",
	.words_max = 1,
	.help = "watch all VMs live, or one VM's exits by reason",
	.about = "The key ? lists the keys. --json prints a line of JSON each refresh.",
	.options = options,
	.run = run,
};
