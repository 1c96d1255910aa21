/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest with as many reasons as it likes: what they make together is bounded. */
#include <errno.h>

#include "daemon/query/series.h"
#include "daemon/store/store.h"
#include "daemon/store/testdb.h"
#include "guest-agent/shared/detail.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

#define T0 1763874000000000000LL
#define REASONS 1200
#define SAMPLES 1800			/* of them; times REASONS that is more than may be */

static int add(struct store *store, struct boot *boot, uint64_t i)
{
	static uint8_t buf[REASONS * 16];
	struct wire_writer w = { .buf = buf, .size = sizeof(buf) };
	size_t began = detail_begin(&w, DETAIL_REASONS);
	struct sample sample = {
		.sequence = i,
		.t_wall_ns = T0 + i * 1000000000,
		.has = SAMPLE_HAS_EXITS,
		.exits = i * REASONS,
	};

	for (uint32_t n = 0; n < REASONS; n++) {
		struct detail_entry entry = { .id = n, .value = i };

		detail_put(&w, DETAIL_REASONS, &entry);
	}
	detail_end(&w, began);
	sample.detail = buf;
	sample.detail_len = w.len;
	return store_add(store, boot, SOURCE_GUEST, &sample);
}

static void fill(const char *path)
{
	struct store *store;
	struct boot *boot;

	if (store_open(path, &store) < 0)
		abort();
	boot = store_boot(store, store_vm(store, "vm", "vm"), BOOT_FOUND, "life", T0);
	for (uint64_t i = 1; i <= SAMPLES; i++) {
		if (add(store, boot, i) < 0)
			abort();
		if (i % 256 == 0 || i == SAMPLES)
			(void)store_flush(store, T0);
		while (i % 256 == 0 && store_work(store, T0) > 0)
			;
	}
	store_free(store);
}

static size_t count(const struct series *series, size_t *ret_points)
{
	size_t curves = 0;

	for (*ret_points = 0; series; series = series->next, curves++)
		*ret_points += series->count;
	return curves;
}

int main(void)
{
	const struct spans_want all = { .key = { .kind = KEY_REASON_COUNT }, .any = true };
	struct query_filter filter = { .vm_id = 1 };
	struct series_options options = { .points = SERIES_POINTS_MAX };
	struct series *series = NULL;
	char path[300];
	struct query *query;
	size_t points, curves;

	log_init("seriesmany_test", LOG_ERROR - 1);
	if (!testdb_make())
		return 1;
	testdb_path(path, sizeof(path), "vmexit.db");
	fill(path);
	if (query_open(path, &query) < 0)
		abort();
	ok(series_read(query, &filter, &all, 1, &options, &series) == -E2BIG && !series,
	   "curves of more points than may be are not given");
	options.points = 1000;
	ok(series_read(query, &filter, &all, 1, &options, &series) == 0, "with fewer points they are");
	curves = count(series, &points);
	ok(curves == REASONS && points > 0 && points <= REASONS * 1000, "all of them, %zu points",
	   points);
	series_free(series);
	query_free(query);
	testdb_remove("");
	return done_testing();
}
