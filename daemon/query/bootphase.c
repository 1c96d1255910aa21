/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/bootphase.h"

#include <errno.h>
#include <string.h>

#include "daemon/query/eventquery.h"
#include "daemon/query/querypart.h"
#include "daemon/store/samplechunk.h"

static const struct {
	const char *name, *label;
} words[BOOTPHASES] = {
#define X(identifier, name, label) [BOOTPHASE_##identifier] = { name, label },
	BOOTPHASE_MAP(X)
#undef X
};

struct begin {
	bool known;
	int64_t t_ns;
};

/* What is known while it is looked for. */
struct search {
	struct query *query;
	const struct boot *boot;
	struct begin begin[BOOTPHASES];
	unsigned int looked_at;		/* boots before it */
};

const char *bootphase_name(enum bootphase phase)
{
	return words[phase].name;
}

static void know(struct begin *begin, int64_t t_ns)
{
	if (!begin->known || t_ns < begin->t_ns)
		*begin = (struct begin){ true, t_ns };
}

static int take_mark(void *ctx, const struct mark *mark)
{
	struct search *s = ctx;

	for (size_t i = 0; i < BOOTPHASES; i++) {
		if (words[i].label && strcmp(words[i].label, mark->label) == 0)
			know(&s->begin[i], mark->t_ns);
	}
	return 0;
}

/* 1 where nothing is to be found in boots from here on. */
static int take_earlier_marks(void *ctx, const struct boot *earlier)
{
	struct search *s = ctx;

	if (earlier->number >= s->boot->number)
		return 0;
	if (record_other_guest(earlier, s->boot) || s->looked_at++ > RECORD_BOOTS_SILENT)
		return 1;
	if (!earlier->has_guest_boot_id)
		return 0;
	return eventquery_phases(s->query, earlier, take_mark, s);
}

/* When the kernel of the guest's first sample had started. */
static int take_first_sample(struct search *s)
{
	struct samplechunk_reader *reader;
	struct sample sample;
	struct block block;
	int r = blocks_next(query_part_blocks(s->query), s->boot->id, SOURCE_GUEST, 0, INT64_MIN,
			    INT64_MAX, &block);

	if (r < 0)
		return r == -ENOENT || r == -EBADMSG ? 0 : r;
	r = samplechunk_open(block.chunk, false, &reader);
	if (r == 0) {
		/* An uptime beyond all times only says that it started before the boot opened. */
		if (samplechunk_next(reader, &sample) && sample.t_boot_ns <= sample.t_wall_ns)
			know(&s->begin[BOOTPHASE_KERNEL],
			     (int64_t)(sample.t_wall_ns - sample.t_boot_ns));
		samplechunk_close(reader);
	}
	chunk_free(block.chunk);
	return r == -EBADMSG ? 0 : r;
}

/* From @t_ns on it was in @phase. */
static void enter(struct bootphases *phases, const struct boot *boot, enum bootphase phase,
		  int64_t t_ns)
{
	size_t last = phases->count - 1;

	if (boot->closed_ns && t_ns >= boot->closed_ns)
		return;
	if (t_ns <= phases->at[last].from_ns) {
		phases->at[last].name = phase;
		return;
	}
	phases->at[phases->count].name = phase;
	phases->at[phases->count++].from_ns = t_ns;
}

static void arrange(const struct search *s, struct bootphases *phases)
{
	const struct boot *boot = s->boot;
	const struct begin *begin = s->begin;
	bool more = begin[BOOTPHASE_INITRAMFS].known || begin[BOOTPHASE_USERSPACE].known ||
		    begin[BOOTPHASE_RUNNING].known;

	phases->count = 1;
	phases->at[0].from_ns = boot->opened_ns;
	phases->at[0].name = begin[BOOTPHASE_KERNEL].known ? BOOTPHASE_FIRMWARE : BOOTPHASE_UNKNOWN;
	if (begin[BOOTPHASE_KERNEL].known) {
		/* That one opened with its kernel, and the rest is the news' way. */
		int64_t t_ns = boot->cause == BOOT_GUEST ? boot->opened_ns
							 : begin[BOOTPHASE_KERNEL].t_ns;

		/* An agent samples long after it; without a mark behind it, when it ended is open. */
		enter(phases, boot, more ? BOOTPHASE_KERNEL : BOOTPHASE_UNKNOWN, t_ns);
	}
	for (int i = BOOTPHASE_INITRAMFS; i <= BOOTPHASE_RUNNING; i++) {
		if (begin[i].known)
			enter(phases, boot, i, begin[i].t_ns);
	}
}

int bootphase_read(struct query *query, const struct boot *boot, struct bootphases *ret_phases)
{
	struct search s = { .query = query, .boot = boot };
	int r = eventquery_phases(query, boot, take_mark, &s);

	if (r == 0 && boot->cause == BOOT_RESUMED && boot->has_guest_boot_id)
		r = query_boots(query, boot->vm_id, take_earlier_marks, &s);
	if (r >= 0 && !s.begin[BOOTPHASE_KERNEL].known)
		r = take_first_sample(&s);
	if (r < 0)
		return r;
	arrange(&s, ret_phases);
	return 0;
}
