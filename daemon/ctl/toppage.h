/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The live view's page, line by line, for a screen of any size. Non-logging. */
#ifndef DAEMON_CTL_TOPPAGE_H
#define DAEMON_CTL_TOPPAGE_H

#include <stdbool.h>

#include "daemon/ctl/topview.h"

#define TOPPAGE_LINES_MAX 300

enum toppage_look {
	TOPPAGE_PLAIN, TOPPAGE_TITLE, TOPPAGE_HEADING, TOPPAGE_SELECTED, TOPPAGE_ODD,
	TOPPAGE_ALARM, TOPPAGE_HINT, TOPPAGE_LOOKS
};

struct toppage_line {
	char text[TOPTABLE_LINE_MAX];	/* clean, and no wider than the page */
	enum toppage_look look;
};

struct toppage {
	struct toppage_line *lines;	/* of TOPPAGE_LINES_MAX; whoever shows it owns it */
	int count, columns;
	int cursor;			/* column in the last line; -1: none is shown */
};

enum toppage_prompt { TOPPAGE_NO_PROMPT, TOPPAGE_FILTER, TOPPAGE_INTERVAL };

struct toppage_state {
	const struct topview *view;
	const struct topdata *data;
	const struct topreasons *reasons;
	const char *clock;		/* "07:43:21" */
	const char *daemon;		/* "vmexitd 0.1: ok" */
	const char *trouble;		/* "" if there is none */
	double interval_s;
	bool paused, help;
	enum toppage_prompt prompt;
	const char *typed;		/* at the prompt */

	/* Kept and set by toppage_compose(). */
	char selected[TOPDATA_ID_MAX + 1];	/* key of the row to hold on to; "" for none */
	char current[TOPDATA_ID_MAX + 1];	/* key of the row that is marked */
	int index, first;		/* that row's number; the topmost row shown */
	int move;			/* rows to go: taken into account, and 0 then */
	int rows;			/* that are seen at once */
};

/* What to show on @lines lines of @columns. Returns 0 or -ENOMEM. */
int toppage_compose(struct toppage_state *state, int lines, int columns, struct toppage *page);

#endif
