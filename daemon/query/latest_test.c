/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The latest sample, and the last list of reasons that there is with it or before it. */
#include <errno.h>

#include "daemon/query/query.h"
#include "daemon/query/testhistory.h"
#include "daemon/store/seal.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

/*
 * A guest's boot of @count samples with @listed, from 1 on, the last one with reasons: so many
 * exits that one had. @sealed: none of them is in the journal.
 */
static void make(struct history *h, int count, int listed, bool sealed)
{
	struct store *store;
	struct boot *boot;

	*h = (struct history){ .dir = "/tmp/vmexit-history-XXXXXX" };
	if (!mkdtemp(h->dir))
		abort();
	snprintf(h->path, sizeof(h->path), "%s/v.db", h->dir);
	if (store_open(h->path, &store) < 0)
		abort();
	boot = store_boot(store, store_vm(store, "uuid", "vm"), BOOT_CREATED, "1", HISTORY_T0);
	for (int i = 1; i <= count; i++) {
		struct testsample_reason reason = { 10, i, 0, 0 };
		struct sample sample = testsample(i, i);

		sample.t_wall_ns = HISTORY_T0 + i * 1000000000LL;
		if (i <= listed)
			testsample_reasons(&sample, &reason, 1);
		else
			testsample_named(&sample, DETAIL_UNITS, 0, "a.service", i);
		if (store_add(store, boot, SOURCE_GUEST, &sample) < 0)
			abort();
	}
	history_flush(store, HISTORY_T0 + (count + 1) * 1000000000LL + (sealed ? 2 * SEAL_AGE_NS : 0));
	store_free(store);
}

/* Exits of its list of reasons, -1 without one; or -errno below that. *ret_exits: the sample's. */
static int listed(struct history *h, enum sample_source source, uint64_t *ret_exits)
{
	struct detail_entry entry;
	struct detail_iter iter;
	struct row_pair pair;
	struct query *query;
	struct boot boot;
	int found = -1, r;

	if (query_open(h->path, &query) < 0 || query_boot(query, 1, 0, &boot) < 0)
		abort();
	r = query_latest_lists(query, &boot, source, &pair);
	if (r == 0) {
		*ret_exits = pair.row.sample.exits;
		if (detail_find(pair.row.sample.detail, pair.row.sample.detail_len, DETAIL_REASONS,
				&iter) &&
		    detail_next(&iter, &entry))
			found = entry.value;
	}
	query_free(query);
	return r < 0 ? r : found;
}

static void is(const char *what, int count, int with, bool sealed, int should)
{
	struct history h;
	uint64_t exits = 0;
	int found;

	make(&h, count, with, sealed);
	found = listed(&h, SOURCE_GUEST, &exits);
	ok(found == should && exits == (uint64_t)count, "%s: %d", what, found);
	history_done(&h);
}

int main(void)
{
	struct history h;
	uint64_t exits;

	log_init("latest_test", LOG_ERROR);
	is("its own list", 3, 3, false, 3);
	is("the list of the sample before", 4, 3, false, 3);
	is("of some before", 12, 3, false, 3);
	is("not one of long ago", 60, 3, false, -1);
	is("none", 3, 0, false, -1);
	is("all are sealed: the list of the last one", 5, 5, true, 5);
	is("which may have none", 5, 4, true, -1);
	make(&h, 1, 1, false);
	ok(listed(&h, SOURCE_HOST, &exits) == -ENOENT, "a source without samples");
	history_done(&h);
	return done_testing();
}
