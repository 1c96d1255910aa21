/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Intervals by their marks, of a guest that has many of the same name. */
#include "daemon/query/exportevents.h"

#include <errno.h>
#include <time.h>

#include "daemon/store/store.h"
#include "daemon/store/testdb.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

#define T0 1763874000000000000LL
#define MARKS 10000			/* of a boot, as many as it may have */
#define BOOTS 4

static void add(struct store *store, struct boot *boot, uint64_t sequence,
		enum proto_mark_kind kind, uint64_t begin, const char *label)
{
	struct mark mark = {
		.sequence = sequence,
		.t_ns = T0 + sequence,
		.kind = kind,
		.begin = begin,
	};

	snprintf(mark.label, sizeof(mark.label), "%s", label);
	if (store_add_mark(store, boot, &mark) < 0)
		abort();
}

static void fill(const char *path)
{
	struct store *store;

	if (store_open(path, &store) < 0)
		abort();
	for (int b = 0; b < BOOTS; b++) {
		struct boot *boot = store_boot(store, store_vm(store, "vm", "vm"), BOOT_GUEST, "life",
					       T0);

		for (uint64_t i = 1; i <= MARKS - 4; i++)
			add(store, boot, i, PROTO_MARK_BEGIN, 0, "many");
		add(store, boot, MARKS - 3, PROTO_MARK_BEGIN, 0, "one");
		add(store, boot, MARKS - 2, PROTO_MARK_END, MARKS - 3, "one");
		add(store, boot, MARKS - 1, PROTO_MARK_END, 7, "many");
		(void)store_flush(store, T0);
	}
	store_free(store);
}

static bool is_from_to(struct query *query, const char *mark, uint32_t boot, uint64_t from,
		       uint64_t to)
{
	struct query_filter filter = { .vm_id = 1 };

	return exportevents_interval(query, mark, &filter) == 0 && filter.boot == boot &&
	       filter.from_ns == T0 + (int64_t)from && filter.to_ns == (to ? T0 + (int64_t)to : 0);
}

int main(void)
{
	struct query_filter filter = { .vm_id = 1 };
	struct query *query;
	char path[300];
	clock_t began;

	log_init("exportevents_test", LOG_ERROR - 1);
	if (!testdb_make())
		return 1;
	testdb_path(path, sizeof(path), "vmexit.db");
	fill(path);
	if (query_open(path, &query) < 0)
		abort();
	ok(is_from_to(query, "one", BOOTS, MARKS - 3, MARKS - 2), "a label names its latest interval");
	ok(is_from_to(query, "7", BOOTS, 7, MARKS - 1), "a sequence the one that begins there");
	began = clock();
	ok(is_from_to(query, "many", BOOTS, MARKS - 4, 0), "one without an end has none");
	ok(clock() - began < CLOCKS_PER_SEC / 2, "%d of the same label take no time: %.3f s",
	   BOOTS * MARKS, (double)(clock() - began) / CLOCKS_PER_SEC);
	ok(exportevents_interval(query, "none", &filter) == -ENOENT, "one that is not there");
	query_free(query);
	testdb_remove("");
	return done_testing();
}
