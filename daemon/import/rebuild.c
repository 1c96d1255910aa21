/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/import/rebuild.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/import/sampleparts.h"

/* Records that are committed together. */
#define COMMIT_RECORDS 1024

struct rebuild {
	struct store *store;
	struct vm *vm;
	struct boot *boot;
	bool parted[SOURCES];		/* a range stands behind the last sample of that source */
	struct sampleparts *parts;	/* of the sample under way */
	enum sample_source source;	/* its */
	unsigned int waiting;		/* records for the next commit */
	struct rebuild_counts counts;
	char error[REBUILD_ERROR_MAX];
};

int rebuild_refuse(struct rebuild *rebuild, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(rebuild->error, sizeof(rebuild->error), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

const char *rebuild_error(const struct rebuild *rebuild)
{
	return rebuild->error;
}

int rebuild_new(const char *path, struct rebuild **ret_rebuild)
{
	struct rebuild *r = calloc(1, sizeof(*r));
	int e = -ENOMEM;

	if (!r)
		return e;
	r->parts = sampleparts_new();
	if (r->parts)
		e = store_open(path, &r->store);
	if (e < 0) {
		rebuild_free(r);
		return e;
	}
	*ret_rebuild = r;
	return 0;
}

void rebuild_free(struct rebuild *rebuild)
{
	if (!rebuild)
		return;
	store_free(rebuild->store);
	sampleparts_free(rebuild->parts);
	free(rebuild);
}

struct rebuild_counts rebuild_counts(const struct rebuild *rebuild)
{
	return rebuild->counts;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Commit what waits; then whatever is due, so that the journal stays short. */
static int commit(struct rebuild *r)
{
	int e = store_flush(r->store, now_ns());

	while (e >= 0 && (e = store_work(r->store, now_ns())) > 0)
		;
	r->waiting = 0;
	return e;
}

static int added(struct rebuild *r)
{
	return ++r->waiting >= COMMIT_RECORDS || store_is_full(r->store) ? commit(r) : 0;
}

int rebuild_finish(struct rebuild *rebuild)
{
	return commit(rebuild);
}

struct boot *rebuild_current(struct rebuild *rebuild)
{
	return rebuild->boot;
}

struct vm *rebuild_vm(struct rebuild *rebuild)
{
	return rebuild->vm;
}

bool rebuild_is_current(const struct rebuild *rebuild, const char *key, uint32_t number)
{
	return rebuild->boot && rebuild->boot->number == number && strcmp(rebuild->vm->key, key) == 0;
}

void rebuild_changed(struct rebuild *rebuild)
{
	store_boot_changed(rebuild->store, rebuild->boot);
}

int rebuild_u32(struct rebuild *rebuild, const char *what, uint64_t value, uint32_t *to)
{
	if (value > UINT32_MAX)
		return rebuild_refuse(rebuild, "%s %" PRIu64 " is out of range", what, value);
	*to = value;
	return 0;
}

int rebuild_text(struct rebuild *rebuild, const char *what, const char *text, char *to,
		 size_t size)
{
	if (strlen(text) >= size)
		return rebuild_refuse(rebuild, "%s is longer than %zu bytes", what, size - 1);
	memcpy(to, text, strlen(text) + 1);
	return 0;
}

/* The VM of @key becomes the current one. */
static int find_vm(struct rebuild *r, const char *key)
{
	struct vm *vm;

	if (!*key || strlen(key) > RECORD_KEY_MAX)
		return rebuild_refuse(r, "vm '%.80s' is no id of a VM", key);
	vm = store_vm(r->store, key, key);
	if (!vm)
		return -ENOMEM;
	r->vm = vm;
	r->boot = vm->boot;
	return 0;
}

int rebuild_begin(struct rebuild *rebuild, const struct rebuild_boot *boot)
{
	struct rebuild *r = rebuild;
	int e = find_vm(r, boot->vm);

	if (e < 0)
		return e;
	memset(r->parted, 0, sizeof(r->parted));
	if (r->boot && r->boot->number == boot->number)
		return 0;
	if (boot->number == 0 || (r->boot && r->boot->number > boot->number))
		return rebuild_refuse(r, "boot %" PRIu32 " comes behind boot %" PRIu32, boot->number,
				      r->boot ? r->boot->number : 0);
	/* The store has the VM's latest two in memory; what an older one has is written. */
	e = commit(r);
	if (e < 0)
		return e;
	r->boot = store_boot(r->store, r->vm, boot->cause, "imported", boot->opened_ns);
	if (!r->boot)
		return -ENOMEM;
	r->boot->number = boot->number;
	r->counts.boots++;
	return 0;
}

/* A gap in front of a sample, where all that is known is that there is one. */
static int add_gap_before(struct rebuild *r, const struct sample *sample)
{
	struct range gap = {
		.from = r->boot->last_sequence[r->source] + 1,
		.to = sample->sequence - 1,
		.from_ns = r->boot->last_t_ns[r->source],
		.to_ns = sample->t_wall_ns,
		.count = -1,
		.cause = GAP_UNKNOWN,
	};

	/* In front of the first one nothing is known to be missing. */
	if (gap.from == 1)
		return 0;
	if (gap.from > gap.to)
		return rebuild_refuse(r, "sequence %" PRIu64 " leaves no room for a gap before it",
				      sample->sequence);
	return rebuild_range(r, RANGE_GAP, r->source, &gap, NULL);
}

/* Sequences of a boot and source ascend. */
static int check_sequence(struct rebuild *r, enum sample_source source, uint64_t sequence)
{
	uint64_t last = r->boot->last_sequence[source];

	if (sequence > last && sequence <= INT64_MAX)
		return 0;
	return rebuild_refuse(r, "sequence %" PRIu64 " does not follow %" PRIu64 " of the same boot and source",
			      sequence, last);
}

int rebuild_sample(struct rebuild *rebuild, enum sample_source source, uint64_t sequence,
		   int64_t t_ns)
{
	int e = check_sequence(rebuild, source, sequence);

	if (e < 0)
		return e;
	rebuild->source = source;
	sampleparts_begin(rebuild->parts, sequence, t_ns);
	return 0;
}

int rebuild_value(struct rebuild *rebuild, const struct key *key, uint64_t value)
{
	const char *error;
	int e = sampleparts_add(rebuild->parts, key, value, &error);

	return e == -EINVAL ? rebuild_refuse(rebuild, "%s", error) : e;
}

int rebuild_end(struct rebuild *rebuild)
{
	struct rebuild *r = rebuild;
	struct sample sample;
	const char *error;
	int e = sampleparts_end(r->parts, &sample, &error);

	if (e < 0)
		return e == -EINVAL ? rebuild_refuse(r, "%s", error) : e;
	if (sample.has & SAMPLE_AFTER_GAP && !r->parted[r->source])
		e = add_gap_before(r, &sample);
	sample.has &= ~SAMPLE_AFTER_GAP;
	if (e == 0)
		e = store_add_stored(r->store, r->boot, r->source, &sample);
	if (e < 0)
		return e;
	r->parted[r->source] = false;
	r->counts.samples++;
	return added(r);
}

int rebuild_mark(struct rebuild *rebuild, const struct mark *mark)
{
	int e = check_sequence(rebuild, SOURCE_GUEST, mark->sequence);

	if (e == 0)
		e = store_add_mark(rebuild->store, rebuild->boot, mark);
	if (e < 0)
		return e;
	rebuild->counts.marks++;
	return added(rebuild);
}

int rebuild_range(struct rebuild *rebuild, enum range_kind kind, enum sample_source source,
		  const struct range *range, const struct sample *claim)
{
	struct boot *boot = rebuild->boot;
	int e = check_sequence(rebuild, source, range->from);

	if (e < 0)
		return e;
	if (range->to < range->from || range->to > INT64_MAX)
		return rebuild_refuse(rebuild, "the range from %" PRIu64 " to %" PRIu64 " is none",
				      range->from, range->to);
	/* Each stays as it was, also where two could be one. */
	memset(&boot->open, 0, sizeof(boot->open));
	if (kind == RANGE_GAP)
		e = store_add_gap(rebuild->store, boot, source, range);
	else
		e = store_add_quarantine(rebuild->store, boot, range, claim);
	if (e < 0)
		return e;
	rebuild->parted[source] = true;
	rebuild->counts.ranges++;
	return added(rebuild);
}
