/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/storebench/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/query/cursor.h"
#include "guest-agent/shared/detail.h"

/* Values of an entry, by list. */
static const struct {
	enum detail_list list;
	unsigned int values;
} lists[] = {
	{ DETAIL_REASONS, 3 }, { DETAIL_VCPUS, 2 }, { DETAIL_INTERRUPTS, 1 },
	{ DETAIL_PROCESSES, 1 }, { DETAIL_UNITS, 1 },
};

static uint64_t count_values(const struct sample *s)
{
	uint64_t n = __builtin_popcountll(s->workload.mask) + !!(s->has & SAMPLE_HAS_EXITS) +
		     !!(s->has & SAMPLE_HAS_HANDLING) + 2 * !!(s->has & SAMPLE_HAS_AWAY) +
		     !!(s->has & SAMPLE_HAS_AGENT) + !!(s->has & SAMPLE_HAS_TAKEN);

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct detail_entry entry;
		struct detail_iter iter;

		if (!detail_find(s->detail, s->detail_len, lists[i].list, &iter))
			continue;
		while (detail_next(&iter, &entry))
			n += lists[i].values;
	}
	return n;
}

int trace_add(struct trace *trace, enum sample_source source, const struct sample *sample)
{
	struct trace_row *row;
	uint8_t *detail = NULL;

	if ((trace->count & (trace->count - 1)) == 0) {
		size_t room = trace->count ? 2 * trace->count : 1;
		struct trace_row *rows = realloc(trace->rows, room * sizeof(*rows));

		if (!rows)
			return -ENOMEM;
		trace->rows = rows;
	}
	if (sample->detail_len) {
		detail = malloc(sample->detail_len);
		if (!detail)
			return -ENOMEM;
		memcpy(detail, sample->detail, sample->detail_len);
	}
	row = &trace->rows[trace->count++];
	row->source = source;
	row->sample = *sample;
	row->sample.detail = detail;
	trace->values += count_values(sample);
	return 0;
}

void trace_done(struct trace *trace)
{
	for (size_t i = 0; i < trace->count; i++)
		free((void *)trace->rows[i].sample.detail);
	free(trace->rows);
	memset(trace, 0, sizeof(*trace));
}

static int by_time(const void *a, const void *b)
{
	const struct trace_row *x = a, *y = b;

	if (x->sample.t_wall_ns != y->sample.t_wall_ns)
		return x->sample.t_wall_ns < y->sample.t_wall_ns ? -1 : 1;
	return (int)x->source - (int)y->source;
}

static int first_vm(void *ctx, const struct query_vm *vm)
{
	*(int64_t *)ctx = vm->id;
	return 1;
}

int trace_load(const char *path, struct trace *ret_trace)
{
	struct query_filter filter = { 0 };
	struct trace trace = { 0 };
	struct query *query = NULL;
	struct cursor *cursor = NULL;
	const struct row_pair *pair;
	int r = query_open(path, &query);

	if (r == 0)
		r = query_vms(query, first_vm, &filter.vm_id);
	r = r == 1 ? 0 : r < 0 ? r : -ENOENT;
	if (r == 0)
		r = query_boot(query, filter.vm_id, 0, &trace.boot);
	filter.boot = trace.boot.number;
	if (r == 0)
		r = cursor_new(query, &filter, true, &cursor);
	while (r == 0 && (r = cursor_next(cursor, &pair)) > 0)
		r = trace_add(&trace, pair->row.source, &pair->row.sample);
	cursor_free(cursor);
	query_free(query);
	if (r < 0) {
		trace_done(&trace);
		return r;
	}
	qsort(trace.rows, trace.count, sizeof(*trace.rows), by_time);
	*ret_trace = trace;
	return 0;
}

void trace_open(const char *name, struct trace *ret_trace)
{
	unsigned int seconds = TRACE_DAY_S;
	int r;

	if (strcmp(name, "generated") == 0 || sscanf(name, "generated:%u", &seconds) == 1)
		r = trace_generate(seconds, ret_trace);
	else
		r = trace_load(name, ret_trace);
	if (r < 0 || ret_trace->count == 0) {
		fprintf(stderr, "storebench: %s: %s\n", name, r < 0 ? strerror(-r) : "no samples");
		exit(1);
	}
}
