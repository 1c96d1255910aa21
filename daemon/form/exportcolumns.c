/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/exportcolumns.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest-agent/shared/reason.h"

static const struct {
	enum key_kind kind;
	const char *before, *behind;	/* of the reason's name or the vCPU's number */
} parts[] = {
	{ KEY_REASON_COUNT, "exits_", "" },
	{ KEY_REASON_HANDLING, "handling_cycles_", "" },
	{ KEY_REASON_AWAY, "away_cycles_", "" },
	{ KEY_VCPU_COUNT, "vcpu", "_exits" },
	{ KEY_VCPU_HANDLING, "vcpu", "_handling_cycles" },
};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

void exportcolumns_done(struct exportcolumns *columns)
{
	free(columns->columns);
	memset(columns, 0, sizeof(*columns));
}

size_t exportcolumns_keys(const struct exportcolumn *column, enum key_kind *ret_first)
{
	*ret_first = column->is_vcpu ? KEY_VCPU_COUNT : KEY_REASON_COUNT;
	return column->is_vcpu ? 2 : 3;
}

bool exportcolumns_is_one(const struct key *key, uint32_t namespace,
			  struct exportcolumn *ret_column)
{
	if (key->kind != KEY_REASON_COUNT && key->kind != KEY_VCPU_COUNT)
		return false;
	*ret_column = (struct exportcolumn){
		.is_vcpu = key->kind == KEY_VCPU_COUNT,
		.id = key->id,
	};
	if (!ret_column->is_vcpu)
		ret_column->name = reason_name(namespace, key->id);
	return true;
}

static int compare(const struct exportcolumn *a, const struct exportcolumn *b)
{
	if (a->is_vcpu != b->is_vcpu)
		return a->is_vcpu ? 1 : -1;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return strcmp(a->name ? a->name : "", b->name ? b->name : "");
}

/* Where @column is, or belongs. */
static size_t place(const struct exportcolumns *columns, const struct exportcolumn *column)
{
	size_t low = 0, high = columns->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (compare(&columns->columns[middle], column) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool exportcolumns_has(const struct exportcolumns *columns, const struct exportcolumn *column)
{
	size_t at = place(columns, column);

	return at < columns->count && compare(&columns->columns[at], column) == 0;
}

int exportcolumns_add(struct exportcolumns *columns, const struct exportcolumn *column)
{
	size_t at = place(columns, column);

	if (exportcolumns_has(columns, column) || columns->count == EXPORTCOLUMNS_MAX)
		return 0;
	if (columns->count == columns->room) {
		size_t room = columns->room ? 2 * columns->room : 64;
		struct exportcolumn *more = realloc(columns->columns, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		columns->columns = more;
		columns->room = room;
	}
	memmove(columns->columns + at + 1, columns->columns + at,
		(columns->count - at) * sizeof(*columns->columns));
	columns->columns[at] = *column;
	columns->count++;
	return 0;
}

/* Of names with blanks ("DB excp") a header is made that needs no quotes in any tool. */
static void plain(const char *name, char *to, size_t size)
{
	snprintf(to, size, "%s", name);
	for (; *to; to++) {
		if (*to == ' ')
			*to = '_';
	}
}

void exportcolumns_name(const struct exportcolumn *column, enum key_kind kind,
			char ret_name[EXPORTCOLUMNS_NAME_MAX])
{
	char middle[64];
	size_t i = 0;

	while (i + 1 < PARTS && parts[i].kind != kind)
		i++;
	if (column->name)
		plain(column->name, middle, sizeof(middle));
	else
		snprintf(middle, sizeof(middle), "%u", column->id);
	snprintf(ret_name, EXPORTCOLUMNS_NAME_MAX, "%s%s%s", parts[i].before, middle,
		 parts[i].behind);
}

/* The number of a reason by its name, or by the number itself. */
static int reason_number(const char *name, uint32_t *ret_number)
{
	static const uint32_t namespaces[] = { VMEXIT_REASONS_VMX, VMEXIT_REASONS_SVM };
	char mine[64];
	const char *theirs;

	/* A name that is in both has one number. */
	for (size_t n = 0; n < 2; n++) {
		for (size_t i = 0; i < reason_count(namespaces[n]); i++) {
			reason_at(namespaces[n], i, ret_number, &theirs);
			plain(theirs, mine, sizeof(mine));
			if (strcmp(mine, name) == 0)
				return 0;
		}
	}
	return -EINVAL;
}

static int plain_number(const char *text, uint32_t *ret_number)
{
	char *end;
	unsigned long v;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || *end || v > UINT32_MAX)
		return -EINVAL;
	*ret_number = v;
	return 0;
}

int exportcolumns_parse(const char *name, struct key *ret_key)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < PARTS && len < EXPORTCOLUMNS_NAME_MAX; i++) {
		size_t before = strlen(parts[i].before), behind = strlen(parts[i].behind);
		char middle[EXPORTCOLUMNS_NAME_MAX];
		uint32_t id;

		if (len <= before + behind || strncmp(name, parts[i].before, before) != 0 ||
		    strcmp(name + len - behind, parts[i].behind) != 0)
			continue;
		snprintf(middle, sizeof(middle), "%.*s", (int)(len - before - behind),
			 name + before);
		if (plain_number(middle, &id) < 0 &&
		    (parts[i].kind > KEY_REASON_AWAY || reason_number(middle, &id) < 0))
			continue;
		*ret_key = (struct key){ .kind = parts[i].kind, .id = id };
		return 0;
	}
	return -EINVAL;
}
