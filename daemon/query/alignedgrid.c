/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/alignedgrid.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/room.h"
#include "daemon/query/querypart.h"
#include "daemon/query/spans.h"

#define S 1000000000LL
#define MS 1000000LL

/* A hole that clocks make. */
#define HOLE_NS MS

/* An interval of 1.05 s fits a step of one second. */
#define FITS 0.9

static const int64_t steps[] = {
	100 * MS, 200 * MS, 500 * MS, S, 2 * S, 5 * S, 10 * S, 20 * S, 30 * S, 60 * S, 120 * S,
	300 * S, 600 * S, 1200 * S, 1800 * S, 3600 * S, 7200 * S, 14400 * S, 28800 * S, 86400 * S,
	604800 * S, 2592000 * S,
};

#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* Whatever of these a source has tells when it was sampled. */
static const struct spans_want clocks[] = {
	{ .key = { .kind = KEY_FIELD, .id = FIELD_EXITS } },
	{ .key = { .kind = KEY_FIELD, .id = FIELD_TAKEN } },
	{ .key = { .kind = KEY_WORKLOAD, .id = WORKLOAD_cpu_user_ms } },
};

/* Intervals of one boot and source while they are read, and the lengths of all of a source. */
struct collected {
	struct alignedgrid_stretch *items;
	size_t count, room;
	int64_t first_ns;		/* end of the interval from the boot's opening, or 0 */
	uint64_t *lengths;
	size_t lengths_count, lengths_room;
};

static int collect(void *ctx, size_t want, const struct key *key, const struct span *spans,
		   size_t count)
{
	struct collected *c = ctx;

	(void)want;
	(void)key;
	for (size_t i = 0; i < count; i++) {
		if (spans[i].ns == 0)
			continue;
		if (spans[i].from_opening)
			c->first_ns = spans[i].t_ns;
		if (!room_for_one(&c->items, c->count, &c->room, sizeof(*c->items)))
			return -ENOMEM;
		c->items[c->count++] = (struct alignedgrid_stretch){
			spans[i].t_ns - (int64_t)spans[i].ns, spans[i].t_ns
		};
	}
	return 0;
}

/* By end, of equal ends the longer first. */
static int by_time(const void *a, const void *b)
{
	const struct alignedgrid_stretch *x = a, *y = b;

	if (x->to_ns != y->to_ns)
		return x->to_ns < y->to_ns ? -1 : 1;
	return x->from_ns < y->from_ns ? -1 : x->from_ns > y->from_ns;
}

/* Several clocks tell the same: one of each remains, and its length is kept. */
static int drop_same(struct collected *c)
{
	size_t count = 0;

	if (c->count)
		qsort(c->items, c->count, sizeof(*c->items), by_time);
	for (size_t i = 0; i < c->count; i++) {
		if (count && c->items[count - 1].to_ns == c->items[i].to_ns)
			continue;
		c->items[count++] = c->items[i];
		/* How long it took until somebody looked tells nothing of how often. */
		if (c->items[i].to_ns == c->first_ns)
			continue;
		if (!room_for_one(&c->lengths, c->lengths_count, &c->lengths_room, sizeof(*c->lengths)))
			return -ENOMEM;
		c->lengths[c->lengths_count++] = c->items[i].to_ns - c->items[i].from_ns;
	}
	c->count = count;
	return 0;
}

/* Neighbours become one. */
static void join(struct collected *c)
{
	size_t count = 0;

	for (size_t i = 0; i < c->count; i++) {
		struct alignedgrid_stretch *last = count ? &c->items[count - 1] : NULL;

		if (last && c->items[i].from_ns <= last->to_ns + HOLE_NS)
			last->to_ns = c->items[i].to_ns;
		else
			c->items[count++] = c->items[i];
	}
	c->count = count;
}

static struct spans_of of_part(const struct alignedgrid_part *part, enum sample_source source,
			       const struct query_filter *filter)
{
	return (struct spans_of){
		.boot = &part->boot,
		.source = source,
		.from_ns = filter->from_ns ? filter->from_ns : INT64_MIN,
		.to_ns = filter->to_ns ? filter->to_ns : INT64_MAX,
	};
}

/* Whether all that a tier would be read for is in it, and few enough rows. */
static int fits(struct query *query, const struct query_filter *filter, unsigned int sources,
		const struct alignedgrid *grid, int tier, bool *ret_fits)
{
	uint64_t rows = 0;
	bool all = true;
	int r = 0;

	for (size_t i = 0; i < grid->parts_count * SOURCES && r == 0; i++) {
		enum sample_source source = i % SOURCES;
		struct spans_of of = of_part(&grid->parts[i / SOURCES], source, filter);
		int64_t from_ns, to_ns;
		uint64_t samples = 0;
		bool whole = true;

		if (!(sources & 1 << source))
			continue;
		r = spans_times(query, &of, &from_ns, &to_ns);
		if (r == 0)
			r = spans_count(query, &of, tier, &samples, &whole);
		if (r == 0)
			rows += tier ? (uint64_t)(to_ns - from_ns) / rollup_width_ns[tier] : samples;
		all &= whole;
		r = r == -ENOENT ? 0 : r;
	}
	*ret_fits = all && rows <= ALIGNEDGRID_ROWS_MAX;
	return r;
}

static int choose_tier(struct query *query, const struct query_filter *filter,
		       unsigned int sources, struct alignedgrid *grid)
{
	bool done = false;
	int r = 0;

	for (int tier = 0; tier < ROLLUP_TIERS && r == 0 && !done; tier++) {
		grid->tier = tier;
		r = fits(query, filter, sources, grid, tier, &done);
	}
	return r;
}

static int read_part(struct query *query, const struct query_filter *filter,
		     const struct alignedgrid *grid, struct alignedgrid_part *part,
		     enum sample_source source, struct collected *c)
{
	struct spans_of of = of_part(part, source, filter);
	int r = spans_read(query, &of, grid->tier, clocks, sizeof(clocks) / sizeof(clocks[0]),
			   collect, c);

	if (r == 0)
		r = drop_same(c);
	if (r == 0) {
		join(c);
		part->covered[source] = c->items;
		part->covered_count[source] = c->count;
	} else {
		free(c->items);
	}
	c->items = NULL;
	c->count = c->room = 0;
	c->first_ns = 0;
	return r;
}

/* What samples cover; *ret_usual_ns: the interval between them. */
static int read_parts(struct query *query, const struct query_filter *filter,
		      unsigned int sources, struct alignedgrid *grid, uint64_t *ret_usual_ns)
{
	uint64_t usual_ns = 0;
	int r = 0;

	for (enum sample_source source = 0; source < SOURCES && r == 0; source++) {
		struct collected c = { 0 };

		for (size_t i = 0; i < grid->parts_count && r == 0 && sources & 1 << source; i++)
			r = read_part(query, filter, grid, &grid->parts[i], source, &c);
		if (r == 0 && c.lengths_count) {
			uint64_t ns = alignedgrid_usual(c.lengths, c.lengths_count);

			usual_ns = ns > usual_ns ? ns : usual_ns;
		}
		free(c.lengths);
	}
	*ret_usual_ns = usual_ns;
	return r;
}

static int by_length(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

uint64_t alignedgrid_usual(uint64_t *ns, size_t count)
{
	double all = 0, sum = 0;
	size_t i = 0;

	if (count == 0)
		return 0;
	qsort(ns, count, sizeof(*ns), by_length);
	for (size_t k = 0; k < count; k++)
		all += ns[k];
	for (; i + 1 < count; i++) {
		sum += ns[i];
		if (sum >= ALIGNEDGRID_COVERED * all)
			break;
	}
	return ns[i];
}

/* The part's cells at a step; 0: none. */
static size_t cells_of(const struct alignedgrid_part *part, const struct query_filter *filter,
		       int64_t step_ns, int64_t *ret_from_ns)
{
	int64_t from_ns = INT64_MAX, to_ns = INT64_MIN;

	for (int s = 0; s < SOURCES; s++) {
		size_t count = part->covered_count[s];

		if (count == 0)
			continue;
		for (size_t i = 0; i < count; i++)
			from_ns = part->covered[s][i].from_ns < from_ns ? part->covered[s][i].from_ns
									 : from_ns;
		to_ns = part->covered[s][count - 1].to_ns > to_ns ? part->covered[s][count - 1].to_ns
								  : to_ns;
	}
	from_ns = filter->from_ns > from_ns ? filter->from_ns : from_ns;
	if (from_ns >= to_ns || from_ns < 0)
		return 0;
	*ret_from_ns = (from_ns + step_ns - 1) / step_ns * step_ns;
	to_ns = to_ns / step_ns * step_ns;
	return to_ns > *ret_from_ns ? (to_ns - *ret_from_ns) / step_ns : 0;
}

/* Lay the cells of the parts one behind the other; those without any are dropped. */
static void lay(struct alignedgrid *grid, const struct query_filter *filter)
{
	size_t parts = 0;

	grid->cells = 0;
	for (size_t i = 0; i < grid->parts_count; i++) {
		struct alignedgrid_part *part = &grid->parts[i];
		size_t cells = cells_of(part, filter, grid->step_ns, &part->from_ns);

		part->cells = (struct correlation_part){ grid->cells, grid->cells + cells };
		grid->cells += cells;
		if (cells == 0) {
			for (int s = 0; s < SOURCES; s++)
				free(part->covered[s]);
			continue;
		}
		if (parts != i) {
			grid->parts[parts] = *part;
			memset(part, 0, sizeof(*part));
		}
		parts++;
	}
	grid->parts_count = parts;
}

static void choose_step(struct alignedgrid *grid, const struct query_filter *filter,
			uint64_t usual_ns)
{
	size_t i = 0;

	while (i + 1 < STEPS && steps[i] < FITS * usual_ns)
		i++;
	for (; i < STEPS; i++) {
		uint64_t cells = 0;
		int64_t from_ns;

		for (size_t k = 0; k < grid->parts_count; k++)
			cells += cells_of(&grid->parts[k], filter, steps[i], &from_ns);
		grid->step_ns = steps[i];
		if (cells <= ALIGNEDGRID_CELLS_MAX)
			break;
	}
}

static int find_parts(struct query *query, const struct query_filter *filter,
		      struct alignedgrid *grid)
{
	struct boot *boots;
	size_t count, first;
	int r = query_part_boots(query, filter, &boots, &count);

	if (r < 0)
		return r;
	first = count > ALIGNEDGRID_BOOTS_MAX ? count - ALIGNEDGRID_BOOTS_MAX : 0;
	grid->parts = calloc(count - first + 1, sizeof(*grid->parts));
	for (size_t i = first; grid->parts && i < count; i++)
		grid->parts[grid->parts_count++].boot = boots[i];
	free(boots);
	return grid->parts ? 0 : -ENOMEM;
}

int alignedgrid_make(struct query *query, const struct query_filter *filter, unsigned int sources,
		     struct alignedgrid *ret_grid)
{
	struct alignedgrid grid = { 0 };
	uint64_t usual_ns;
	int r = find_parts(query, filter, &grid);

	if (r == 0)
		r = choose_tier(query, filter, sources, &grid);
	if (r == 0)
		r = read_parts(query, filter, sources, &grid, &usual_ns);
	if (r == 0) {
		choose_step(&grid, filter, usual_ns);
		lay(&grid, filter);
		/* Times that far apart are of no sample that anybody took. */
		r = grid.cells == 0 || grid.cells > ALIGNEDGRID_CELLS_MAX ? -ENOENT : 0;
	}
	if (r < 0) {
		alignedgrid_done(&grid);
		return r;
	}
	*ret_grid = grid;
	return 0;
}

void alignedgrid_done(struct alignedgrid *grid)
{
	for (size_t i = 0; i < grid->parts_count; i++) {
		for (int s = 0; s < SOURCES; s++)
			free(grid->parts[i].covered[s]);
	}
	free(grid->parts);
	memset(grid, 0, sizeof(*grid));
}

/* The first stretch that does not end before @t_ns. */
static size_t stretch_at(const struct alignedgrid_part *part, enum sample_source source,
			 int64_t t_ns)
{
	size_t low = 0, high = part->covered_count[source];

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (part->covered[source][middle].to_ns < t_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool alignedgrid_covers(const struct alignedgrid_part *part, enum sample_source source,
			int64_t from_ns, int64_t to_ns)
{
	size_t at = stretch_at(part, source, to_ns - HOLE_NS);

	return at < part->covered_count[source] &&
	       part->covered[source][at].from_ns <= from_ns + HOLE_NS;
}

void alignedgrid_add(const struct alignedgrid *grid, const struct alignedgrid_part *part,
		     const struct alignedgrid_curve *curve, unsigned int stride, int64_t from_ns,
		     int64_t to_ns, double rate)
{
	int64_t step_ns = grid->step_ns;
	int64_t end_ns = part->from_ns + (int64_t)(part->cells.end - part->cells.begin) * step_ns;

	/* Both may be long. */
	if (to_ns - from_ns > (double)ALIGNEDGRID_SMEAR_MAX * step_ns * stride)
		return;
	from_ns = from_ns > part->from_ns ? from_ns : part->from_ns;
	to_ns = to_ns < end_ns ? to_ns : end_ns;
	while (from_ns < to_ns) {
		size_t cell = (from_ns - part->from_ns) / step_ns;
		int64_t next_ns = part->from_ns + (int64_t)(cell + 1) * step_ns;
		double seconds = ((next_ns < to_ns ? next_ns : to_ns) - from_ns) / 1e9;

		curve->amount[part->cells.begin + cell] += rate * seconds;
		curve->covered[part->cells.begin + cell] += seconds;
		from_ns = next_ns;
	}
}

/* To nine digits, so that values that are equal but for rounding are equal. */
static double digits(double v)
{
	int exponent;
	double part = frexp(v, &exponent);

	return ldexp(round(ldexp(part, 30)), exponent - 30);
}

void alignedgrid_finish(const struct alignedgrid *grid, const struct alignedgrid_curve *curve)
{
	double least = ALIGNEDGRID_COVERED * grid->step_ns / 1e9;

	for (size_t i = 0; i < grid->cells; i++)
		curve->amount[i] = curve->covered[i] >= least
					   ? digits(curve->amount[i] / curve->covered[i])
					   : NAN;
}
