/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/metrics/metrics.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "guest-agent/shared/detail.h"
#include "guest-agent/shared/reason.h"

const struct metric metrics[METRICS_COUNT] = {
#define X(id, name, unit, type, of, label, help) \
	[METRICS_##id] = { METRICS_##id, name, unit, METRICS_##type, METRICS_OF_##of, label, help },
	METRICS_MAP(X)
#undef X
};

/* Of the guest's workload: what a value is of, and what it is to be divided by. In order. */
static const struct {
	enum metrics_id id;
	const char *label;
	enum workload_index index;
	double divisor;
} workload[] = {
	{ METRICS_GUEST_CPU, "user", WORKLOAD_cpu_user_ms, 1e3 },
	{ METRICS_GUEST_CPU, "nice", WORKLOAD_cpu_nice_ms, 1e3 },
	{ METRICS_GUEST_CPU, "system", WORKLOAD_cpu_system_ms, 1e3 },
	{ METRICS_GUEST_CPU, "idle", WORKLOAD_cpu_idle_ms, 1e3 },
	{ METRICS_GUEST_CPU, "iowait", WORKLOAD_cpu_iowait_ms, 1e3 },
	{ METRICS_GUEST_CPU, "irq", WORKLOAD_cpu_irq_ms, 1e3 },
	{ METRICS_GUEST_CPU, "softirq", WORKLOAD_cpu_softirq_ms, 1e3 },
	{ METRICS_GUEST_CPU, "steal", WORKLOAD_cpu_steal_ms, 1e3 },
	{ METRICS_GUEST_CONTEXT_SWITCHES, NULL, WORKLOAD_context_switches, 1 },
	{ METRICS_GUEST_INTERRUPTS, NULL, WORKLOAD_interrupts, 1 },
	{ METRICS_GUEST_SOFTIRQS, NULL, WORKLOAD_softirqs, 1 },
	{ METRICS_GUEST_FORKS, NULL, WORKLOAD_forks, 1 },
	{ METRICS_GUEST_TASKS, "runnable", WORKLOAD_tasks_runnable, 1 },
	{ METRICS_GUEST_TASKS, "blocked", WORKLOAD_tasks_blocked, 1 },
	{ METRICS_GUEST_MEMORY, "total", WORKLOAD_memory_total_bytes, 1 },
	{ METRICS_GUEST_MEMORY, "available", WORKLOAD_memory_available_bytes, 1 },
	{ METRICS_GUEST_DISK_READS, NULL, WORKLOAD_disk_reads, 1 },
	{ METRICS_GUEST_DISK_READ_BYTES, NULL, WORKLOAD_disk_read_bytes, 1 },
	{ METRICS_GUEST_DISK_WRITES, NULL, WORKLOAD_disk_writes, 1 },
	{ METRICS_GUEST_DISK_WRITTEN_BYTES, NULL, WORKLOAD_disk_written_bytes, 1 },
	{ METRICS_GUEST_DISK_BUSY, NULL, WORKLOAD_disk_busy_ms, 1e3 },
	{ METRICS_GUEST_NET_PACKETS, "received", WORKLOAD_net_received_packets, 1 },
	{ METRICS_GUEST_NET_PACKETS, "sent", WORKLOAD_net_sent_packets, 1 },
	{ METRICS_GUEST_NET_BYTES, "received", WORKLOAD_net_received_bytes, 1 },
	{ METRICS_GUEST_NET_BYTES, "sent", WORKLOAD_net_sent_bytes, 1 },
	{ METRICS_GUEST_PRESSURE_WAITING, "cpu", WORKLOAD_psi_cpu_some_us, 1e6 },
	{ METRICS_GUEST_PRESSURE_WAITING, "memory", WORKLOAD_psi_memory_some_us, 1e6 },
	{ METRICS_GUEST_PRESSURE_WAITING, "io", WORKLOAD_psi_io_some_us, 1e6 },
	{ METRICS_GUEST_PRESSURE_STALLED, "memory", WORKLOAD_psi_memory_full_us, 1e6 },
	{ METRICS_GUEST_PRESSURE_STALLED, "io", WORKLOAD_psi_io_full_us, 1e6 },
	{ METRICS_GUEST_PAGE_FAULTS, NULL, WORKLOAD_page_faults, 1 },
	{ METRICS_GUEST_SWAPPED_PAGES, "in", WORKLOAD_pages_swapped_in, 1 },
	{ METRICS_GUEST_SWAPPED_PAGES, "out", WORKLOAD_pages_swapped_out, 1 },
};

#define WORKLOADS (sizeof(workload) / sizeof(workload[0]))

static_assert(WORKLOADS == WORKLOAD_COUNT, "every workload value has a metric");

#define REASONS_MAX 192			/* names of a namespace */

/* Behind them "other"; exits, and twice seconds. */
static_assert(3 * (REASONS_MAX + 1) + WORKLOADS + 16 <= METRICS_OF_ROW_MAX, "too many values");

/* Each name of a namespace once, in the order of reason.h, and METRICS_REASON_OTHER. */
struct reason_names {
	const char *name[REASONS_MAX + 1];
	size_t count, other;
	/* Where a number counts, ascending by number. */
	struct { uint32_t number, at; } place[REASONS_MAX];
	size_t places;
};

/* Made once: a sample shall not take as long as all names do. */
static struct reason_names vmx, svm, none;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The sums of one name: exits, cycles of handling and away. */
struct reason_sum {
	bool present;
	uint64_t value[3];
};

/* Where calls go, until one does not return 0. */
struct walk {
	metrics_fn fn;
	void *ctx;
	int result;
};

static void say(struct walk *w, enum metrics_id id, const char *label, double value)
{
	if (w->result == 0)
		w->result = w->fn(w->ctx, &metrics[id], label, value);
}

static void say_if(struct walk *w, bool known, enum metrics_id id, double value)
{
	if (known)
		say(w, id, NULL, value);
}

/*
 * To the microsecond, which a counter never is wrong by more than half of: the digits behind it
 * are noise that a receiver would have to store, at twice the bytes for all samples together.
 */
static double seconds_of(const struct boot *boot, uint64_t cycles)
{
	return rint(cycles / (boot->tsc_khz * 1e-3)) / 1e6;
}

static size_t place_of_name(struct reason_names *names, const char *name)
{
	size_t i = 0;

	while (i < names->count && strcmp(names->name[i], name) != 0)
		i++;
	if (i == names->count)
		names->name[names->count++] = name;
	return i;
}

static void list_names(struct reason_names *names, uint32_t namespace)
{
	size_t count = reason_count(namespace);

	assert(count <= REASONS_MAX);
	for (size_t i = 0; i < count; i++) {
		size_t at = names->places++;
		const char *name;
		uint32_t number;

		reason_at(namespace, i, &number, &name);
		for (; at > 0 && names->place[at - 1].number > number; at--)
			names->place[at] = names->place[at - 1];
		names->place[at].number = number;
		names->place[at].at = place_of_name(names, name);
	}
	names->other = place_of_name(names, METRICS_REASON_OTHER);
}

static void list_all(void)
{
	list_names(&vmx, VMEXIT_REASONS_VMX);
	list_names(&svm, VMEXIT_REASONS_SVM);
	list_names(&none, 0);
}

static const struct reason_names *names_of(uint32_t namespace)
{
	(void)pthread_once(&once, list_all);
	return namespace == VMEXIT_REASONS_VMX	 ? &vmx
	       : namespace == VMEXIT_REASONS_SVM ? &svm
						 : &none;
}

/* A guest may send what it likes; sums shall not fall for it. */
static void add(uint64_t *sum, uint64_t value)
{
	*sum = value > UINT64_MAX - *sum ? UINT64_MAX : *sum + value;
}

static void sum_reasons(const struct reason_names *names, struct detail_iter *iter,
			struct reason_sum *sums)
{
	struct detail_entry entry;
	size_t next = 0;

	/* Both ascend. */
	while (detail_next(iter, &entry)) {
		struct reason_sum *sum = &sums[names->other];

		while (next < names->places && names->place[next].number < entry.id)
			next++;
		if (next < names->places && names->place[next].number == entry.id)
			sum = &sums[names->place[next].at];
		sum->present = true;
		add(&sum->value[0], entry.value);
		add(&sum->value[1], entry.handling_cycles);
		add(&sum->value[2], entry.away_cycles);
	}
}

static void say_reasons(struct walk *w, const struct boot *boot, const struct sample *sample)
{
	static const struct {
		enum metrics_id id;
		uint32_t has;
	} parts[] = {
		{ METRICS_REASON_EXITS, 0 },
		{ METRICS_REASON_HANDLING, SAMPLE_HAS_HANDLING },
		{ METRICS_REASON_AWAY, SAMPLE_HAS_AWAY },
	};
	const struct reason_names *names = names_of(boot->reason_namespace);
	struct reason_sum sums[REASONS_MAX + 1] = { 0 };
	struct detail_iter iter;

	if (!detail_find(sample->detail, sample->detail_len, DETAIL_REASONS, &iter))
		return;
	sum_reasons(names, &iter, sums);
	for (size_t part = 0; part < 3; part++) {
		if (part > 0 && (boot->tsc_khz == 0 || !(sample->has & parts[part].has)))
			continue;
		for (size_t i = 0; i < names->count; i++) {
			uint64_t value = sums[i].value[part];

			if (sums[i].present)
				say(w, parts[part].id, names->name[i],
				    part == 0 ? (double)value : seconds_of(boot, value));
		}
	}
}

static void say_workload(struct walk *w, const struct workload *of)
{
	for (size_t i = 0; i < WORKLOADS; i++) {
		if (of->mask & 1ULL << workload[i].index)
			say(w, workload[i].id, workload[i].label,
			    of->value[workload[i].index] / workload[i].divisor);
	}
}

int metrics_of_row(const struct row_pair *pair, metrics_fn fn, void *ctx)
{
	const struct boot *boot = pair->row.boot;
	const struct sample *s = &pair->row.sample;
	bool hz = boot->tsc_khz > 0;
	struct walk w = { .fn = fn, .ctx = ctx };

	say_if(&w, s->has & SAMPLE_HAS_EXITS, METRICS_EXITS, s->exits);
	say_if(&w, hz && s->has & SAMPLE_HAS_HANDLING, METRICS_HANDLING,
	       seconds_of(boot, s->handling_cycles));
	say_if(&w, hz && s->has & SAMPLE_HAS_AWAY, METRICS_AWAY, seconds_of(boot, s->away_cycles));
	say_if(&w, hz && s->has & SAMPLE_HAS_AWAY, METRICS_IDLE, seconds_of(boot, s->idle_cycles));
	say_reasons(&w, boot, s);
	say_if(&w, s->has & SAMPLE_HAS_AGENT, METRICS_AGENT_EXITS, s->agent_exits);
	say_if(&w, s->has & SAMPLE_HAS_TAKEN, METRICS_AGENT_SAMPLES, s->taken);
	say_if(&w, boot->vcpus > 0, METRICS_VM_VCPUS, boot->vcpus);
	say_if(&w, s->has & SAMPLE_HAS_PACE, METRICS_SAMPLE_INTERVAL, s->interval_us / 1e6);
	say_if(&w, s->has & SAMPLE_HAS_CLOCK_ERROR, METRICS_CLOCK_ERROR, s->clock_error_ns / 1e9);
	say_workload(&w, &s->workload);
	say_if(&w, s->has & SAMPLE_HAS_EXITS, METRICS_BOOT_EXITS, pair->exits);
	/* As exact as a receiver's own timestamps. */
	say(&w, METRICS_SAMPLE_TIME, NULL, s->t_wall_ns / 1000000 / 1e3);
	return w.result;
}

bool metrics_from_zero(const struct boot *boot)
{
	return boot->cause == BOOT_CREATED;
}

const char *metrics_source(enum sample_source source)
{
	return source == SOURCE_GUEST ? "guest" : "host";
}
