/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/read.h"

#include <inttypes.h>
#include <stdio.h>

#include "guest-agent/leaf.h"
#include "guest-agent/shared/log.h"

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

static void print_text(const struct leaf *leaf, const struct leaf_total *total)
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
	printf("exits              %" PRIu64 "\n", total->exits);
	if (!(leaf->features & VMEXIT_FEATURE_CYCLES))
		return;
	printf("handling cycles    %" PRIu64, total->handling_cycles);
	if (total->exits)
		printf(" (%" PRIu64 " per exit)", total->handling_cycles / total->exits);
	if (leaf->tsc_khz)
		printf("\nhandling time      %.3f s", total->handling_cycles / (leaf->tsc_khz * 1e3));
	putchar('\n');
}

static void print_json(const struct leaf *leaf, const struct leaf_total *total)
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
	printf("],\"vcpu\":%u,\"vcpus\":%u,\"tsc_khz\":%u,\"exits\":%" PRIu64
	       ",\"handling_cycles\":",
	       leaf->vcpu, leaf->vcpus, leaf->tsc_khz, total->exits);
	if (leaf->features & VMEXIT_FEATURE_CYCLES)
		printf("%" PRIu64 "}\n", total->handling_cycles);
	else
		printf("null}\n");
}

int read_leaf(bool json)
{
	struct leaf_total total;
	struct leaf leaf;
	const char *problem;

	leaf_detect(leaf_cpuid, &leaf);
	problem = leaf_explain(leaf.state);
	if (problem) {
		log_error("%s", problem);
		return 1;
	}
	leaf_read_total(leaf_cpuid, &total);
	if (json)
		print_json(&leaf, &total);
	else
		print_text(&leaf, &total);
	return 0;
}
