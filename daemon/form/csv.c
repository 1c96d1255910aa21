/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/csv.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* "time,epoch_s,vm,...": the fixed columns; those of the workload follow. */
static const char fixed[] = "time,epoch_s,vm,boot,source,sequence,uptime_s,exits,handling_cycles,"
			    "tsc_khz,vcpus,away_cycles,idle_cycles,agent_exits,taken,"
			    "clock_error_s,interval_s";

/* Longest: two times, a key, sixteen numbers of 20 digits, and the workload's. */
static_assert(2 * 32 + RECORD_KEY_MAX + (16 + WORKLOAD_COUNT) * 21 + 2 < CSV_LINE_MAX,
	      "CSV_LINE_MAX holds any row");

struct line {
	char *buf;
	size_t len;
};

static void add(struct line *line, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct line *line, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line->buf + line->len, CSV_LINE_MAX - line->len, fmt, ap);
	va_end(ap);
	assert(n >= 0 && (size_t)n < CSV_LINE_MAX - line->len);
	line->len += n;
}

static void add_value(struct line *line, bool known, uint64_t value)
{
	if (known)
		add(line, ",%" PRIu64, value);
	else
		add(line, ",");
}

/* A count of 10^-@digits seconds. */
static void add_seconds(struct line *line, bool known, uint32_t value, int digits)
{
	uint32_t unit = digits == 9 ? 1000000000 : 1000000;

	if (known)
		add(line, ",%" PRIu32 ".%0*" PRIu32, value / unit, digits, value % unit);
	else
		add(line, ",");
}

size_t csv_header(char buf[CSV_LINE_MAX])
{
	struct line line = { .buf = buf };

	add(&line, "%s", fixed);
#define X(identifier, type, unit) add(&line, ",%s", #identifier);
	WORKLOAD_MAP(X)
#undef X
	add(&line, "\r\n");
	return line.len;
}

size_t csv_row(char buf[CSV_LINE_MAX], const char *vm_key, const struct row *row)
{
	const struct sample *s = &row->sample;
	int64_t us = (int64_t)s->t_wall_ns / 1000;
	time_t t = us / 1000000;
	struct line line = { .buf = buf };
	char date[32];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	add(&line, "%s.%06dZ,%" PRId64 ".%06d,%s,%" PRIu32 ",%s,%" PRIu64, date,
	    (int)(us % 1000000), us / 1000000, (int)(us % 1000000), vm_key, row->boot->number,
	    row->source == SOURCE_GUEST ? "guest" : "host", s->sequence);
	if (row->source == SOURCE_GUEST)
		add(&line, ",%" PRIu64 ".%06d", s->t_boot_ns / 1000000000,
		    (int)(s->t_boot_ns / 1000 % 1000000));
	else
		add(&line, ",");
	add_value(&line, s->has & SAMPLE_HAS_EXITS, s->exits);
	add_value(&line, s->has & SAMPLE_HAS_HANDLING, s->handling_cycles);
	add_value(&line, row->boot->tsc_khz, row->boot->tsc_khz);
	add_value(&line, row->boot->vcpus, row->boot->vcpus);
	add_value(&line, s->has & SAMPLE_HAS_AWAY, s->away_cycles);
	add_value(&line, s->has & SAMPLE_HAS_AWAY, s->idle_cycles);
	add_value(&line, s->has & SAMPLE_HAS_AGENT, s->agent_exits);
	add_value(&line, s->has & SAMPLE_HAS_TAKEN, s->taken);
	add_seconds(&line, s->has & SAMPLE_HAS_CLOCK_ERROR, s->clock_error_ns, 9);
	add_seconds(&line, s->has & SAMPLE_HAS_PACE, s->interval_us, 6);
	for (int i = 0; i < WORKLOAD_COUNT; i++)
		add_value(&line, s->workload.mask >> i & 1, s->workload.value[i]);
	add(&line, "\r\n");
	return line.len;
}
