/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the live view shows: all VMs, or the reasons of one, from whom, sorted and filtered how.
 * Non-logging.
 */
#ifndef DAEMON_CTL_TOPVIEW_H
#define DAEMON_CTL_TOPVIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "daemon/ctl/topdata.h"
#include "daemon/ctl/topreasons.h"
#include "daemon/ctl/toptable.h"

enum topview_what { TOPVIEW_VMS, TOPVIEW_REASONS, TOPVIEW_WHATS };

#define TOPVIEW_FILTER_MAX 63
#define TOPVIEW_ROWS_MAX TOPDATA_VMS_MAX

struct topview {
	enum topview_what what;
	char vm[TOPDATA_ID_MAX + 1];		/* of which reasons are shown; "" */
	size_t sort[TOPVIEW_WHATS];
	bool reverse[TOPVIEW_WHATS];
	char filter[TOPVIEW_FILTER_MAX + 1];	/* part of a name, in any case */
	enum topdata_choice choice;
};

/* By the highest rate first. */
void topview_init(struct topview *view);

/*
 * The rows to show, sorted, into @table, whose rows the caller frees; they point into @data and
 * @reasons. Returns 0 or -ENOMEM.
 */
int topview_table(const struct topview *view, const struct topdata *data,
		  const struct topreasons *reasons, struct toptable *table);

/* The next (@step 1) or previous (-1) column that can be sorted by. */
void topview_sort_step(struct topview *view, int step);

/* By a column's word. Returns 0 or -EINVAL; topview_sort_words() has "name, state, ...". */
int topview_sort_by(struct topview *view, const char *word);
void topview_sort_words(enum topview_what what, char *text, size_t size);

/* All of it for a program: an object without a time. */
json_t *topview_json(const struct topview *view, const struct topdata *data,
		     const struct topreasons *reasons);

/* "best", "guest" or "host". */
const char *topview_choice_name(enum topdata_choice choice);

#endif
