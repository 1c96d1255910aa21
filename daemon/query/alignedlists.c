/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/alignedlists.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

bool alignedlists_is_list(const struct key *key)
{
	return key->kind == KEY_INTERRUPT || key->kind == KEY_PROCESS || key->kind == KEY_UNIT;
}

static int by_time(const void *a, const void *b)
{
	const struct alignedlists_event *x = a, *y = b;

	if (x->part != y->part)
		return x->part < y->part ? -1 : 1;
	if (x->t_ns != y->t_ns)
		return x->t_ns < y->t_ns ? -1 : 1;
	return x->value < y->value ? -1 : x->value > y->value;
}

static void sort(struct alignedlists_events *events)
{
	if (events->count)
		qsort(events->items, events->count, sizeof(*events->items), by_time);
}

void alignedlists_drop_same(struct alignedlists_events *times)
{
	size_t count = 0;

	sort(times);
	for (size_t i = 0; i < times->count; i++) {
		if (count == 0 || by_time(&times->items[count - 1], &times->items[i]) != 0)
			times->items[count++] = times->items[i];
	}
	times->count = times->sorted = count;
}

static int grow(struct alignedlists_events *events)
{
	size_t room = events->room ? 2 * events->room : 64;
	struct alignedlists_event *more = realloc(events->items, room * sizeof(*more));

	if (!more)
		return -ENOMEM;
	events->items = more;
	events->room = room;
	return 0;
}

static int put(struct alignedlists_events *events, const struct alignedlists_event *event)
{
	int r = events->count == events->room ? grow(events) : 0;

	if (r == 0)
		events->items[events->count++] = *event;
	return r;
}

/* Whether @time is among those that are sorted. */
static bool is_known(const struct alignedlists_events *times, const struct alignedlists_event *time)
{
	size_t low = 0, high = times->sorted;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = by_time(&times->items[middle], time);

		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/*
 * Every name of a list tells of its time: so most are known, and nearly all others are behind
 * all of them. Those that are not are sorted in when room is short.
 */
static int put_time(struct alignedlists_events *times, const struct alignedlists_event *time)
{
	bool sorted = times->sorted == times->count;
	int r = 0;

	if (is_known(times, time))
		return 0;
	sorted &= times->count == 0 || by_time(&times->items[times->count - 1], time) < 0;
	if (times->count == times->room && times->count) {
		alignedlists_drop_same(times);
		r = times->count > times->room / 2 ? grow(times) : 0;
	}
	if (r == 0)
		r = put(times, time);
	if (r == 0 && sorted)
		times->sorted = times->count;
	return r;
}

int alignedlists_add(struct alignedlists_events *events, uint32_t part, const struct span *spans,
		     size_t count, bool amounts)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		struct alignedlists_event event = {
			part, spans[i].t_ns, amounts ? spans[i].point.sum : spans[i].point.last
		};

		r = put(events, &event);
	}
	return r;
}

int alignedlists_add_times(struct alignedlists_events *times, uint32_t part,
			   const struct span *spans, size_t count, bool reasons)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		struct alignedlists_event event = { part, spans[i].t_ns,
						    reasons ? spans[i].ns : 0 };

		if (reasons && spans[i].ns == 0)
			continue;
		r = put_time(times, &event);
	}
	return r;
}

void alignedlists_put_zeros(const struct alignedgrid *grid, const struct alignedgrid_part *part,
			    const struct alignedlists_events *times, int64_t before_ns,
			    const struct alignedgrid_curve *to)
{
	for (size_t i = 0; i < times->count; i++) {
		int64_t to_ns = times->items[i].t_ns, from_ns = to_ns - (int64_t)times->items[i].value;

		if (from_ns < before_ns)
			alignedgrid_add(grid, part, to, 1, from_ns, to_ns, 0);
	}
}

int alignedlists_sort(const struct alignedgrid *grid, struct alignedlists_events *times,
		      unsigned int *ret_stride)
{
	uint64_t *ns;
	size_t count = 0;
	double cells;

	*ret_stride = 1;
	alignedlists_drop_same(times);
	if (times->count < 2)
		return 0;
	ns = malloc(times->count * sizeof(*ns));
	if (!ns)
		return -ENOMEM;
	for (size_t i = 1; i < times->count; i++) {
		const struct alignedlists_event *a = &times->items[i - 1], *b = &times->items[i];

		if (a->part == b->part &&
		    alignedgrid_covers(&grid->parts[a->part], SOURCE_GUEST, a->t_ns, b->t_ns))
			ns[count++] = b->t_ns - a->t_ns;
	}
	/* 1.1 cells are one. */
	cells = ceil((double)alignedgrid_usual(ns, count) / grid->step_ns - 0.1);
	free(ns);
	if (cells > 1)
		*ret_stride = cells < ALIGNEDGRID_CELLS_MAX ? cells : ALIGNEDGRID_CELLS_MAX;
	return 0;
}

/* The events of one part, and the times of its lists. */
struct slice {
	const struct alignedlists_event *events, *times;
	size_t count, times_count;
};

static size_t end_of(const struct alignedlists_events *events, size_t from, uint32_t part)
{
	while (from < events->count && events->items[from].part == part)
		from++;
	return from;
}

static void add(const struct alignedgrid *grid, const struct alignedgrid_part *part,
		const struct alignedgrid_curve *to, unsigned int stride, int64_t from_ns,
		int64_t to_ns, double rate)
{
	if (alignedgrid_covers(part, SOURCE_GUEST, from_ns, to_ns))
		alignedgrid_add(grid, part, to, stride, from_ns, to_ns, rate);
}

/* Each list has what was used since the one before; of the first nobody knows since when. */
static void put_amounts(const struct alignedgrid *grid, const struct alignedgrid_part *part,
			const struct slice *s, unsigned int stride,
			const struct alignedgrid_curve *to)
{
	for (size_t i = 1, k = 0; i < s->times_count; i++) {
		int64_t from_ns = s->times[i - 1].t_ns, to_ns = s->times[i].t_ns;
		double amount = 0;

		while (k < s->count && s->events[k].t_ns <= from_ns)
			k++;
		for (; k < s->count && s->events[k].t_ns == to_ns; k++)
			amount += s->events[k].value;
		add(grid, part, to, stride, from_ns, to_ns, amount * 1e9 / (to_ns - from_ns));
	}
}

/* A rate a second between two lists that have it; false if it fell. */
static bool growth(const struct alignedlists_event *a, const struct alignedlists_event *b,
		   double *ret_rate)
{
	if (b->value < a->value || b->t_ns <= a->t_ns)
		return false;
	*ret_rate = (b->value - a->value) * 1e9 / (b->t_ns - a->t_ns);
	return true;
}

static void put_growth(const struct alignedgrid *grid, const struct alignedgrid_part *part,
		       const struct slice *s, unsigned int stride,
		       const struct alignedgrid_curve *to)
{
	for (size_t i = 1, k = 0; i < s->times_count; i++) {
		int64_t from_ns = s->times[i - 1].t_ns, to_ns = s->times[i].t_ns;
		double rate = 0;

		/* The first event at or behind the end of this interval. */
		while (k < s->count && s->events[k].t_ns < to_ns)
			k++;
		if (k == 0 && s->count && s->events[0].t_ns == to_ns)
			continue;
		if (k > 0 && k < s->count && !growth(&s->events[k - 1], &s->events[k], &rate))
			continue;
		add(grid, part, to, stride, from_ns, to_ns, rate);
	}
}

void alignedlists_put(const struct alignedgrid *grid, const struct aligned_curve *curve,
		      const struct alignedlists_events *times,
		      struct alignedlists_events *events, const struct alignedgrid_curve *to)
{
	size_t time = 0, event = 0;

	sort(events);
	for (size_t i = 0; i < grid->parts_count; i++) {
		size_t time_end = end_of(times, time, i), event_end = end_of(events, event, i);
		struct slice s = {
			.events = events->items + event,
			.times = times->items + time,
			.count = event_end - event,
			.times_count = time_end - time,
		};

		if (curve->key.kind == KEY_PROCESS)
			put_amounts(grid, &grid->parts[i], &s, curve->stride, to);
		else
			put_growth(grid, &grid->parts[i], &s, curve->stride, to);
		time = time_end;
		event = event_end;
	}
}
