/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/recent.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/store/store.h"
#include "guest-agent/shared/tap.h"

#define S 1000000000LL
#define T0 (1763874000LL * S)		/* a multiple of the step */
#define NOW (T0 + 1000 * S)

static char dir[] = "/tmp/vmexit-recent-XXXXXX", path[64];

/* What a walk says of one VM. */
struct seen {
	const char *key;
	unsigned int points, count;
	enum sample_source source;
	double rates[RECENT_POINTS_MAX];
};

static void see(void *ctx, const char *key, enum sample_source source, const double *rates)
{
	struct seen *seen = ctx;

	if (strcmp(key, seen->key) != 0)
		return;
	seen->count++;
	seen->source = source;
	memcpy(seen->rates, rates, seen->points * sizeof(*rates));
}

static struct seen walk(struct recent *recent, const char *key, int64_t to_ns, unsigned int step_s,
			unsigned int points)
{
	struct seen seen = { .key = key, .points = points };

	recent_walk(recent, to_ns, step_s, points, see, &seen);
	return seen;
}

static bool is(double a, double b)
{
	return fabs(a - b) < 1e-3 * (1 + fabs(b));
}

/* ---- what is added ---- */

static struct boot boot = { .cause = BOOT_FOUND };
static struct query_vm vm = { .id = 7, .key = "vm" };

/* Exits that took from @from_s to @to_s, after T0. */
static void add(struct recent *recent, enum sample_source source, double from_s, double to_s,
		uint64_t exits)
{
	struct row_pair pair = {
		.row = { .boot = &boot, .source = source,
			 .sample = { .has = SAMPLE_HAS_EXITS, .exits = 1000 + exits,
				     .t_wall_ns = T0 + (int64_t)(to_s * S) } },
		.has_before = true,
		.before = { .has = SAMPLE_HAS_EXITS, .exits = 1000,
			    .t_wall_ns = T0 + (int64_t)(from_s * S) },
	};

	(void)recent_add(recent, &vm, &pair, NOW);
}

static struct recent *new_recent(void)
{
	struct recent *recent;

	if (recent_new(&recent) < 0)
		abort();
	return recent;
}

static void test_added(void)
{
	struct recent *recent = new_recent();
	struct seen seen;

	add(recent, SOURCE_GUEST, 900, 905, 50);
	add(recent, SOURCE_GUEST, 905, 925, 200);
	add(recent, SOURCE_GUEST, 940, 950, 10);
	seen = walk(recent, "vm", T0 + 960 * S, 10, 6);
	ok(is(seen.rates[0], 10) && is(seen.rates[1], 10) && is(seen.rates[2], 10),
	   "what took longer than a step is shared out: %g %g %g", seen.rates[0], seen.rates[1],
	   seen.rates[2]);
	ok(seen.rates[3] < 0 && is(seen.rates[4], 1) && seen.rates[5] < 0,
	   "of a hole nothing is known");
	seen = walk(recent, "vm", T0 + 960 * S, 30, 2);
	ok(is(seen.rates[0], 10) && is(seen.rates[1], 1), "wider steps: %g %g", seen.rates[0],
	   seen.rates[1]);
	add(recent, SOURCE_GUEST, 3000, 3010, 99999);
	add(recent, SOURCE_GUEST, -9000, -8000, 99999);
	seen = walk(recent, "vm", T0 + 960 * S, 10, 6);
	ok(is(seen.rates[0], 10) && seen.rates[5] < 0, "a time to come, or gone, changes nothing");
	add(recent, SOURCE_GUEST, -2700, 900, 3600);
	seen = walk(recent, "vm", NOW, 10, RECENT_STEPS);
	ok(is(seen.rates[0], 1) && is(seen.rates[RECENT_STEPS - 11], 1) &&
		   is(seen.rates[RECENT_STEPS - 10], 10),
	   "late news of the hour before");
	ok(walk(recent, "vm", T0 + 9000 * S, 10, 6).count == 0, "an hour later there is no line");
	recent_free(recent);
}

static void test_clock(void)
{
	struct recent *recent = new_recent();
	struct row_pair pair = {
		.row = { .boot = &boot, .sample = { .has = SAMPLE_HAS_EXITS, .exits = 20,
						    .t_wall_ns = NOW + 86400 * S } },
		.has_before = true,
		.before = { .has = SAMPLE_HAS_EXITS, .t_wall_ns = NOW + 86390 * S },
	};

	(void)recent_add(recent, &vm, &pair, NOW + 86400 * S);
	ok(is(walk(recent, "vm", NOW + 86400 * S, 10, 1).rates[0], 2), "a clock that is a day ahead");
	add(recent, SOURCE_GUEST, 900, 910, 30);
	ok(is(walk(recent, "vm", T0 + 910 * S, 10, 1).rates[0], 3) &&
		   walk(recent, "vm", NOW + 86400 * S, 10, 1).count == 0,
	   "and is set back");
	recent_free(recent);
}

static void test_sources(void)
{
	struct recent *recent = new_recent();
	struct seen seen;

	add(recent, SOURCE_HOST, 900, 910, 10);
	add(recent, SOURCE_GUEST, 900, 910, 20);
	seen = walk(recent, "vm", T0 + 930 * S, 10, 3);
	ok(seen.source == SOURCE_GUEST && is(seen.rates[0], 2), "the guest's own, if it has as much");
	add(recent, SOURCE_HOST, 910, 920, 10);
	seen = walk(recent, "vm", T0 + 930 * S, 10, 3);
	ok(seen.source == SOURCE_HOST && is(seen.rates[0], 1) && is(seen.rates[1], 1),
	   "the host's, if it has more");
	recent_free(recent);
}

static void test_many(void)
{
	struct recent *recent = new_recent();
	int64_t id = vm.id;

	for (vm.id = RECENT_VMS + 10; vm.id > 0; vm.id--) {
		snprintf(vm.key, sizeof(vm.key), "vm%d", (int)vm.id);
		add(recent, SOURCE_GUEST, 900, 910, 20);
	}
	ok(walk(recent, "vm11", T0 + 930 * S, 10, 3).count == 1 &&
		   walk(recent, "vm10", T0 + 930 * S, 10, 3).count == 0,
	   "so many VMs have a line, and no more");
	recent_free(recent);
	vm.id = id;
	strcpy(vm.key, "vm");
}

/* ---- what is read ---- */

/* Two VMs at 1 Hz, with 3 and 4 exits/s; the second pauses for 30 s. */
static void make_database(void)
{
	struct store *store;
	struct boot *boots[2];
	uint64_t exits[2] = { 500, 600 };

	if (store_open(path, &store) < 0)
		abort();
	boots[0] = store_boot(store, store_vm(store, "a", "a"), BOOT_FOUND, "life", T0);
	boots[1] = store_boot(store, store_vm(store, "b", "b"), BOOT_FOUND, "life", T0);
	for (int64_t second = 0; second <= 990; second++) {
		for (int i = 0; i < 2; i++) {
			struct sample sample = { .sequence = second + 1, .has = SAMPLE_HAS_EXITS,
						 .exits = exits[i] += 3 + i,
						 .t_wall_ns = T0 + second * S };

			if (i == 0 || second < 900 || second >= 930)
				(void)store_add(store, boots[i], i ? SOURCE_HOST : SOURCE_GUEST, &sample);
		}
		(void)store_flush(store, T0 + second * S);
		/* The first is sealed and rolled up in part. */
		if (second == 700)
			while (store_work(store, NOW) > 0)
				;
	}
	store_free(store);
}

static int add_pair(void *ctx, const struct query_vm *query_vm, const struct row_pair *pair)
{
	return recent_add(ctx, query_vm, pair, NOW);
}

static void check_read(struct recent *recent, const char *how)
{
	struct seen a = walk(recent, "a", T0 + 980 * S, 10, 90), b = walk(recent, "b", T0 + 980 * S, 10, 90);
	int bad = 0;

	for (int i = 0; i < 90; i++)
		bad += !is(a.rates[i], 3) || (!is(b.rates[i], 4) && (i < 80 || i > 84));
	ok(bad == 0 && a.source == SOURCE_GUEST && b.source == SOURCE_HOST && a.count == 1,
	   "%s: %d steps are wrong", how, bad);
}

static void test_read(void)
{
	struct recent *recent = new_recent();
	struct query *query;

	make_database();
	if (query_open(path, &query) < 0)
		abort();
	ok(recent_fill(recent, query, NOW) == 0, "the hour before is read");
	check_read(recent, "as it was");
	(void)query_since(query, 0, 100000, add_pair, recent);
	check_read(recent, "what was read counts once");
	recent_free(recent);
	recent = new_recent();
	(void)query_since(query, 0, 100000, add_pair, recent);
	check_read(recent, "sample by sample");
	recent_free(recent);
	recent = new_recent();
	(void)recent_fill(recent, query, NOW + 7200 * S);
	ok(walk(recent, "a", T0 + 980 * S, 10, 90).count == 0, "two hours later there is nothing");
	recent_free(recent);
	query_free(query);
}

int main(void)
{
	char command[64];

	if (!mkdtemp(dir))
		abort();
	snprintf(path, sizeof(path), "%s/v.db", dir);
	test_added();
	test_clock();
	test_sources();
	test_many();
	test_read();
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command) != 0 || done_testing();
}
