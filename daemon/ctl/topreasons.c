/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/topreasons.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void topreasons_done(struct topreasons *reasons)
{
	free(reasons->rows);
	*reasons = (struct topreasons){ 0 };
}

static struct topreasons_row *find(struct topreasons *reasons, json_int_t number)
{
	for (size_t i = 0; i < reasons->count; i++) {
		if (reasons->rows[i].number == number)
			return &reasons->rows[i];
	}
	return NULL;
}

/* The row of an entry, made if it is new. NULL without room for it. */
static struct topreasons_row *row_of(struct topreasons *reasons, json_t *entry)
{
	json_int_t number = json_integer_value(json_object_get(entry, "number"));
	const char *name = json_string_value(json_object_get(entry, "name"));
	struct topreasons_row *row = find(reasons, number);

	if (row || reasons->count == TOPREASONS_MAX)
		return row;
	row = &reasons->rows[reasons->count++];
	*row = (struct topreasons_row){
		.number = number, .total = NAN, .rate = NAN, .share = NAN, .handling = NAN, .away = NAN,
	};
	if (name)
		(void)snprintf(row->name, sizeof(row->name), "%s", name);
	else
		(void)snprintf(row->name, sizeof(row->name), "%lld", (long long)number);
	return row;
}

static int begin(struct topreasons *reasons, json_int_t boot, const char *source)
{
	topreasons_done(reasons);
	reasons->rows = calloc(TOPREASONS_MAX, sizeof(*reasons->rows));
	if (!reasons->rows)
		return -ENOMEM;
	reasons->boot = boot;
	reasons->rate = reasons->from = reasons->to = NAN;
	(void)snprintf(reasons->source, sizeof(reasons->source), "%s", source);
	return 0;
}

int topreasons_set_totals(struct topreasons *reasons, json_t *root, bool *ret_grew)
{
	json_t *list = json_object_get(root, "reasons"), *entry;
	json_int_t boot = json_integer_value(json_object_get(root, "boot"));
	const char *source = json_string_value(json_object_get(root, "source"));
	double to = topdata_number(root, "to");
	size_t i;

	if (!json_is_array(list) || !source || boot < 1 || isnan(to))
		return -EPROTO;
	if (boot != reasons->boot || strcmp(source, reasons->source) != 0) {
		int r = begin(reasons, boot, source);

		if (r < 0)
			return r;
	}
	*ret_grew = isnan(reasons->to) || to > reasons->to;
	reasons->from = reasons->to;
	reasons->to = to;
	reasons->complete = json_is_true(json_object_get(root, "complete"));
	json_array_foreach(list, i, entry) {
		struct topreasons_row *row = row_of(reasons, entry);

		if (row)
			row->total = topdata_number(entry, "count");
	}
	return 0;
}

static void push_all(struct topreasons *reasons)
{
	for (size_t i = 0; i < reasons->count; i++)
		topdata_push(&reasons->rows[i].history, reasons->rows[i].rate);
}

void topreasons_no_interval(struct topreasons *reasons)
{
	for (size_t i = 0; i < reasons->count; i++) {
		struct topreasons_row *row = &reasons->rows[i];

		row->rate = row->share = row->handling = row->away = NAN;
	}
	reasons->rate = NAN;
	push_all(reasons);
}

int topreasons_set_interval(struct topreasons *reasons, json_t *root)
{
	json_t *list = json_object_get(root, "reasons"), *entry;
	double covered = topdata_number(root, "covered");
	size_t i;

	if (!json_is_array(list) || !(covered > 0) || !reasons->rows)
		return -EPROTO;
	/* What is not in it did not happen. */
	for (i = 0; i < reasons->count; i++) {
		struct topreasons_row *row = &reasons->rows[i];

		row->rate = row->share = 0;
		row->handling = isnan(row->handling) ? NAN : 0;
		row->away = isnan(row->away) ? NAN : 0;
	}
	reasons->rate = topdata_number(root, "count") / covered;
	json_array_foreach(list, i, entry) {
		struct topreasons_row *row = row_of(reasons, entry);

		if (!row)
			continue;
		row->rate = topdata_number(entry, "count") / covered;
		row->share = topdata_number(entry, "count_share");
		row->handling = topdata_number(entry, "handling_share");
		row->away = topdata_number(entry, "away_share");
	}
	push_all(reasons);
	return 0;
}
