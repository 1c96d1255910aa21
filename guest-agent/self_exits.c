/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/self_exits.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "guest-agent/leaf/counters.h"

#define NAP_MS 20
#define ROUND_NS 1200000000ULL		/* until the host has answered, at most */
#define ROUND_SILENT_NS 200000000ULL	/* when nothing was written that it could answer */
#define PAUSE_MIN_NS 1000000000ULL
#define PAUSE_MAX_NS 300000000000ULL
#define MEASURE_NS 450000000ULL
/* More than this was not the agent: while it waited, and while it worked. */
#define PLAUSIBLE 32
#define PLAUSIBLE_WORK 8
#define WORK_MAX 255
/* And this for each exit more: while it works, the guest's and the host's clocks tick. */
#define TICK_NS 1000000ULL

static void forget(struct self_exits_learned *l, unsigned int guess)
{
	*l = (struct self_exits_learned){ .guess = guess * SELF_EXITS_UNIT };
}

static void learn(struct self_exits_learned *l, int32_t value)
{
	l->value[l->next] = value;
	l->next = (l->next + 1) % SELF_EXITS_KEPT;
	if (l->count < SELF_EXITS_KEPT)
		l->count++;
}

static int compare(const void *a, const void *b)
{
	return *(const int32_t *)a - *(const int32_t *)b;
}

/* What is learned, in units: the mean of the middle half. */
static int32_t usual(const struct self_exits_learned *l)
{
	unsigned int from = l->count / 4, to = l->count - l->count / 4;
	int32_t sorted[SELF_EXITS_KEPT], sum = 0;

	if (l->count == 0)
		return l->guess;
	memcpy(sorted, l->value, sizeof(sorted));
	qsort(sorted, l->count, sizeof(sorted[0]), compare);
	for (unsigned int i = from; i < to; i++)
		sum += sorted[i];
	return sum < 0 ? 0 : sum / (int32_t)(to - from);
}

void self_exits_init(struct self_exits *self, struct leaf_cpu *cpu, const struct leaf *leaf)
{
	memset(self, 0, sizeof(*self));
	self->cpu = cpu;
	self->leaf = leaf;
	self_exits_moved(self);
}

void self_exits_moved(struct self_exits *self)
{
	memset(self->vcpu_of, 0, sizeof(self->vcpu_of));
	self->round = self->measuring = false;
	self->next_round_ns = 0;
	self->pause_ns = PAUSE_MIN_NS;
	forget(&self->wake, 6);
	forget(&self->answer, 6);
	forget(&self->written, 3);
	forget(&self->work_wrote, 1);
	forget(&self->work_quiet, 0);
}

static bool can_measure(const struct self_exits *self)
{
	return self->leaf->state == LEAF_PRESENT && self->leaf->features & VMEXIT_FEATURE_VCPU &&
	       self->leaf->features & VMEXIT_FEATURE_TOTAL;
}

/* Which vCPU a CPU is does not change while the VM lives. */
static bool own_vcpu(struct self_exits *self, uint32_t *ret_vcpu)
{
	int cpu = sched_getcpu();
	uint32_t regs[4];

	if (cpu < 0 || cpu >= SELF_EXITS_CPUS)
		return false;
	if (self->vcpu_of[cpu] == 0) {
		leaf_ask(self->cpu, VMEXIT_CPUID_CAPABILITIES, 1, regs);
		if (regs[0] >= UINT16_MAX)
			return false;
		self->vcpu_of[cpu] = regs[0] + 1;
	}
	*ret_vcpu = self->vcpu_of[cpu] - 1;
	return true;
}

/* From going to sleep to now, the exit of asking not included. */
static void learn_wait(struct self_exits *self)
{
	uint64_t total = counters_exits(self->cpu), exits = total - self->total - 1;
	int32_t waited;

	self->total = total;
	if (exits > PLAUSIBLE)
		return;
	waited = exits * SELF_EXITS_UNIT;
	if (self->why == SELF_EXITS_OTHER)
		learn(&self->answer, waited - (self->wrote ? usual(&self->written) : 0));
	else if (self->wrote)
		learn(&self->written, waited - usual(&self->wake));
	else
		learn(&self->wake, waited);
}

/* Ticks at times, what else wakes the agent only within a round. */
static bool should_measure(const struct self_exits *self, uint64_t now_ns)
{
	if (!can_measure(self) || self->why == SELF_EXITS_NAP)
		return false;
	return self->why == SELF_EXITS_TICK ? now_ns - self->measured_ns >= MEASURE_NS
					    : self->round;
}

void self_exits_begin(struct self_exits *self, enum self_exits_why why, uint64_t now_ns)
{
	self->why = why;
	if (!can_measure(self))
		self->round = false;
	if (self->round)
		learn_wait(self);
	self->measuring = should_measure(self, now_ns) && own_vcpu(self, &self->vcpu);
	if (why != SELF_EXITS_NAP || now_ns >= self->round_end_ns)
		self->round = false;
	self->other += usual(why == SELF_EXITS_OTHER ? &self->answer : &self->wake);
	if (self->wrote)
		self->other += usual(&self->written);
	self->wrote = false;
	if (!self->measuring)
		return;
	if (why == SELF_EXITS_TICK)
		self->measured_ns = now_ns;
	self->begun_ns = now_ns;
	self->exits = counters_vcpu_exits(self->cpu, self->vcpu);
	self->asked = self->cpu->asked;
}

static uint64_t plausible_work(uint64_t ns)
{
	uint64_t most = PLAUSIBLE_WORK + ns / TICK_NS;

	return most < WORK_MAX ? most : WORK_MAX;
}

static void book_work(struct self_exits *self, bool wrote, uint64_t now_ns)
{
	struct self_exits_learned *usually = wrote ? &self->work_wrote : &self->work_quiet;
	uint64_t exits, most;
	uint32_t vcpu;

	if (!self->measuring || !can_measure(self) || !own_vcpu(self, &vcpu) ||
	    vcpu != self->vcpu) {
		self->other += usual(usually);
		return;
	}
	exits = counters_vcpu_exits(self->cpu, vcpu) - self->exits;
	exits -= self->cpu->asked - self->asked;
	most = plausible_work(now_ns - self->begun_ns);
	if (exits <= most)
		learn(usually, exits * SELF_EXITS_UNIT);
	self->other += exits <= most ? exits * SELF_EXITS_UNIT : (uint64_t)usual(usually);
}

static void begin_round(struct self_exits *self, uint64_t now_ns)
{
	self->round = true;
	self->round_end_ns = now_ns + (self->wrote ? ROUND_NS : ROUND_SILENT_NS);
	self->next_round_ns = now_ns + self->pause_ns;
	self->pause_ns = 2 * self->pause_ns < PAUSE_MAX_NS ? 2 * self->pause_ns : PAUSE_MAX_NS;
	self->total = counters_exits(self->cpu);
}

void self_exits_end(struct self_exits *self, bool wrote, uint64_t now_ns)
{
	book_work(self, wrote, now_ns);
	self->wrote = wrote;
	if (self->why == SELF_EXITS_TICK && now_ns >= self->next_round_ns && can_measure(self))
		begin_round(self, now_ns);
}

int self_exits_nap_ms(const struct self_exits *self)
{
	return self->round ? NAP_MS : -1;
}

bool self_exits_count(const struct self_exits *self, uint64_t *ret_exits)
{
	if (self->leaf->state != LEAF_PRESENT)
		return false;
	*ret_exits = self->cpu->asked + self->other / SELF_EXITS_UNIT;
	return true;
}
