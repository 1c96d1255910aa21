/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/metrics/metrics.h"

#include <math.h>
#include <string.h>

#include "daemon/store/testsample.h"
#include "guest-agent/shared/reason.h"
#include "guest-agent/shared/tap.h"

#define OTHERS 12000

static struct {
	struct { enum metrics_id id; const char *label; double value; } at[METRICS_OF_ROW_MAX];
	size_t count, most;
} said;

static int note(void *ctx, const struct metric *metric, const char *label, double value)
{
	(void)ctx;
	if (said.count == said.most || said.count == METRICS_OF_ROW_MAX)
		return -7;
	said.at[said.count].id = metric->id;
	said.at[said.count].label = label;
	said.at[said.count++].value = value;
	return 0;
}

static int walk(const struct row_pair *pair)
{
	said.count = 0;
	said.most = METRICS_OF_ROW_MAX;
	return metrics_of_row(pair, note, NULL);
}

/* Of a value that was said; NAN for one that was not. */
static double value(enum metrics_id id, const char *label)
{
	for (size_t i = 0; i < said.count; i++) {
		const char *its = said.at[i].label;

		if (said.at[i].id == id && (its ? label && strcmp(its, label) == 0 : !label))
			return said.at[i].value;
	}
	return NAN;
}

/* Whether all is in the table's order, once, with a label where there is one. */
static bool in_order(void)
{
	for (size_t i = 0; i < said.count; i++) {
		const struct metric *m = &metrics[said.at[i].id];

		if (!m->label != !said.at[i].label ||
		    (i > 0 && said.at[i].id < said.at[i - 1].id))
			return false;
		for (size_t k = 0; k < i; k++) {
			if (said.at[k].id == said.at[i].id &&
			    (!m->label || strcmp(said.at[k].label, said.at[i].label) == 0))
				return false;
		}
	}
	return true;
}

static bool ends_in(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len > end_len && strcmp(text + len - end_len, end) == 0;
}

static void test_table(void)
{
	size_t bad = 0;

	for (size_t i = 0; i < METRICS_COUNT; i++) {
		const struct metric *m = &metrics[i];
		char unit[32];

		snprintf(unit, sizeof(unit), "_%s", m->unit);
		bad += m->id != i || !ends_in(m->help, ".") || strchr(m->help, '"') ||
		       strchr(m->help, '\\') || ends_in(m->name, METRICS_TOTAL) ||
		       (m->unit[0] && !ends_in(m->name, unit)) ||
		       (!m->unit[0] && (ends_in(m->name, "_seconds") || ends_in(m->name, "_bytes")));
		bad += strspn(m->name, "abcdefghijklmnopqrstuvwxyz_") != strlen(m->name);
		for (size_t k = 0; k < i; k++)
			bad += strcmp(metrics[k].name, m->name) == 0;
	}
	ok(bad == 0, "names are words with their unit at the end, each once, and have a help");
}

static void test_values(void)
{
	struct boot boot = { .tsc_khz = 2500000, .vcpus = 4, .reason_namespace = VMEXIT_REASONS_VMX };
	struct row_pair pair = { .row = { .boot = &boot, .source = SOURCE_GUEST }, .exits = 17 };
	struct sample *s = &pair.row.sample;
	struct testsample_reason reasons[] = {
		{ 0x0a, 100, 2500000000, 5000000000 },
		{ 0x30, 3, 25, 50 },
		{ 0x12345, 7, 1, 3000 },
		{ 0x12346, 8, 1, 1 },
		{ VMEXIT_REASON_OTHER, 5, 0, 2500000000 },
	};
	size_t count;

	*s = testsample(3, (1ULL << 53) - 1);
	ok(walk(&pair) == 0 && said.count == 4 && value(METRICS_EXITS, NULL) == 9007199254740991.0 &&
		   value(METRICS_BOOT_EXITS, NULL) == 17 && value(METRICS_VM_VCPUS, NULL) == 4,
	   "exits, exactly, those of the boot, and vCPUs");
	s->has |= SAMPLE_HAS_HANDLING | SAMPLE_HAS_AWAY | SAMPLE_HAS_AGENT | SAMPLE_HAS_TAKEN |
		  SAMPLE_HAS_PACE | SAMPLE_HAS_CLOCK_ERROR;
	s->handling_cycles = 2500000000;
	s->away_cycles = 5000000000;
	s->idle_cycles = 1250000000;
	s->agent_exits = 12;
	s->taken = 3;
	s->interval_us = 100000;
	s->clock_error_ns = 1500;
	s->t_wall_ns = 1700000000500000000;
	for (size_t i = 0; i < WORKLOAD_COUNT; i++)
		s->workload.value[i] = 1000 * (i + 1);
	s->workload.mask = (1ULL << WORKLOAD_COUNT) - 1;
	testsample_reasons(s, reasons, sizeof(reasons) / sizeof(reasons[0]));
	ok(walk(&pair) == 0 && in_order(), "all of a sample is in order, each once");
	count = said.count;
	ok(count == 11 + WORKLOAD_COUNT + 3 * 3, "and nothing is missing");
	ok(value(METRICS_HANDLING, NULL) == 1 && value(METRICS_AWAY, NULL) == 2 &&
		   value(METRICS_IDLE, NULL) == 0.5,
	   "cycles become seconds");
	ok(value(METRICS_AGENT_EXITS, NULL) == 12 && value(METRICS_AGENT_SAMPLES, NULL) == 3 &&
		   value(METRICS_SAMPLE_INTERVAL, NULL) == 0.1 &&
		   value(METRICS_CLOCK_ERROR, NULL) == 1.5e-6 &&
		   value(METRICS_SAMPLE_TIME, NULL) == 1700000000.5,
	   "what the agent costs, how often it samples, and when it did");
	ok(value(METRICS_REASON_EXITS, "CPUID") == 100 &&
		   value(METRICS_REASON_HANDLING, "CPUID") == 1 &&
		   value(METRICS_REASON_AWAY, "CPUID") == 2 &&
		   value(METRICS_REASON_EXITS, "EPT_VIOLATION") == 3,
	   "reasons have their names");
	ok(value(METRICS_REASON_EXITS, "other") == 20 &&
		   value(METRICS_REASON_AWAY, "other") == 1.000001,
	   "those without one are summed, with what is called so, to the microsecond");
	ok(value(METRICS_GUEST_CPU, "user") == 1 && value(METRICS_GUEST_CPU, "steal") == 8 &&
		   value(METRICS_GUEST_MEMORY, "available") == 16000 &&
		   value(METRICS_GUEST_TASKS, "blocked") == 14000 &&
		   value(METRICS_GUEST_NET_BYTES, "sent") == 24000 &&
		   value(METRICS_GUEST_PRESSURE_STALLED, "io") == 0.029 &&
		   value(METRICS_GUEST_DISK_BUSY, NULL) == 30,
	   "the guest's workload in base units");
	said.count = 0;
	said.most = count - 1;
	ok(metrics_of_row(&pair, note, NULL) == -7 && said.count == count - 1,
	   "what the caller returns ends it");
}

static void test_unknown(void)
{
	struct boot boot = { .reason_namespace = 0 };
	struct row_pair pair = { .row = { .boot = &boot, .source = SOURCE_HOST } };
	struct sample *s = &pair.row.sample;
	struct testsample_reason reasons[] = { { 1, 2, 3, 4 }, { 2, 3, 4, 5 } };

	*s = testsample(1, 5);
	s->has |= SAMPLE_HAS_HANDLING | SAMPLE_HAS_AWAY;
	testsample_reasons(s, reasons, 2);
	ok(walk(&pair) == 0 && said.count == 4 && value(METRICS_REASON_EXITS, "other") == 5,
	   "without a clock rate there are no seconds, without a namespace no names");
	boot.tsc_khz = 1000;
	boot.reason_namespace = VMEXIT_REASONS_SVM;
	s->has = SAMPLE_HAS_EXITS;
	ok(walk(&pair) == 0 && said.count == 5 && value(METRICS_REASON_EXITS, "read_cr2") == 3,
	   "nor seconds of what was not counted");
	s->has = 0;
	s->detail_len = 0;
	ok(walk(&pair) == 0 && said.count == 1, "a sample with nothing in it has its time");
}

/* A guest that makes reasons up, and has all that there are. */
static void test_made_up(void)
{
	static uint8_t buf[65536];
	struct boot boot = { .tsc_khz = 1, .reason_namespace = VMEXIT_REASONS_SVM };
	struct row_pair pair = { .row = { .boot = &boot } };
	struct wire_writer w = { .buf = buf, .size = sizeof(buf) };
	size_t began = detail_begin(&w, DETAIL_REASONS), names;

	for (uint32_t id = 0; id < OTHERS; id++) {
		if (id == 0x10 || id == 0x11)
			continue;
		detail_put(&w, DETAIL_REASONS,
			   &(struct detail_entry){ .id = id, .value = 1 });
	}
	for (size_t i = 0; i < reason_count(boot.reason_namespace); i++) {
		const char *name;
		uint32_t id;

		reason_at(boot.reason_namespace, i, &id, &name);
		if (id >= OTHERS && id < VMEXIT_REASON_IDLE)
			detail_put(&w, DETAIL_REASONS,
				   &(struct detail_entry){ .id = id, .value = UINT64_MAX });
	}
	detail_put(&w, DETAIL_REASONS,
		   &(struct detail_entry){ .id = UINT32_MAX - 2, .value = UINT64_MAX });
	detail_end(&w, began);
	pair.row.sample = testsample(1, 5);
	pair.row.sample.has = UINT32_MAX;
	pair.row.sample.workload.mask = UINT64_MAX;
	pair.row.sample.detail = buf;
	pair.row.sample.detail_len = w.len;
	ok(!w.overflow && walk(&pair) == 0 && in_order(), "%u reasons, most of them made up", OTHERS);
	names = reason_count(boot.reason_namespace);
	ok(said.count < 10 + WORKLOAD_COUNT + 3 * names && isnan(value(METRICS_REASON_EXITS, "write_cr0")),
	   "no more series than names: %zu", said.count);
	ok(value(METRICS_REASON_EXITS, "other") == 0x1p64, "sums that would fall stay at the end");
	ok(value(METRICS_REASON_EXITS, "npf") == 1, "names among them are counted");
}

int main(void)
{
	struct boot created = { .cause = BOOT_CREATED }, reboot = { .cause = BOOT_REBOOT };

	test_table();
	test_values();
	test_unknown();
	test_made_up();
	ok(metrics_from_zero(&created) && !metrics_from_zero(&reboot),
	   "a VM's counters are at zero where it was created");
	ok(strcmp(metrics_source(SOURCE_GUEST), "guest") == 0 &&
		   strcmp(metrics_source(SOURCE_HOST), "host") == 0, "sources have names");
	return done_testing();
}
