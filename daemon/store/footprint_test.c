/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the defaults of vmexitd.conf(5) take: a made-up guest and its host source, a sample a
 * second each, through the real store; from the bytes that its tiers take then, the room
 * that 50 such VMs need is reckoned. VMEXIT_LONG=1 for a week instead of half a day.
 */
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/config.h"
#include "daemon/store/seal.h"
#include "daemon/store/store.c"
#include "guest-agent/shared/detail.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

#define S 1000000000LL
#define T0 (1763874000 * S)
#define VMS 50

#define REASONS 12
#define VCPUS 4
#define INTERRUPTS 8
#define PROCESSES 5
#define UNITS 8

static char dir[] = "/tmp/vmexit-footprint-XXXXXX";
static char path[64];

static uint64_t seed = 1;

/* In [0, 1). */
static double chance(void)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (seed >> 11) * 0x1p-53;
}

/* So many events where @mean are to be expected, unevenly. */
static uint64_t some(double mean)
{
	double noise = chance() + chance() + chance() + chance() - 2;
	double n = mean + sqrt(mean) * 1.7 * noise + mean * 0.1 * noise;

	return n > 0 ? (uint64_t)(n + chance()) : 0;
}

/* How busy a VM is, and what it has counted. */
struct load {
	double level;
	uint64_t reason[REASONS][3], vcpu[VCPUS][2], interrupt[INTERRUPTS], unit[UNITS];
	uint64_t exits, handling, away, idle, agent;
	uint64_t workload[WORKLOAD_COUNT];
	uint8_t lists[4096];
};

/* Quiet, with busy minutes between. */
static void advance(struct load *l)
{
	static const double shares[REASONS] = { .3, .2, .15, .1, .08, .06, .05, .03, .02, .007,
						.002, .001 };
	static const double costs[REASONS] = { 1500, 2500, 4000, 1800, 9000, 3000, 2200, 60000,
					       5000, 1200, 30000, 7000 };

	if (chance() < 1 / 120.0)
		l->level = chance() < 0.6 ? 0.02 + 0.05 * chance() : chance();
	for (int i = 0; i < REASONS; i++) {
		uint64_t n = some(20000 * l->level * shares[i]);
		uint64_t handling = n * costs[i] * (1 + 0.05 * (chance() - 0.5));
		uint64_t away = handling + n * 700 * (1 + 0.2 * (chance() - 0.5));

		l->reason[i][0] += n;
		l->reason[i][1] += handling;
		l->reason[i][2] += away;
		l->vcpu[i % VCPUS][0] += n;
		l->vcpu[i % VCPUS][1] += handling;
		l->exits += n;
		l->handling += handling;
		l->away += away;
	}
	l->idle += 4e9 * (1 - l->level) * (1 - 0.01 * chance());
	l->agent += 11 + (chance() < 0.1);
	for (int i = 0; i < INTERRUPTS; i++)
		l->interrupt[i] += i < 5 ? some(3000 * l->level / (1 << i)) : chance() < 0.01;
	for (int i = 0; i < UNITS; i++)
		l->unit[i] += i < 3 ? some(300000 * l->level / (1 << i)) : chance() < 0.05 ? some(900) : 0;
}

static uint64_t gauge(double level, uint64_t most)
{
	return (uint64_t)(most * (0.4 + 0.1 * level + 0.002 * chance())) & ~4095ULL;
}

static void advance_workload(struct load *l, struct workload *ret_workload)
{
	for (int i = 0; i < WORKLOAD_COUNT; i++) {
		/* What a guest does not do at all, it does not do every second. */
		bool rare = i % 3 == 2;
		double scale = i % 5 == 0 ? 5000 : i % 5 == 1 ? 200 : 40;

		if (i == WORKLOAD_memory_total_bytes)
			l->workload[i] = 4ULL << 30;
		else if (i == WORKLOAD_memory_available_bytes)
			l->workload[i] = gauge(l->level, 4ULL << 30);
		else if (i == WORKLOAD_tasks_runnable || i == WORKLOAD_tasks_blocked)
			l->workload[i] = some(3 * l->level);
		else if (!rare || chance() < 0.05)
			l->workload[i] += some(scale * l->level) * (i % 4 == 3 ? 4096 : 1);
		ret_workload->value[i] = l->workload[i];
	}
	ret_workload->mask = (1ULL << WORKLOAD_COUNT) - 1;
}

static void put_counters(struct load *l, struct wire_writer *w)
{
	size_t began = detail_begin(w, DETAIL_REASONS);

	for (int i = 0; i < REASONS; i++)
		detail_put(w, DETAIL_REASONS,
			   &(struct detail_entry){ .id = i * 5, .value = l->reason[i][0],
						   .handling_cycles = l->reason[i][1],
						   .away_cycles = l->reason[i][2] });
	detail_end(w, began);
	began = detail_begin(w, DETAIL_VCPUS);
	for (int i = 0; i < VCPUS; i++)
		detail_put(w, DETAIL_VCPUS,
			   &(struct detail_entry){ .id = i, .value = l->vcpu[i][0],
						   .handling_cycles = l->vcpu[i][1] });
	detail_end(w, began);
}

static void put_names(struct load *l, struct wire_writer *w)
{
	size_t began = detail_begin(w, DETAIL_INTERRUPTS);
	char name[32];

	for (int i = 0; i < INTERRUPTS; i++) {
		int len = snprintf(name, sizeof(name), "virtio%d-input", i);

		detail_put(w, DETAIL_INTERRUPTS,
			   &(struct detail_entry){ .value = l->interrupt[i], .name = name,
						   .name_len = len });
	}
	detail_end(w, began);
	began = detail_begin(w, DETAIL_PROCESSES);
	for (int i = 0; i < PROCESSES; i++) {
		int len = snprintf(name, sizeof(name), "worker-%d", i);

		detail_put(w, DETAIL_PROCESSES,
			   &(struct detail_entry){ .id = 1000 + i, .name = name, .name_len = len,
						   .value = some(400000 * l->level / (1 << i)) });
	}
	detail_end(w, began);
	began = detail_begin(w, DETAIL_UNITS);
	for (int i = 0; i < UNITS; i++) {
		int len = snprintf(name, sizeof(name), "service-%d.service", i);

		detail_put(w, DETAIL_UNITS,
			   &(struct detail_entry){ .value = l->unit[i], .name = name,
						   .name_len = len });
	}
	detail_end(w, began);
}

/* The sample of second @i; the host knows nothing of what the guest does. */
static struct sample sample_of(struct load *l, uint64_t i, bool guest)
{
	struct wire_writer w = { .buf = l->lists, .size = sizeof(l->lists) };
	struct sample sample = {
		.sequence = i,
		.t_wall_ns = T0 + i * S + (uint64_t)(chance() * 2e6),
		.t_boot_ns = guest ? i * S + (uint64_t)(chance() * 1e6) : 0,
		.has = SAMPLE_HAS_EXITS | SAMPLE_HAS_HANDLING | SAMPLE_HAS_AWAY |
		       SAMPLE_HAS_CLOCK_ERROR,
		.exits = l->exits,
		.handling_cycles = l->handling,
		.away_cycles = l->away,
		.idle_cycles = l->idle,
		.clock_error_ns = chance() * 3000,
	};

	put_counters(l, &w);
	if (guest) {
		sample.has |= SAMPLE_HAS_AGENT | SAMPLE_HAS_TAKEN | SAMPLE_HAS_PACE;
		sample.agent_exits = l->agent;
		sample.taken = i;
		sample.interval_us = 1000000;
		advance_workload(l, &sample.workload);
		put_names(l, &w);
	}
	sample.detail = l->lists;
	sample.detail_len = w.len;
	return sample;
}

static void remove_all(void)
{
	static const char *const names[] = { "", "-wal", "-shm", ".lock" };
	char file[96];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(file, sizeof(file), "%s%s", path, names[i]);
		unlink(file);
	}
	rmdir(dir);
}

static void fill(struct store *store, struct boot *boot, uint64_t seconds)
{
	struct load *load = calloc(1, sizeof(*load));

	for (uint64_t i = 1; i <= seconds; i++) {
		advance(load);
		for (int source = 0; source < SOURCES; source++) {
			struct sample sample = sample_of(load, i, source == SOURCE_GUEST);

			store_add(store, boot, source, &sample);
		}
		if (i % 256 != 0 && i != seconds)
			continue;
		store_flush(store, T0 + i * S);
		while (store_work(store, T0 + i * S) > 0)
			;
	}
	free(load);
}

/* Tiers of which so little is there that they are not due are rolled up all the same. */
static void roll_up(struct store *store, const struct boot *boot)
{
	for (int source = 0; source < SOURCES; source++) {
		struct stream stream;

		if (stream_get(store->blocks.streams, boot->id, source, &stream) < 0)
			continue;
		for (int tier = 2; tier < ROLLUP_TIERS; tier++)
			(void)seal_roll_up(&store->blocks, &stream, tier);
		stream_done(&stream);
	}
}

static double ask(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s;
	double v = 0;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		v = sqlite3_column_double(s, 0);
	sqlite3_finalize(s);
	return v;
}

static double number(sqlite3 *db, int tier, const char *what)
{
	char sql[160];

	snprintf(sql, sizeof(sql), "SELECT %s FROM chunk WHERE tier = %d", what, tier);
	return ask(db, sql);
}

/* How many days of 50 VMs a tier holds, by its age and by its size. */
static void reckon(sqlite3 *db, const struct config *config)
{
	/* As vmexitd.conf(5) promises. */
	static const double least_days[ROLLUP_TIERS] = { 4, 7, 30, 120, 600 };
	double sum_mb = 0;

	for (int tier = 0; tier < ROLLUP_TIERS; tier++) {
		const struct config_keep *keep = &config->keep[tier];
		double seconds = number(db, tier, "(max(to_ns) - min(from_ns)) / 1e9");
		double rate = number(db, tier, "sum(bytes)") / seconds;
		double days = keep->bytes / (rate * VMS * 86400);
		double most = keep->age_s / 86400.0;

		days = days < most ? days : most;
		printf("# keep_%s: %.2f bytes/s of a VM, %.1f a row of two sources; %d VMs * %.0f "
		       "days * 86400 s = %.0f MB\n",
		       expire_tier_names[tier], rate,
		       2 * number(db, tier, "sum(bytes) * 1.0 / sum(rows)"), VMS, days,
		       rate * VMS * days * 86400 / 1e6);
		ok(days >= least_days[tier] && seconds > 3600, "50 VMs have %.0f days of keep_%s",
		   least_days[tier], expire_tier_names[tier]);
		sum_mb += rate * VMS * days * 86400 / 1e6;
	}
	printf("# in all: %.0f MB, and of the file %.3f bytes for each of these\n", sum_mb,
	       ask(db, "SELECT (page_count - freelist_count) * page_size * 1.0"
		       " / (SELECT sum(bytes) FROM chunk) FROM pragma_page_count,"
		       " pragma_freelist_count, pragma_page_size"));
	ok(sum_mb < 11000, "in about 10 GB");
}

int main(void)
{
	uint64_t hours = getenv("VMEXIT_LONG") ? 7 * 24 : 12;
	char *argv[] = { "footprint_test", NULL };
	enum config_action action;
	struct store *store = NULL;
	struct config config;
	struct boot *boot;

	log_init("footprint_test", LOG_ERROR);
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/vmexit.db", dir);
	if (config_load(&config, 1, argv, &action) < 0 || store_open(path, &store) < 0)
		return 1;
	boot = store_boot(store, store_vm(store, "uuid", "vm"), BOOT_CREATED, "life", T0);
	fill(store, boot, hours * 3600);
	while (store_work(store, T0 + (hours + 1) * 3600 * S) > 0)
		;
	roll_up(store, boot);
	reckon(store->db, &config);
	store_free(store);
	config_done(&config);
	remove_all();
	return done_testing();
}
