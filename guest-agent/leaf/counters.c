/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/leaf/counters.h"

#include <errno.h>
#include <x86intrin.h>

#include "guest-agent/shared/detail.h"

enum { EAX, EBX, ECX, EDX };

/* One reading on its way. */
struct reading {
	struct leaf_cpu *cpu;
	const struct leaf *leaf;
	struct wire_writer *detail;
	struct sample *s;
	uint64_t first_tsc, last_tsc;	/* around all counters */
};

static uint64_t count_of(const uint32_t regs[4])
{
	return (uint64_t)regs[EDX] << 32 | regs[EAX];
}

static uint64_t cycles_of(const uint32_t regs[4])
{
	return (uint64_t)regs[EBX] << 32 | regs[ECX];
}

static bool has(const struct leaf *leaf, uint32_t feature)
{
	return leaf->features & feature;
}

/* False if there is no such index. */
static bool ask(struct leaf_cpu *cpu, uint32_t leaf, uint32_t index, uint64_t *ret_count,
		uint64_t *ret_cycles)
{
	uint32_t regs[4];

	leaf_ask(cpu, leaf, index, regs);
	*ret_count = count_of(regs);
	*ret_cycles = cycles_of(regs);
	return regs[EDX] != VMEXIT_CPUID_NO_SUCH_INDEX;
}

uint64_t counters_generation(struct leaf_cpu *cpu, const struct leaf *leaf)
{
	uint32_t regs[4];

	if (!has(leaf, VMEXIT_FEATURE_CLOCK))
		return 0;
	leaf_ask(cpu, VMEXIT_CPUID_CLOCK, 0, regs);
	return (uint64_t)regs[EBX] << 32 | regs[EAX];
}

uint64_t counters_exits(struct leaf_cpu *cpu)
{
	uint64_t count, cycles;

	(void)ask(cpu, VMEXIT_CPUID_TOTAL, 0, &count, &cycles);
	return count;
}

uint64_t counters_vcpu_exits(struct leaf_cpu *cpu, uint32_t vcpu)
{
	uint64_t count, cycles;

	(void)ask(cpu, VMEXIT_CPUID_VCPU, vcpu, &count, &cycles);
	return count;
}

/*
 * Where reasons can be: index of the reasons-seen leaf, ascending. Behind them only
 * VMEXIT_REASON_OTHER.
 */
static const uint32_t vmx_words[] = { 0 };
static const uint32_t svm_words[] = { 0, 1, 8 };
#define WORDS_MAX 4
#define OTHER_WORD (VMEXIT_REASON_OTHER / 128)

struct seen {
	uint32_t first[WORDS_MAX];	/* reason of bit 0 */
	uint32_t bits[WORDS_MAX][4];
	size_t words;
};

static void ask_seen(struct reading *r, uint32_t word, struct seen *seen)
{
	seen->first[seen->words] = word * 128;
	leaf_ask(r->cpu, VMEXIT_CPUID_REASONS_SEEN, word, seen->bits[seen->words++]);
}

static void read_seen(struct reading *r, struct seen *ret_seen)
{
	bool svm = r->leaf->reason_namespace == VMEXIT_REASONS_SVM;
	const uint32_t *words = svm ? svm_words : vmx_words;
	size_t n = svm ? sizeof(svm_words) / sizeof(svm_words[0])
		       : sizeof(vmx_words) / sizeof(vmx_words[0]);

	ret_seen->words = 0;
	for (size_t i = 0; i < n; i++)
		ask_seen(r, words[i], ret_seen);
	if (!r->cpu->by_kernel)
		ask_seen(r, OTHER_WORD, ret_seen);
}

static void read_reason(struct reading *r, uint32_t reason)
{
	struct detail_entry entry = { .id = reason };
	uint64_t none;

	if (!ask(r->cpu, VMEXIT_CPUID_REASON, reason, &entry.value, &entry.handling_cycles))
		return;
	if (has(r->leaf, VMEXIT_FEATURE_AWAY))
		(void)ask(r->cpu, VMEXIT_CPUID_REASON_AWAY, reason, &none, &entry.away_cycles);
	(void)detail_add(r->detail, DETAIL_REASONS, &entry);
	r->s->exits += entry.value;
	r->s->handling_cycles += entry.handling_cycles;
	r->s->away_cycles += entry.away_cycles;
}

static void read_seen_reasons(struct reading *r, const struct seen *seen)
{
	size_t began = detail_begin(r->detail, DETAIL_REASONS);

	for (size_t word = 0; word < seen->words; word++) {
		for (uint32_t bit = 0; bit < 128; bit++) {
			if (seen->bits[word][bit / 32] >> (bit % 32) & 1)
				read_reason(r, seen->first[word] + bit);
		}
	}
	detail_end(r->detail, began);
}

static void read_idle(struct reading *r)
{
	uint64_t none;

	if (!has(r->leaf, VMEXIT_FEATURE_AWAY) || r->cpu->by_kernel)
		return;
	(void)ask(r->cpu, VMEXIT_CPUID_REASON_AWAY, VMEXIT_REASON_IDLE, &none, &r->s->idle_cycles);
	r->s->has |= SAMPLE_HAS_AWAY;
}

static void read_total(struct reading *r)
{
	(void)ask(r->cpu, VMEXIT_CPUID_TOTAL, 0, &r->s->exits, &r->s->handling_cycles);
}

/* How many there are is found out again each time: vCPUs can be added. */
static void read_vcpus(struct reading *r)
{
	size_t began = detail_begin(r->detail, DETAIL_VCPUS);
	struct detail_entry entry = { 0 };

	while (entry.id < COUNTERS_VCPUS_MAX &&
	       ask(r->cpu, VMEXIT_CPUID_VCPU, entry.id, &entry.value, &entry.handling_cycles)) {
		(void)detail_add(r->detail, DETAIL_VCPUS, &entry);
		entry.id++;
	}
	detail_end(r->detail, began);
}

static void read_clock(struct reading *r)
{
	uint32_t regs[4];

	leaf_ask(r->cpu, VMEXIT_CPUID_CLOCK, 1, regs);
	r->s->host_ns = (uint64_t)regs[EBX] << 32 | regs[EAX];
	r->s->guest_tsc = (uint64_t)regs[EDX] << 32 | regs[ECX];
	/* Zeros: the host's clocksource is not the TSC. */
	if (r->s->host_ns)
		r->s->has |= SAMPLE_HAS_CLOCK;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* As far from the clock's instant as any counter may have been read. */
static void set_clock_error(struct reading *r)
{
	uint64_t before = distance(r->s->guest_tsc, r->first_tsc);
	uint64_t after = distance(r->s->guest_tsc, r->last_tsc);
	uint64_t cycles = before > after ? before : after;

	if (cycles >= UINT32_MAX / 1000000 * (uint64_t)r->leaf->tsc_khz)
		r->s->clock_error_ns = UINT32_MAX;
	else
		r->s->clock_error_ns = cycles * 1000000 / r->leaf->tsc_khz;
}

/* All that counts, with the clock next to it. */
static void read_counters(struct reading *r, const struct counters_what *what)
{
	bool reasons = what->reasons && has(r->leaf, VMEXIT_FEATURE_REASONS) &&
		       (r->leaf->reason_namespace == VMEXIT_REASONS_VMX ||
			r->leaf->reason_namespace == VMEXIT_REASONS_SVM);
	struct seen seen;

	if (reasons)
		read_seen(r, &seen);
	r->first_tsc = __rdtsc();
	if (has(r->leaf, VMEXIT_FEATURE_CLOCK))
		read_clock(r);
	if (reasons) {
		read_seen_reasons(r, &seen);
		read_idle(r);
	}
	if (!reasons || r->cpu->by_kernel)
		read_total(r);
	if (what->vcpus && has(r->leaf, VMEXIT_FEATURE_VCPU))
		read_vcpus(r);
	r->last_tsc = __rdtsc();
	if (has(r->leaf, VMEXIT_FEATURE_TOTAL))
		r->s->has |= SAMPLE_HAS_EXITS;
	if (has(r->leaf, VMEXIT_FEATURE_CYCLES))
		r->s->has |= SAMPLE_HAS_HANDLING;
	set_clock_error(r);
}

int counters_read(struct leaf_cpu *cpu, const struct leaf *leaf, const struct counters_what *what,
		  struct wire_writer *detail, struct sample *ret_sample)
{
	struct reading r = { .cpu = cpu, .leaf = leaf, .detail = detail, .s = ret_sample };

	if (!leaf_is_there(cpu))
		return -ENODEV;
	ret_sample->generation = counters_generation(cpu, leaf);
	read_counters(&r, what);
	if (counters_generation(cpu, leaf) != ret_sample->generation)
		return -ESTALE;
	if (has(leaf, VMEXIT_FEATURE_CLOCK))
		ret_sample->has |= SAMPLE_HAS_GENERATION;
	return 0;
}
