/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whatever a guest's history was and wherever reading stops: each sample comes once, in order. */
#include <errno.h>

#include "daemon/query/testhistory.h"
#include "daemon/query/unsent.h"
#include "guest-agent/shared/detail.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

#define SECOND 1000000000LL

struct walk {
	const struct history *h;
	size_t next;			/* of the samples */
	size_t stop;			/* after so many */
	size_t given, wrong, befores;
};

static bool same(const struct history_sample *s, const struct row_pair *pair)
{
	struct detail_iter iter;
	const struct sample *got = &pair->row.sample;

	return got->sequence == s->sample.sequence && got->t_wall_ns == s->sample.t_wall_ns &&
	       (got->has & (SAMPLE_HAS_EXITS | SAMPLE_HAS_HANDLING)) ==
		       (s->sample.has & (SAMPLE_HAS_EXITS | SAMPLE_HAS_HANDLING)) &&
	       (!(got->has & SAMPLE_HAS_EXITS) || got->exits == s->sample.exits) &&
	       got->workload.mask == s->sample.workload.mask &&
	       detail_find(got->detail, got->detail_len, DETAIL_REASONS, &iter) == s->has_reasons;
}

static int take(void *ctx, const struct row_pair *pair, bool is_before)
{
	struct walk *w = ctx;

	if (is_before) {
		w->befores++;
		w->wrong += w->next == 0 || !same(&w->h->samples[w->next - 1], pair);
		return 0;
	}
	w->wrong += w->next >= w->h->count || !same(&w->h->samples[w->next], pair);
	w->next++;
	return ++w->given == w->stop ? 7 : 0;
}

/* Go on behind the position until nothing is left; in pieces of at most @stop samples. */
static void walk_all(const struct history *h, struct query *q, size_t stop)
{
	struct walk w = { .h = h, .stop = stop };
	struct sent_at at = { .boot = h->boot_number };
	struct unsent_next next;
	size_t pieces = 0;
	int r;

	while ((r = unsent_next(q, h->vm_id, SOURCE_GUEST, &at, &next)) == 0) {
		/* The history sets its clock back by seconds, at times one after the other. */
		bool bounded = w.next >= h->count ||
			       next.from_ns <= (int64_t)h->samples[w.next].sample.t_wall_ns + 10 * SECOND;

		w.given = 0;
		w.wrong += next.boot.number != h->boot_number || next.after != at.sequence || !bounded;
		r = unsent_read(q, &next.boot, SOURCE_GUEST, next.after, take, &w);
		if (r < 0 || w.given == 0 || w.next > h->count)
			break;
		w.wrong += r != 7 && stop && w.given >= stop;
		at.sequence = h->samples[w.next - 1].sample.sequence;
		pieces++;
	}
	ok(r == -ENOENT && w.next == h->count && w.wrong == 0,
	   "all of %zu samples in %zu pieces, %zu wrong", h->count, pieces, w.wrong);
	ok(w.befores >= pieces - 1, "each piece but the first is told of the sample before it");
}

static void test_end(const struct history *h, struct query *q)
{
	struct sent_at at;
	struct unsent_next next;

	ok(unsent_end(q, h->vm_id, SOURCE_GUEST, &at) == 0 && at.boot == h->boot_number &&
	   at.sequence == h->samples[h->count - 1].sample.sequence, "the end is behind the last sample");
	ok(unsent_next(q, h->vm_id, SOURCE_GUEST, &at, &next) == -ENOENT &&
	   next.boot.number == h->boot_number, "nothing follows");
	at = (struct sent_at){ 0 };
	ok(unsent_next(q, h->vm_id, SOURCE_GUEST, &at, &next) == 0 && next.boot.number == 1 &&
	   next.after == 0, "from the begin it is the first boot");
	ok(unsent_end(q, h->vm_id, SOURCE_HOST, &at) == 0 && at.sequence == 0, "the host has none");
	at = (struct sent_at){ .boot = 1 };
	ok(unsent_next(q, h->vm_id, SOURCE_HOST, &at, &next) == -ENOENT, "nor will it");
	ok(unsent_end(q, 99, SOURCE_GUEST, &at) == 0 && at.boot == 0, "a VM that is not there has no end");
	ok(unsent_next(q, 99, SOURCE_GUEST, &at, &next) == -ENOENT && next.boot.number == 0, "and no next");
}

int main(void)
{
	log_init("unsent_test", LOG_WARNING);
	for (unsigned int seed = 0; seed < 6; seed++) {
		struct history h;
		struct query *q;

		history_make(&h, seed, 3000);
		if (query_open(h.path, &q) < 0)
			abort();
		walk_all(&h, q, 0);
		walk_all(&h, q, 1 + seed * 97);
		test_end(&h, q);
		query_free(q);
		history_done(&h);
	}
	return done_testing();
}
