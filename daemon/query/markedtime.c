/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/markedtime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/room.h"
#include "daemon/query/eventquery.h"

/* A begin whose end did not come yet. */
struct open {
	uint64_t sequence;
	int64_t t_ns;
	char label[PROTO_LABEL_MAX + 1];
};

struct pairing {
	const struct alignedgrid *grid;
	size_t part;
	struct open *opened;
	size_t opened_count, opened_room;
	struct markedtime *marked;
	size_t room;
};

/* NULL: no memory, or (*ret_full) too many. */
static struct markedtime_label *label_of(struct pairing *p, const char *label, bool *ret_full)
{
	struct markedtime *m = p->marked;
	struct markedtime_label *l;

	*ret_full = false;
	for (size_t i = 0; i < m->count; i++) {
		if (strcmp(m->labels[i].label, label) == 0)
			return &m->labels[i];
	}
	*ret_full = m->count == MARKEDTIME_LABELS_MAX;
	if (*ret_full || !room_for_one(&m->labels, m->count, &p->room, sizeof(*m->labels)))
		return NULL;
	l = &m->labels[m->count++];
	memset(l, 0, sizeof(*l));
	memcpy(l->label, label, sizeof(l->label));
	return l;
}

static int add(struct pairing *p, const struct open *begin, int64_t to_ns)
{
	const struct alignedgrid_part *part = &p->grid->parts[p->part];
	int64_t end_ns = part->from_ns + (int64_t)(part->cells.end - part->cells.begin) *
						 p->grid->step_ns;
	int64_t from_ns = begin->t_ns > part->from_ns ? begin->t_ns : part->from_ns;
	struct markedtime_label *l;
	bool full;

	to_ns = to_ns < end_ns ? to_ns : end_ns;
	if (from_ns >= to_ns)
		return 0;
	l = label_of(p, begin->label, &full);
	if (full)
		return 0;
	if (!l || !room_for_one(&l->intervals, l->count, &l->room, sizeof(*l->intervals)))
		return -ENOMEM;
	l->intervals[l->count++] = (struct markedtime_interval){ p->part, from_ns, to_ns };
	l->ns += to_ns - from_ns;
	return 0;
}

static int on_mark(void *ctx, const struct mark *mark)
{
	struct pairing *p = ctx;

	if (mark->kind == PROTO_MARK_BEGIN) {
		struct open *o;

		if (!room_for_one(&p->opened, p->opened_count, &p->opened_room, sizeof(*o)))
			return -ENOMEM;
		o = &p->opened[p->opened_count++];
		*o = (struct open){ .sequence = mark->sequence, .t_ns = mark->t_ns };
		memcpy(o->label, mark->label, sizeof(o->label));
		return 0;
	}
	/* Mostly it is the last one that ends. */
	for (size_t i = p->opened_count; mark->kind == PROTO_MARK_END && i > 0; i--) {
		struct open begin = p->opened[i - 1];

		if (begin.sequence != mark->begin)
			continue;
		memmove(&p->opened[i - 1], &p->opened[i], (p->opened_count - i) * sizeof(begin));
		p->opened_count--;
		return add(p, &begin, mark->t_ns);
	}
	return 0;
}

static int pair_part(struct query *query, const struct query_filter *filter, struct pairing *p)
{
	const struct boot *boot = &p->grid->parts[p->part].boot;
	bool all;
	int r;

	p->opened_count = 0;
	r = eventquery_intervals(query, boot, filter, on_mark, p, &all);
	for (size_t i = 0; i < p->opened_count && r == 0 && all; i++)
		r = add(p, &p->opened[i], boot->closed_ns ? boot->closed_ns : INT64_MAX);
	return r;
}

static int by_time(const void *a, const void *b)
{
	const struct markedtime_interval *x = a, *y = b;

	if (x->part != y->part)
		return x->part < y->part ? -1 : 1;
	return x->from_ns < y->from_ns ? -1 : x->from_ns > y->from_ns;
}

static int by_length(const void *a, const void *b)
{
	const struct markedtime_label *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns < y->ns ? 1 : -1;
	return strcmp(x->label, y->label);
}

int markedtime_read(struct query *query, const struct query_filter *filter,
		    const struct alignedgrid *grid, struct markedtime *ret_marked)
{
	struct markedtime marked = { 0 };
	struct pairing p = { .grid = grid, .marked = &marked };
	int r = 0;

	for (p.part = 0; p.part < grid->parts_count && r == 0; p.part++)
		r = pair_part(query, filter, &p);
	free(p.opened);
	for (size_t i = 0; i < marked.count; i++) {
		struct markedtime_label *l = &marked.labels[i];

		if (l->count)
			qsort(l->intervals, l->count, sizeof(*l->intervals), by_time);
	}
	if (marked.count)
		qsort(marked.labels, marked.count, sizeof(*marked.labels), by_length);
	if (r < 0)
		markedtime_done(&marked);
	else
		*ret_marked = marked;
	return r;
}

void markedtime_done(struct markedtime *marked)
{
	for (size_t i = 0; i < marked->count; i++)
		free(marked->labels[i].intervals);
	free(marked->labels);
	memset(marked, 0, sizeof(*marked));
}
