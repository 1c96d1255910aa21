/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first and last lists of a boot, whatever chunk they are in. */
#include "daemon/query/eventquery.h"

#include <errno.h>

#include "daemon/query/testhistory.h"
#include "daemon/store/seal.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

#define CHUNKS 4

static struct eventquery_detail detail;

/* Samples of some chunks, every tenth of them with reasons, from @first to @last alone. */
static void make(struct history *h, int first, int last)
{
	struct testsample_reason reason = { 1, 0, 0, 0 };
	struct store *store;
	struct boot *boot;

	*h = (struct history){ .dir = "/tmp/vmexit-history-XXXXXX" };
	if (!mkdtemp(h->dir))
		abort();
	snprintf(h->path, sizeof(h->path), "%s/v.db", h->dir);
	if (store_open(h->path, &store) < 0)
		abort();
	boot = store_boot(store, store_vm(store, "uuid", "vm"), BOOT_CREATED, "1", HISTORY_T0);
	for (int i = 0; i < CHUNKS * SEAL_SAMPLES; i++) {
		struct sample sample = testsample(i + 1, i);

		sample.t_wall_ns = HISTORY_T0 + (i + 1) * 1000000000LL;
		reason.count = i;
		if (i % 10 == 0 && i >= first && i <= last)
			testsample_reasons(&sample, &reason, 1);
		if (store_add(store, boot, SOURCE_GUEST, &sample) < 0)
			abort();
		if (i % 500 == 0)
			history_flush(store, sample.t_wall_ns);
	}
	/* All are sealed, much later. */
	history_flush(store, HISTORY_T0 + (CHUNKS * SEAL_SAMPLES + 1) * 1000000000LL + 2 * SEAL_AGE_NS);
	store_free(store);
}

/* Second of the first or last sample with reasons; 0: there is none. */
static int second_of(struct history *h, bool last)
{
	struct query *query;
	struct boot boot;
	int r;

	if (query_open(h->path, &query) < 0 || query_boot(query, 1, 0, &boot) < 0)
		abort();
	r = eventquery_detail(query, &boot, SOURCE_GUEST, last, &detail);
	query_free(query);
	if (r < 0 && r != -ENOENT)
		abort();
	return r < 0 ? 0 : (detail.t_ns - HISTORY_T0) / 1000000000;
}

int main(void)
{
	struct history h;

	log_init("eventquery_test", LOG_ERROR - 1);
	make(&h, 0, CHUNKS * SEAL_SAMPLES);
	ok(second_of(&h, false) == 1 && second_of(&h, true) == 4091,
	   "the first and the last lists are found");
	history_done(&h);
	make(&h, 1500, 1600);
	ok(second_of(&h, false) == 1501 && second_of(&h, true) == 1601,
	   "so they are if only a chunk between has some");
	history_done(&h);
	make(&h, -1, -1);
	ok(second_of(&h, false) == 0 && second_of(&h, true) == 0, "and none where there are none");
	history_done(&h);
	return done_testing();
}
