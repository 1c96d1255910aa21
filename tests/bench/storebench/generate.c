/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/storebench/trace.h"

#include <errno.h>
#include <math.h>

#include "guest-agent/shared/detail.h"
#include "kernel/uapi/vmexit_cpuid.h"

#define VCPUS 2
#define TSC_KHZ 2600000
#define S 1000000000LL

static uint64_t random_state;

static uint64_t random_bits(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* Evenly in [0, 1). */
static double evenly(void)
{
	return (random_bits() >> 11) * 0x1p-53;
}

static double normal(void)
{
	return sqrt(-2 * log(1 - evenly())) * cos(2 * M_PI * evenly());
}

/* How often something happens that does so @mean times on average. */
static uint64_t poisson(double mean)
{
	double product = 1, least = exp(-mean);
	uint64_t n = 0;

	if (mean > 30) {
		double v = mean + sqrt(mean) * normal();

		return v > 0 ? (uint64_t)(v + 0.5) : 0;
	}
	while ((product *= 1 - evenly()) > least)
		n++;
	return n;
}

/* Exit reasons of SVM: exits a second of an idle and of a busy guest, cycles for each. */
struct reason {
	uint32_t number;
	double idle, busy;
	double cycles;
};

static const struct reason reasons[] = {
	{ 0x060, 25, 900, 1900 },		/* interrupt */
	{ 0x061, 0.002, 0.02, 9000 },		/* nmi */
	{ 0x064, 4, 450, 1300 },		/* vintr */
	{ 0x06e, 0, 0.05, 1500 },		/* rdpmc */
	{ 0x072, 42, 55, 1700 },		/* cpuid */
	{ 0x077, 0.1, 1500, 900 },		/* pause */
	{ 0x078, 70, 2600, 3100 },		/* hlt */
	{ 0x07b, 1.5, 120, 21000 },		/* io */
	{ 0x07c, 130, 5200, 2100 },		/* msr */
	{ 0x081, 0.02, 3, 1600 },		/* vmmcall */
	{ 0x400, 2, 1900, 14000 },		/* npf */
};

#define REASONS (sizeof(reasons) / sizeof(reasons[0]))

struct guest {
	uint64_t handling[REASONS], away[REASONS], count[REASONS];
	uint64_t idle;			/* cycles */
	double ticks[6];		/* user, system, idle, iowait, irq, softirq */
	double available;
	enum { IDLE, LIGHT, BUSY, BURSTS } phase;
	unsigned int left_s;		/* of the phase */
	double level, noise;		/* how busy, 0 to 1; and what it varies by */
	bool burst;
};

/* How busy the guest is in the next second. */
static double advance(struct guest *g)
{
	double base;

	if (g->left_s-- == 0) {
		double which = evenly();

		g->phase = which < 0.4 ? IDLE : which < 0.7 ? LIGHT : which < 0.87 ? BUSY : BURSTS;
		g->left_s = 60 + (unsigned int)(-log(1 - evenly()) * 300);
		g->level = evenly();
	}
	if (evenly() < 0.2)
		g->burst = evenly() < 0.3;
	base = g->phase == IDLE	   ? 0.002
	       : g->phase == LIGHT ? 0.02 + 0.15 * g->level
	       : g->phase == BUSY  ? 0.4 + 0.55 * g->level
				   : g->burst ? 0.5 + 0.4 * g->level : 0.01;
	g->noise = 0.8 * g->noise + 0.08 * normal();
	base *= exp(g->noise);
	return base < 1 ? base : 1;
}

static void exit_by_reasons(struct guest *g, double level)
{
	double second = 1000.0 * TSC_KHZ * VCPUS;
	double unused = second * (1 - level) * (0.97 + 0.02 * evenly());

	for (size_t i = 0; i < REASONS; i++) {
		const struct reason *r = &reasons[i];
		uint64_t n = poisson(r->idle + (r->busy - r->idle) * level);
		double cycles = n * r->cycles * (1 + 0.3 * level) +
				sqrt(n) * r->cycles * 0.6 * normal();
		double away = cycles * 1.05 + n * level * 400 * evenly();

		if (cycles < n * 300.0)
			cycles = n * 300.0;
		away = away > cycles ? away : cycles;
		g->count[i] += n;
		g->handling[i] += cycles;
		g->away[i] += away;
	}
	g->idle += unused;
}

static void count(struct sample *s, enum workload_index index, double amount)
{
	s->workload.mask |= 1ULL << index;
	s->workload.value[index] += amount > 0 ? (uint64_t)amount : 0;
}

static void work(struct guest *g, double level, struct sample *s)
{
	double share[6] = { 0.7 * level, 0.2 * level, 0, 0.02 * level, 0, 0.01 + 0.02 * level };
	static const enum workload_index times[6] = {
		WORKLOAD_cpu_user_ms, WORKLOAD_cpu_system_ms, WORKLOAD_cpu_idle_ms,
		WORKLOAD_cpu_iowait_ms, WORKLOAD_cpu_irq_ms, WORKLOAD_cpu_softirq_ms,
	};
	uint64_t reads = poisson(400 * level * level), writes = poisson(1.2 + 150 * level);
	uint64_t received = poisson(2 + 900 * level), sent = poisson(1.5 + 700 * level);

	share[2] = 1 - share[0] - share[1] - share[3] - share[5];
	for (int i = 0; i < 6; i++) {
		/* The kernel counts in ticks of 10 ms. */
		g->ticks[i] += VCPUS * 100 * share[i] * (0.95 + 0.1 * evenly());
		count(s, times[i], 0);
		s->workload.value[times[i]] = (uint64_t)g->ticks[i] * 10;
	}
	count(s, WORKLOAD_context_switches, poisson(140 + 7000 * level));
	count(s, WORKLOAD_interrupts, poisson(90 + 4000 * level));
	count(s, WORKLOAD_softirqs, poisson(60 + 2500 * level));
	count(s, WORKLOAD_forks, poisson(0.3 + 12 * level));
	count(s, WORKLOAD_disk_reads, reads);
	count(s, WORKLOAD_disk_read_bytes, reads * 4096.0 + 512 * poisson(20 * reads));
	count(s, WORKLOAD_disk_writes, writes);
	count(s, WORKLOAD_disk_written_bytes, writes * 4096.0 + 512 * poisson(8 * writes));
	count(s, WORKLOAD_net_received_packets, received);
	count(s, WORKLOAD_net_received_bytes, received * (66 + 1000 * level * evenly()));
	count(s, WORKLOAD_net_sent_packets, sent);
	count(s, WORKLOAD_net_sent_bytes, sent * (66 + 500 * level * evenly()));
	s->workload.mask |= 1ULL << WORKLOAD_tasks_runnable |
			    1ULL << WORKLOAD_memory_available_bytes;
	s->workload.value[WORKLOAD_tasks_runnable] = 1 + poisson(4 * level);
	if (evenly() < 0.1 + 0.8 * level)
		g->available += 400 * normal() + 0.05 * (200000 - g->available);
	s->workload.value[WORKLOAD_memory_available_bytes] = 4096 * (uint64_t)fabs(g->available);
}

static void read_counters(const struct guest *g, struct sample *s, struct wire_writer *w)
{
	size_t began = detail_begin(w, DETAIL_REASONS);

	s->has = SAMPLE_HAS_EXITS | SAMPLE_HAS_HANDLING | SAMPLE_HAS_AWAY | SAMPLE_HAS_PACE |
		 SAMPLE_HAS_CLOCK_ERROR;
	s->exits = s->handling_cycles = s->away_cycles = 0;
	s->idle_cycles = g->idle;
	for (size_t i = 0; i < REASONS; i++) {
		struct detail_entry entry = {
			.id = reasons[i].number,
			.value = g->count[i],
			.handling_cycles = g->handling[i],
			.away_cycles = g->away[i],
		};

		s->exits += g->count[i];
		s->handling_cycles += g->handling[i];
		s->away_cycles += g->away[i];
		detail_put(w, DETAIL_REASONS, &entry);
	}
	detail_put(w, DETAIL_REASONS, &(struct detail_entry){ .id = VMEXIT_REASON_IDLE,
							       .away_cycles = g->idle });
	detail_end(w, began);
	s->detail = w->buf;
	s->detail_len = w->len;
}

int trace_generate(unsigned int seconds, struct trace *ret_trace)
{
	struct guest guest = { .available = 200000 };
	struct sample sample = { .interval_us = 1000000 };
	uint8_t detail[2048];
	struct trace trace = {
		.boot = { .number = 1, .cause = BOOT_CREATED, .opened_ns = TRACE_T0_NS - 20 * S,
			  .vcpus = VCPUS, .tsc_khz = TSC_KHZ, .reason_namespace = 2 },
	};

	random_state = 1;
	for (size_t i = 0; i < REASONS; i++)
		guest.count[i] = 1 + poisson(2000 * evenly() * evenly());
	for (unsigned int i = 0; i < seconds; i++) {
		struct wire_writer w = { .buf = detail, .size = sizeof(detail) };
		double level = advance(&guest);
		/* A timer's lateness: some 60 us, seldom more. */
		int64_t late_ns = 60000 + 15000 * normal() + (evenly() < 0.01 + level / 20) *
				  1e6 * evenly();

		exit_by_reasons(&guest, level);
		work(&guest, level, &sample);
		read_counters(&guest, &sample, &w);
		sample.sequence = i + 1;
		sample.t_boot_ns = 20 * S + i * S + late_ns;
		sample.t_wall_ns = TRACE_T0_NS + i * S + late_ns + (int64_t)(i * 3000) +
				   (int64_t)(40 * normal());
		sample.clock_error_ns = 60 + (uint32_t)(140 * evenly() * evenly());
		if (trace_add(&trace, SOURCE_GUEST, &sample) < 0) {
			trace_done(&trace);
			return -ENOMEM;
		}
	}
	*ret_trace = trace;
	return 0;
}
