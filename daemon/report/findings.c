/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/report/findings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/report/words.h"
#include "guest-agent/shared/reason.h"

/* Of a rule of a class. */
struct thresholds {
	enum explain_class class;
	double rate, count, time;
};

static const struct thresholds class_rules[] = {
#define X(class, rate, count, time) [FINDINGS_RULE_##class] = { EXPLAIN_##class, rate, count, time },
	FINDINGS_CLASS_RULES(X)
#undef X
};

#define CLASS_RULES (sizeof(class_rules) / sizeof(class_rules[0]))

static const double thresholds[FINDINGS_RULES_COUNT] = {
#define X(id, threshold) [FINDINGS_RULE_##id] = threshold,
	FINDINGS_OTHER_RULES(X)
#undef X
};

static const char *const ids[FINDINGS_RULES_COUNT] = {
#define X(class, rate, count, time) [FINDINGS_RULE_##class] = #class,
	FINDINGS_CLASS_RULES(X)
#undef X
#define X(id, threshold) [FINDINGS_RULE_##id] = #id,
	FINDINGS_OTHER_RULES(X)
#undef X
};

static const struct {
	const char *title, *meaning, *advice;
} words[FINDINGS_RULES_COUNT] = {
	[FINDINGS_RULE_halt] = { "Sleeping and waking up",
		"Each time a vCPU has nothing to do it leaves the guest, and comes back for the next "
		"interrupt. Short sleeps cost more than they save.",
		"Look for what wakes it: timers and interrupts of the guest. Where latency matters "
		"more than the host's CPU time, KVM can wait a little before it lets a vCPU sleep "
		"(halt_poll_ns of the module kvm), or the guest can (the haltpoll governor)." },
	[FINDINGS_RULE_memory] = { "Memory that is not mapped",
		"The host gives a page of memory when the guest touches it for the first time. That "
		"is usual while a guest boots or a program grows. In a guest that has been running "
		"for long it points to ballooning, swapping on the host, page merging (KSM) or a "
		"live migration.",
		"Back the guest's memory with huge pages, or have it allocated in advance "
		"(QEMU's prealloc=on); look at the host's swap and at the balloon's size. On AMD "
		"emulated devices count here, too: see whether they can be replaced by virtio." },
	[FINDINGS_RULE_mmio] = { "Device registers in memory",
		"Each access to an emulated device's registers leaves the guest. Virtio devices do it "
		"once for a batch of requests, emulated ones several times for each.",
		"Use virtio in place of emulated disks and network cards (e1000, SATA, USB). If they "
		"are virtio already, more requests at a time (deeper queues, larger packets) "
		"need fewer notifications." },
	[FINDINGS_RULE_port] = { "I/O ports of emulated devices",
		"Each byte to an old-fashioned device, such as a serial console, an IDE disk or a "
		"PS/2 keyboard, leaves the guest, often as far as QEMU.",
		"Write less to the serial console (the kernel's option quiet, or a virtio console), "
		"and use virtio in place of IDE and old network cards. A firmware that starts "
		"from such a device does it until the kernel takes over." },
	[FINDINGS_RULE_msr] = { "Model-specific registers",
		"Most of it is the guest setting its next timer, or one vCPU sending an interrupt to "
		"another one.",
		"Look at the guest's timers and at how often its threads wake each other up. A guest "
		"kernel without periodic ticks (nohz), fewer vCPUs, or a host that offers APIC "
		"virtualisation needs fewer." },
	[FINDINGS_RULE_interrupt] = { "Interrupts of the host",
		"The guest did nothing for these: the host's own timer, devices, or other CPUs of the "
		"host interrupt it.",
		"Keep the host's work off the CPUs that run this guest: bind interrupts and vCPUs "
		"elsewhere (smp_affinity, vcpupin), and look at the host's timer ticks (nohz_full)." },
	[FINDINGS_RULE_window] = { "Interrupts that wait for the guest",
		"KVM had an interrupt for the guest while the guest had interrupts switched off, and "
		"had to ask for an exit when it switched them on again.",
		"A CPU with APIC virtualisation (APICv, AVIC) makes most of these go away; see "
		"whether it is enabled in the module's parameters." },
	[FINDINGS_RULE_timer] = { "Timers of the guest",
		"Something in the guest asks to be woken very often.",
		"Look at what sleeps for short times in the guest (perf trace, timer_list), at its "
		"kernel's tick rate, and at its clock source, which should be kvm-clock or tsc." },
	[FINDINGS_RULE_apic] = { "An emulated interrupt controller",
		"The guest's interrupt controller is played by KVM in software, or partly so.",
		"See whether APICv or AVIC is enabled on the host, and x2APIC in the guest." },
	[FINDINGS_RULE_pause] = { "vCPUs that wait for each other in loops",
		"A vCPU spins for a lock or an answer of another vCPU. If that one does not run, as "
		"the host runs something else, it spins in vain.",
		"Do not give guests more vCPUs than the host has CPUs for; see the steal time. In "
		"the guest, paravirtual spinlocks should be on (they are by default)." },
	[FINDINGS_RULE_cpuid] = { "Asking for the CPU's features",
		"A few hundred of these are usual while a kernel boots. Later they come from "
		"programs that ask at each start or, worse, use the instruction as a barrier. "
		"vmexit's agent uses it for its measurements, too.",
		"Look at what starts many short processes; see below what the agent itself "
		"causes." },
	[FINDINGS_RULE_control] = { "Changes of the CPU's mode",
		"Control registers or descriptor tables are changed. That is usual while a guest "
		"boots; a guest that does so later runs nested code, or without nested paging.",
		"See whether the host uses EPT or NPT (the parameters ept and npt of KVM's "
		"modules)." },
	[FINDINGS_RULE_debug] = { "Debug registers and single steps",
		"A debugger or profiler in the guest, or on its behalf, is at work.",
		"Find out who does that: it slows down the guest much." },
	[FINDINGS_RULE_exception] = { "Exceptions that KVM handles",
		"Without nested paging each page fault is one. Else it is a debugger, or a program "
		"that relies on instructions that are emulated.",
		"See whether the host uses EPT or NPT (the parameters ept and npt of KVM's "
		"modules)." },
	[FINDINGS_RULE_clock] = { "An emulated clock",
		"The guest reads the CPU's clock, and each reading leaves the guest.",
		"Let the guest use the clock source kvm-clock or tsc, and see why the host intercepts "
		"it (an unstable TSC, a nested hypervisor)." },
	[FINDINGS_RULE_hypercall] = { "Calls to the hypervisor",
		"A guest that knows KVM asks it to wake other vCPUs, or to send interrupts to "
		"several.",
		"Look at how often threads in the guest wake each other up." },
	[FINDINGS_RULE_nested] = { "Virtual machines in the virtual machine",
		"Each exit of the inner guest costs many exits of the outer one.",
		"If that is not what it is for, find out what it runs; else enable the host's "
		"features for nesting (VMCS shadowing, virtual VMLOAD and VMSAVE)." },
	[FINDINGS_RULE_cache] = { "Flushed caches and address translations",
		"Flushing all caches (WBINVD) is slow, and KVM has to do it for the guest.",
		"See which driver in the guest does that, and whether devices are passed through." },
	[FINDINGS_RULE_lost] = { "Time lost to exits",
		"While an exit is handled, its vCPU does nothing for the guest.",
		"See the reasons by time below: the first ones are worth the effort." },
	[FINDINGS_RULE_steal] = { "Waiting for a CPU of the host",
		"Steal time is when a vCPU had something to do, and the host ran something else.",
		"The host has more to do than CPUs: move guests away, or give this one CPUs of its "
		"own." },
	[FINDINGS_RULE_bursty] = { "Bursts of exits",
		"Averages hide them: what the guest does in a burst waits for them all the more.",
		"See below what ran during the largest bursts, and what kinds of exits they were." },
	[FINDINGS_RULE_phase] = { "One phase with most of the exits",
		"It takes a larger part of the exits than of the time.",
		"See the phases below for the kinds of exits there. To shorten a boot, begin with "
		"that phase." },
	[FINDINGS_RULE_agent] = { "The measurement itself",
		"vmexit's agent reads the counters with an instruction that exits, and its samples "
		"have to be sent.",
		"Where that matters take fewer samples (vmexitctl rate, or the agent's interval) or "
		"fewer lists." },
};

/* The share of the vCPUs' time that a class took; 0 where nothing is known. */
static double time_share(const struct findings_facts *f, const struct findings_class *c)
{
	double seconds = f->has_away ? c->away_s : f->has_handling ? c->handling_s : 0;

	return f->vcpu_s > 0 ? seconds / f->vcpu_s : 0;
}

static void describe_class(const struct findings_facts *f, const struct findings_class *c,
			   double rate, char figure[FINDINGS_TEXT_MAX])
{
	const char *name = reason_name(f->reason_namespace, c->number);
	bool has_time = f->vcpu_s > 0 && (f->has_away || f->has_handling);
	char a[WORDS_MAX], b[WORDS_MAX], d[WORDS_MAX], number[WORDS_MAX], time[96] = "";

	snprintf(number, sizeof(number), "reason %u", c->number);
	if (has_time)
		snprintf(time, sizeof(time), "; they took %s of the vCPUs' time",
			 words_share(d, time_share(f, c)));
	snprintf(figure, FINDINGS_TEXT_MAX, "%s%s: %s exits a second%s, %s of all exits%s.",
		 c->number_count < c->count ? "mostly " : "", name ? name : number,
		 words_number(a, rate), f->vcpu_s > 0 ? " and vCPU" : "",
		 words_share(b, f->exits ? (double)c->count / f->exits : 0), time);
}

static bool class_speaks(const struct findings_facts *f, enum findings_rule rule, struct finding *to)
{
	const struct thresholds *t = &class_rules[rule];
	const struct findings_class *c = &f->classes[t->class];
	double seconds = f->vcpu_s > 0 ? f->vcpu_s : f->seconds;
	double rate = seconds > 0 ? c->count / seconds : 0;
	double share = f->exits ? (double)c->count / f->exits : 0, time = time_share(f, c);

	if (c->count == 0 || !((rate >= t->rate && share >= t->count) || time >= t->time))
		return false;
	describe_class(f, c, rate, to->figure);
	to->weight = fmax(time, share / 10);
	return true;
}

static bool share_speaks(const struct findings_share *share, enum findings_rule rule,
			 const char *what, struct finding *to)
{
	char text[WORDS_MAX];

	if (!share->known || share->share < thresholds[rule])
		return false;
	snprintf(to->figure, sizeof(to->figure), "%s %s.", words_share(text, share->share), what);
	/* Exits of the agent's are few in number beside what others take in time. */
	to->weight = rule == FINDINGS_RULE_agent ? share->share / 10 : share->share;
	return true;
}

static bool bursts_speak(const struct findings_facts *f, struct finding *to)
{
	char a[WORDS_MAX], b[WORDS_MAX], c[WORDS_MAX], d[WORDS_MAX], e[WORDS_MAX], n[WORDS_MAX];

	if (!f->bursts.any || f->bursts.share < thresholds[FINDINGS_RULE_bursty])
		return false;
	snprintf(to->figure, sizeof(to->figure),
		 "%s of all exits came in %s burst%s on top of the usual rate. The largest, %s after the "
		 "begin, took %s with %s exits a second in place of %s.",
		 words_share(a, f->bursts.share), words_count(n, f->bursts.count),
		 f->bursts.count == 1 ? "" : "s", words_seconds(b, f->bursts.after),
		 words_seconds(c, f->bursts.seconds), words_number(d, f->bursts.rate),
		 words_number(e, f->bursts.base));
	to->weight = f->bursts.share / 10;
	return true;
}

static bool phase_speaks(const struct findings_facts *f, struct finding *to)
{
	char a[WORDS_MAX], b[WORDS_MAX];

	if (!f->phase.name || f->phase.share < thresholds[FINDINGS_RULE_phase] ||
	    f->phase.time_share > f->phase.share / 2)
		return false;
	snprintf(to->figure, sizeof(to->figure), "The phase '%s' has %s of the exits in %s of the time.",
		 f->phase.name, words_share(a, f->phase.share), words_share(b, f->phase.time_share));
	to->weight = f->phase.share / 10;
	return true;
}

static bool speaks(const struct findings_facts *f, enum findings_rule rule, struct finding *to)
{
	if (rule < CLASS_RULES)
		return f->reason_namespace && class_speaks(f, rule, to);
	switch (rule) {
	case FINDINGS_RULE_lost:
		return share_speaks(&f->lost, rule, "of the vCPUs' time was lost to exits", to);
	case FINDINGS_RULE_steal:
		return share_speaks(&f->steal, rule, "of the vCPUs' time was stolen", to);
	case FINDINGS_RULE_agent:
		return share_speaks(&f->agent, rule, "of all exits were caused by vmexit's agent", to);
	case FINDINGS_RULE_bursty:
		return bursts_speak(f, to);
	case FINDINGS_RULE_phase:
		return phase_speaks(f, to);
	default:
		return false;
	}
}

static int by_weight(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return (int)x->rule - (int)y->rule;
}

size_t findings_of(const struct findings_facts *facts, struct finding *ret_findings)
{
	size_t count = 0;

	for (enum findings_rule rule = 0; rule < FINDINGS_RULES_COUNT; rule++) {
		struct finding *to = &ret_findings[count];

		*to = (struct finding){ .rule = rule, .id = ids[rule], .title = words[rule].title,
					.meaning = words[rule].meaning, .advice = words[rule].advice };
		count += speaks(facts, rule, to);
	}
	qsort(ret_findings, count, sizeof(*ret_findings), by_weight);
	return count;
}
