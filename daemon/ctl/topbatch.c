/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/topbatch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/base/monotonic.h"
#include "daemon/ctl/clean.h"
#include "daemon/ctl/link.h"
#include "daemon/ctl/topfeed.h"
#include "daemon/ctl/topview.h"
#include "guest-agent/shared/log.h"

/* For answers; what did not come by then is told as what is wrong. */
#define SETTLE_MS (2000 * LINK_TIMEOUT_S)
/* Columns of a pipe: those of pictures are left out, and names are not cut. */
#define COLUMNS TOPTABLE_LINE_COLUMNS

static void wait_until(struct topfeed *feed, int64_t deadline_ms)
{
	int64_t now;

	while ((now = monotonic_ms()) < deadline_ms)
		topfeed_wait(feed, NULL, 0, deadline_ms - now);
}

static void settle(struct topfeed *feed)
{
	int64_t deadline_ms = monotonic_ms() + SETTLE_MS;
	int64_t now;

	while (!topfeed_is_settled(feed) && (now = monotonic_ms()) < deadline_ms)
		topfeed_wait(feed, NULL, 0, deadline_ms - now);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static int print_json(struct topfeed *feed, const struct topview *view)
{
	json_t *root = topview_json(view, topfeed_data(feed), topfeed_reasons(feed));
	const char *trouble = topfeed_trouble(feed);
	int r = -ENOMEM;

	if (root) {
		(void)json_object_set_new(root, "t", json_real(seconds()));
		(void)json_object_set_new(root, "error", *trouble ? json_string(trouble) : json_null());
		r = json_dumpf(root, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15)) == 0 ? 0 : -EIO;
		putchar('\n');
	}
	json_decref(root);
	return r;
}

static int print_table(struct topfeed *feed, const struct topview *view)
{
	int widths[TOPTABLE_COLUMNS_MAX] = { 0 };
	char text[TOPTABLE_LINE_MAX], clock[32];
	time_t now = time(NULL);
	struct toptable table;
	struct tm tm = { 0 };

	if (topview_table(view, topfeed_data(feed), topfeed_reasons(feed), &table) < 0)
		return -ENOMEM;
	localtime_r(&now, &tm);
	strftime(clock, sizeof(clock), "%Y-%m-%d %H:%M:%S", &tm);
	clean_text(*topfeed_trouble(feed) ? topfeed_trouble(feed) : topfeed_daemon(feed), COLUMNS,
		   text, sizeof(text));
	printf("%s  %s\n", clock, text);
	toptable_layout(&table, COLUMNS, widths);
	for (size_t i = 0; i < table.column_count; i++) {
		if (table.columns[i].kind == TOPTABLE_HISTORY)
			widths[i] = 0;
	}
	toptable_heading(&table, widths, text, sizeof(text));
	puts(text);
	for (size_t i = 0; i < table.row_count; i++) {
		toptable_line(&table, &table.rows[i], widths, text, sizeof(text));
		puts(text);
	}
	putchar('\n');
	free(table.rows);
	return 0;
}

int topbatch_run(struct topfeed *feed, const struct topview *view, unsigned int count,
		 double interval_s, bool json)
{
	int64_t next_ms = monotonic_ms();

	for (unsigned int i = 0; count == 0 || i < count; i++) {
		int r;

		settle(feed);
		r = json ? print_json(feed, view) : print_table(feed, view);
		if (r == 0 && (fflush(stdout) != 0 || ferror(stdout)))
			r = errno ? -errno : -EIO;
		if (r < 0) {
			log_error("cannot write: %s", strerror(-r));
			return r;
		}
		if (i + 1 == count)
			break;
		next_ms += interval_s * 1000;
		/* What was missed is not made up for. */
		if (next_ms < monotonic_ms())
			next_ms = monotonic_ms();
		wait_until(feed, next_ms);
		topfeed_tick(feed, interval_s);
	}
	return 0;
}
