/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/kind.h"

#include <string.h>

#include "guest-agent/shared/tap.h"

static bool is(const char *word, uint8_t kind, uint32_t id, const char *rate, const char *sum)
{
	struct key key;
	bool named;

	return kind_parse(word, &key, &named) == 0 && key.kind == kind && key.id == id &&
	       strcmp(kind_name(&key), word) == 0 && strcmp(kind_unit(&key, false), rate) == 0 &&
	       strcmp(kind_unit(&key, true), sum) == 0;
}

int main(void)
{
	struct boot boot = { .vcpus = 4, .tsc_khz = 2000000 }, unknown = { .vcpus = 4 };
	struct key key;
	bool named;

	ok(is("count", KEY_FIELD, FIELD_EXITS, "exits/s", "exits"), "count");
	ok(is("handling", KEY_FIELD, FIELD_HANDLING, "1", "s"), "handling");
	ok(is("away", KEY_FIELD, FIELD_AWAY, "1", "s"), "away");
	ok(is("idle", KEY_FIELD, FIELD_IDLE, "1", "s"), "idle");
	ok(is("agent", KEY_FIELD, FIELD_AGENT_EXITS, "exits/s", "exits"), "agent");
	ok(is("taken", KEY_FIELD, FIELD_TAKEN, "1/s", "1"), "taken");
	ok(is("forks", KEY_WORKLOAD, WORKLOAD_forks, "1/s", "1"), "a workload counter");
	ok(is("net_sent_bytes", KEY_WORKLOAD, WORKLOAD_net_sent_bytes, "B/s", "B"), "in bytes");
	ok(is("tasks_runnable", KEY_WORKLOAD, WORKLOAD_tasks_runnable, "1", "1"), "a level");
	ok(!kind_accumulates(&(struct key){ KEY_WORKLOAD, 0, 0, WORKLOAD_tasks_runnable, NULL }),
	   "which does not add up");
	ok(kind_parse("unit_cpu_us", &key, &named) == 0 && named && key.kind == KEY_UNIT &&
		   strcmp(kind_unit(&key, false), "us/s") == 0 && kind_accumulates(&key),
	   "CPU time of units goes by name");
	ok(kind_parse("process_cpu_us", &key, &named) == 0 && named && !kind_accumulates(&key),
	   "so does that of processes, which has no zero");
	for (const char *const *word = (const char *const[]){ "fork", "", "exits", "t_boot_ns",
							      "interval_us", "reason_exits",
							      "vcpu_exits", NULL };
	     *word; word++)
		ok(kind_parse(*word, &key, &named) < 0, "'%s' is no kind", *word);

	(void)kind_parse("away", &key, &named);
	ok(!kind_by_vcpu(&key) && kind_by_reason(&key) && key.kind == KEY_REASON_AWAY &&
		   kind_is_by_reason(&key) && strcmp(kind_name(&key), "away") == 0,
	   "away is known by reason, not by vCPU");
	ok(!kind_by_reason(&key) && !kind_by_vcpu(&key), "and not by both");
	(void)kind_parse("handling", &key, &named);
	ok(kind_scale(&key, &boot, false) == 1 / 8e9 && kind_scale(&key, &boot, true) == 1 / 2e9,
	   "a share is of all vCPUs' time, a sum in seconds");
	ok(kind_by_vcpu(&key) && kind_scale(&key, &boot, false) == 1 / 2e9, "a vCPU's of its own");
	ok(kind_scale(&key, &unknown, true) <= 0, "without a clock rate there is none");
	(void)kind_parse("idle", &key, &named);
	ok(!kind_by_reason(&key) && !kind_by_vcpu(&key), "idle is known of the VM alone");
	return done_testing();
}
