/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/command/read.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "guest-agent/leaf/counters.h"
#include "guest-agent/shared/detail.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/reason.h"

#define TRIES 3

static const struct {
	uint32_t bit;
	const char *name;
	const char *words;
} features[] = {
	{ VMEXIT_FEATURE_TOTAL, "total", "exit total" },
	{ VMEXIT_FEATURE_CYCLES, "cycles", "handling cycles" },
	{ VMEXIT_FEATURE_CPL0_ONLY, "cpl0-only", "for the kernel only" },
	{ VMEXIT_FEATURE_FASTPATH_UNTIMED, "fastpath-untimed", "fastpath exits add no cycles" },
	{ VMEXIT_FEATURE_CLOCK, "clock", "clock and generation" },
	{ VMEXIT_FEATURE_REASONS, "reasons", "by reason" },
	{ VMEXIT_FEATURE_AWAY, "away", "away cycles" },
	{ VMEXIT_FEATURE_VCPU, "vcpu", "by vCPU" },
};

#define FEATURES (sizeof(features) / sizeof(features[0]))

static const char *vendor(uint32_t namespace)
{
	return namespace == VMEXIT_REASONS_VMX ? "VMX" :
	       namespace == VMEXIT_REASONS_SVM ? "SVM" : "unknown";
}

/* With the time that cycles are, where the host says. */
static void text_cycles(const char *name, uint64_t cycles, const struct leaf *leaf)
{
	printf("%-18s %" PRIu64, name, cycles);
	if (leaf->tsc_khz)
		printf(" (%.3f s)", cycles / (leaf->tsc_khz * 1e3));
	putchar('\n');
}

static void text_leaf(const struct leaf *leaf)
{
	const char *comma = "";

	printf("contract           %u.%u, %s\n", leaf->version >> 16, leaf->version & 0xffff,
	       vendor(leaf->reason_namespace));
	printf("features           ");
	for (size_t i = 0; i < FEATURES; i++) {
		if (leaf->features & features[i].bit) {
			printf("%s%s", comma, features[i].words);
			comma = ", ";
		}
	}
	printf("\nvCPU               %u of %u\n", leaf->vcpu, leaf->vcpus);
	printf("host TSC           %u.%03u MHz\n", leaf->tsc_khz / 1000, leaf->tsc_khz % 1000);
}

static void text_clock(const struct sample *s)
{
	time_t seconds = s->host_ns / 1000000000;
	char text[32];
	struct tm tm;

	if (!(s->has & SAMPLE_HAS_CLOCK))
		return;
	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	printf("host time          %s.%09uZ, to %u ns, at guest TSC %" PRIu64 "\n", text,
	       (unsigned int)(s->host_ns % 1000000000), s->clock_error_ns, s->guest_tsc);
}

static void text_reasons(const struct leaf *leaf, const struct sample *s)
{
	struct detail_entry entry;
	struct detail_iter iter;

	if (!detail_find(s->detail, s->detail_len, DETAIL_REASONS, &iter))
		return;
	printf("%18s %-28s %16s %18s %18s\n", "reason", "", "exits", "handling cycles",
	       "away cycles");
	while (detail_next(&iter, &entry)) {
		const char *name = reason_name(leaf->reason_namespace, entry.id);

		printf("%18u %-28s %16" PRIu64 " %18" PRIu64 " %18" PRIu64 "\n", entry.id,
		       name ? name : "", entry.value, entry.handling_cycles, entry.away_cycles);
	}
}

static void text_vcpus(const struct sample *s)
{
	struct detail_entry entry;
	struct detail_iter iter;

	if (!detail_find(s->detail, s->detail_len, DETAIL_VCPUS, &iter))
		return;
	printf("%18s %-28s %16s %18s\n", "vCPU", "", "exits", "handling cycles");
	while (detail_next(&iter, &entry))
		printf("%18u %-28s %16" PRIu64 " %18" PRIu64 "\n", entry.id, "", entry.value,
		       entry.handling_cycles);
}

static void print_text(const struct leaf *leaf, const struct sample *s)
{
	text_leaf(leaf);
	if (s->has & SAMPLE_HAS_GENERATION)
		printf("generation         0x%016" PRIx64 "\n", s->generation);
	text_clock(s);
	if (s->has & SAMPLE_HAS_EXITS)
		printf("exits              %" PRIu64 "\n", s->exits);
	if (s->has & SAMPLE_HAS_HANDLING)
		text_cycles("handling cycles", s->handling_cycles, leaf);
	if (s->has & SAMPLE_HAS_AWAY) {
		text_cycles("away cycles", s->away_cycles, leaf);
		text_cycles("idle cycles", s->idle_cycles, leaf);
	}
	text_reasons(leaf, s);
	text_vcpus(s);
}

static void json_number(const char *name, bool has, uint64_t value)
{
	if (has)
		printf(",\"%s\":%" PRIu64, name, value);
	else
		printf(",\"%s\":null", name);
}

static void json_leaf(const struct leaf *leaf)
{
	const char *comma = "";

	printf("{\"version\":\"%u.%u\",\"namespace\":\"%s\",\"features\":[", leaf->version >> 16,
	       leaf->version & 0xffff, vendor(leaf->reason_namespace));
	for (size_t i = 0; i < FEATURES; i++) {
		if (leaf->features & features[i].bit) {
			printf("%s\"%s\"", comma, features[i].name);
			comma = ",";
		}
	}
	printf("],\"vcpu\":%u,\"vcpus\":%u,\"tsc_khz\":%u", leaf->vcpu, leaf->vcpus, leaf->tsc_khz);
}

static void json_list(const char *title, const char *id, uint32_t namespace, const struct sample *s,
		      enum detail_list list)
{
	const char *comma = "", *name;
	struct detail_entry entry;
	struct detail_iter iter;

	if (!detail_find(s->detail, s->detail_len, list, &iter))
		return;
	printf(",\"%s\":[", title);
	while (detail_next(&iter, &entry)) {
		name = list == DETAIL_REASONS ? reason_name(namespace, entry.id) : NULL;
		printf("%s{\"%s\":%u,", comma, id, entry.id);
		if (name)
			printf("\"name\":\"%s\",", name);
		printf("\"count\":%" PRIu64 ",\"handling\":%" PRIu64, entry.value,
		       entry.handling_cycles);
		if (list == DETAIL_REASONS)
			printf(",\"away\":%" PRIu64, entry.away_cycles);
		putchar('}');
		comma = ",";
	}
	putchar(']');
}

static void print_json(const struct leaf *leaf, const struct sample *s)
{
	json_leaf(leaf);
	/* More than a JSON number keeps exactly. */
	if (s->has & SAMPLE_HAS_GENERATION)
		printf(",\"generation\":\"0x%016" PRIx64 "\"", s->generation);
	if (s->has & SAMPLE_HAS_CLOCK)
		printf(",\"clock\":{\"host_ns\":\"%" PRIu64 "\",\"guest_tsc\":\"%" PRIu64
		       "\",\"error_ns\":%u}",
		       s->host_ns, s->guest_tsc, s->clock_error_ns);
	json_number("exits", s->has & SAMPLE_HAS_EXITS, s->exits);
	json_number("handling_cycles", s->has & SAMPLE_HAS_HANDLING, s->handling_cycles);
	json_number("away_cycles", s->has & SAMPLE_HAS_AWAY, s->away_cycles);
	json_number("idle_cycles", s->has & SAMPLE_HAS_AWAY, s->idle_cycles);
	json_list("reasons", "reason", leaf->reason_namespace, s, DETAIL_REASONS);
	json_list("by_vcpu", "vcpu", leaf->reason_namespace, s, DETAIL_VCPUS);
	printf("}\n");
}

/* A VM that is just being replaced by another is read again. */
static int read_all(struct leaf_cpu *cpu, struct leaf *leaf, uint8_t *detail, size_t size,
		    struct sample *ret_sample)
{
	const struct counters_what all = { .reasons = true, .vcpus = true };
	int r = -ESTALE;

	for (int try = 0; try < TRIES && r < 0; try++) {
		struct wire_writer w = { .buf = detail, .size = size };
		struct sample s = { 0 };

		leaf_detect(cpu, leaf);
		if (leaf->state != LEAF_PRESENT)
			return -ENODEV;
		r = counters_read(cpu, leaf, &all, &w, &s);
		s.detail = detail;
		s.detail_len = w.len;
		*ret_sample = s;
	}
	return r;
}

int read_leaf(bool json)
{
	/* All reasons and vCPUs that there can be. */
	static uint8_t detail[32768];
	static struct cpuid_device device;
	struct leaf_cpu cpu;
	struct sample s;
	struct leaf leaf;
	int r;

	cpuid_device_init(&device, "/dev/cpu");
	leaf_cpu_init(&cpu, &device);
	r = read_all(&cpu, &leaf, detail, sizeof(detail), &s);
	cpuid_device_done(&device);
	if (leaf.state != LEAF_PRESENT) {
		log_error("%s", leaf_explain(leaf.state));
		return 1;
	}
	if (r < 0) {
		log_error("this VM is being moved to another host all the time; try again later");
		return 1;
	}
	if (json)
		print_json(&leaf, &s);
	else
		print_text(&leaf, &s);
	return 0;
}
