/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/recent.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/room.h"
#include "daemon/query/querypart.h"
#include "daemon/query/rate.h"
#include "daemon/query/spans.h"

#define STEP_NS (RECENT_STEP_S * 1000000000LL)
#define HOUR_NS (RECENT_STEPS * STEP_NS)

/* The host's clock may have been set back by so much. */
#define AHEAD_NS 60000000000LL

/* The time in a step of which something is known, and the exits in it. */
struct step {
	float seconds, exits;
};

/* Of one VM and source: step n since the epoch is at n % RECENT_STEPS. */
struct line {
	int64_t newest;			/* number of the newest step; those behind it are of the last lap */
	int64_t filled_ns;		/* up to there the database has told */
	struct step steps[RECENT_STEPS];
};

struct recent_vm {
	int64_t id;
	char key[RECORD_KEY_MAX + 1];
	struct line *line[SOURCES];	/* NULL: never seen */
};

struct recent {
	pthread_mutex_t lock;
	struct recent_vm **vms;		/* ascending by id */
	size_t count, room;
};

int recent_new(struct recent **ret_recent)
{
	struct recent *recent = calloc(1, sizeof(*recent));

	if (!recent)
		return -ENOMEM;
	pthread_mutex_init(&recent->lock, NULL);
	*ret_recent = recent;
	return 0;
}

void recent_free(struct recent *recent)
{
	if (!recent)
		return;
	for (size_t i = 0; i < recent->count; i++) {
		for (int source = 0; source < SOURCES; source++)
			free(recent->vms[i]->line[source]);
		free(recent->vms[i]);
	}
	free(recent->vms);
	pthread_mutex_destroy(&recent->lock);
	free(recent);
}

/* ---- with the lock held ---- */

/* Where the VM @id is, or would be. */
static size_t place_of(const struct recent *recent, int64_t id)
{
	size_t low = 0, high = recent->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (recent->vms[middle]->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* NULL for want of memory or of a place. */
static struct recent_vm *add_vm(struct recent *recent, const struct query_vm *vm, size_t at)
{
	struct recent_vm *new;

	if (recent->count == RECENT_VMS)
		return NULL;
	if (!room_for_one(&recent->vms, recent->count, &recent->room, sizeof(*recent->vms)))
		return NULL;
	new = calloc(1, sizeof(*new));
	if (!new)
		return NULL;
	new->id = vm->id;
	snprintf(new->key, sizeof(new->key), "%s", vm->key);
	memmove(recent->vms + at + 1, recent->vms + at, (recent->count - at) * sizeof(*recent->vms));
	recent->vms[at] = new;
	recent->count++;
	return new;
}

static struct line *line_of(struct recent *recent, const struct query_vm *vm,
			    enum sample_source source)
{
	size_t at = place_of(recent, vm->id);
	struct recent_vm *found = at < recent->count && recent->vms[at]->id == vm->id
					  ? recent->vms[at]
					  : add_vm(recent, vm, at);

	if (found && !found->line[source]) {
		found->line[source] = calloc(1, sizeof(struct line));
		if (found->line[source])
			found->line[source]->filled_ns = INT64_MIN;
	}
	return found ? found->line[source] : NULL;
}

/* The step of that number, or NULL if it is too old. */
static struct step *step_at(struct line *line, int64_t number)
{
	if (number <= line->newest - RECENT_STEPS)
		return NULL;
	if (number > line->newest) {
		int64_t from = line->newest + 1;

		if (number - from >= RECENT_STEPS)
			from = number - RECENT_STEPS + 1;
		for (; from <= number; from++)
			line->steps[from % RECENT_STEPS] = (struct step){ 0 };
		line->newest = number;
	}
	return &line->steps[number % RECENT_STEPS];
}

/* Share out @exits, of the time from @from_ns to @to_ns, among the steps. */
static void add_interval(struct line *line, int64_t from_ns, int64_t to_ns, double exits,
			 int64_t now_ns)
{
	int64_t length_ns = to_ns - from_ns, begin_ns = from_ns;

	if (length_ns <= 0 || to_ns > now_ns + AHEAD_NS || to_ns < now_ns - HOUR_NS)
		return;
	/* The host's clock was wrong, and is set back. */
	if (line->newest * STEP_NS > now_ns + AHEAD_NS)
		*line = (struct line){ .filled_ns = INT64_MIN };
	if (begin_ns < now_ns - HOUR_NS)
		begin_ns = now_ns - HOUR_NS;
	while (begin_ns < to_ns) {
		int64_t number = begin_ns / STEP_NS, end_ns = (number + 1) * STEP_NS;
		struct step *step = step_at(line, number);
		int64_t part_ns = (end_ns < to_ns ? end_ns : to_ns) - begin_ns;

		if (step) {
			step->seconds += part_ns / 1e9;
			step->exits += exits * part_ns / length_ns;
		}
		begin_ns = end_ns;
	}
}

/* ---- filling ---- */

struct filling {
	struct recent *recent;
	struct query *query;
	const struct query_vm *vm;
	enum sample_source source;
	int64_t now_ns;
};

static int fill_spans(void *ctx, size_t want, const struct key *key, const struct span *spans,
		      size_t count)
{
	struct filling *f = ctx;
	struct line *line;

	(void)want;
	(void)key;
	pthread_mutex_lock(&f->recent->lock);
	line = line_of(f->recent, f->vm, f->source);
	for (size_t i = 0; line && i < count; i++) {
		add_interval(line, spans[i].t_ns - (int64_t)spans[i].ns, spans[i].t_ns,
			     spans[i].point.sum, f->now_ns);
		if (spans[i].t_ns > line->filled_ns)
			line->filled_ns = spans[i].t_ns;
	}
	pthread_mutex_unlock(&f->recent->lock);
	return line ? 0 : -ENOMEM;
}

static int fill_vm(void *ctx, const struct query_vm *vm)
{
	static const struct spans_want want = { .key = { .kind = KEY_FIELD, .id = FIELD_EXITS } };
	struct filling *f = ctx;
	const struct query_filter filter = { .vm_id = vm->id, .from_ns = f->now_ns - HOUR_NS };
	struct boot *boots;
	size_t count;
	int r = query_part_boots(f->query, &filter, &boots, &count);

	f->vm = vm;
	for (size_t i = 0; r == 0 && i < count * SOURCES; i++) {
		struct spans_of of = {
			.boot = &boots[i / SOURCES],
			.source = i % SOURCES,
			.from_ns = filter.from_ns,
			.to_ns = INT64_MAX,
		};

		/* A boot that ended before has nothing there. */
		if (of.boot->closed_ns && of.boot->closed_ns < filter.from_ns)
			continue;
		f->source = of.source;
		r = spans_read(f->query, &of, 1, &want, 1, fill_spans, f);
	}
	free(boots);
	return r;
}

int recent_fill(struct recent *recent, struct query *query, int64_t now_ns)
{
	struct filling f = { .recent = recent, .query = query, .now_ns = now_ns };

	return query_vms(query, fill_vm, &f);
}

int recent_add(struct recent *recent, const struct query_vm *vm, const struct row_pair *pair,
	       int64_t now_ns)
{
	int64_t to_ns = pair->row.sample.t_wall_ns;
	double seconds, exits;
	struct line *line;

	if (!rate_interval(pair->row.boot, pair->has_before ? &pair->before : NULL,
			   &pair->row.sample, RATE_COUNT, &seconds, &exits))
		return 0;
	pthread_mutex_lock(&recent->lock);
	line = line_of(recent, vm, pair->row.source);
	if (line && (to_ns > line->filled_ns || line->filled_ns > now_ns + AHEAD_NS))
		add_interval(line, to_ns - (int64_t)(seconds * 1e9), to_ns, exits, now_ns);
	pthread_mutex_unlock(&recent->lock);
	return line ? 0 : -ENOMEM;
}

/* ---- reading ---- */

/* Fill in @points rates; returns of how many steps something is known. */
static unsigned int read_line(struct line *line, int64_t to, unsigned int steps,
			      unsigned int points, double *rates)
{
	unsigned int known = 0;

	for (unsigned int p = 0; p < points; p++) {
		int64_t first = to - (int64_t)(points - p) * steps;
		double seconds = 0, exits = 0;

		for (int64_t n = first; n < first + steps; n++) {
			if (!line || n > line->newest || n <= line->newest - RECENT_STEPS || n < 0)
				continue;
			seconds += line->steps[n % RECENT_STEPS].seconds;
			exits += line->steps[n % RECENT_STEPS].exits;
			known += line->steps[n % RECENT_STEPS].seconds > 0;
		}
		rates[p] = seconds > 0 ? exits / seconds : -1;
	}
	return known;
}

void recent_walk(struct recent *recent, int64_t to_ns, unsigned int step_s, unsigned int points,
		 recent_fn fn, void *ctx)
{
	static _Thread_local double rates[SOURCES][RECENT_POINTS_MAX];
	int64_t to = to_ns / STEP_NS;

	pthread_mutex_lock(&recent->lock);
	for (size_t i = 0; i < recent->count; i++) {
		const struct recent_vm *vm = recent->vms[i];
		unsigned int known[SOURCES];
		enum sample_source source;

		for (int s = 0; s < SOURCES; s++)
			known[s] = read_line(vm->line[s], to, step_s / RECENT_STEP_S, points, rates[s]);
		source = known[SOURCE_HOST] > known[SOURCE_GUEST] ? SOURCE_HOST : SOURCE_GUEST;
		if (known[source])
			fn(ctx, vm->key, source, rates[source]);
	}
	pthread_mutex_unlock(&recent->lock);
}
