/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What numbers are called, and what they are. */
#include "daemon/store/key.h"

#include "guest-agent/shared/tap.h"
#include "guest-agent/shared/workload.h"

/* Every key that has a name is found by it; its id is told where the name tells it. */
static void test_names(void)
{
	size_t bad = 0, named = 0;

	for (int kind = 0; kind < 256; kind++) {
		for (uint32_t id = 0; id < 100; id++) {
			struct key key = { .kind = kind, .id = id }, found;
			const char *name = key_kind_name(&key);
			bool any;

			if (!name)
				continue;
			named++;
			bad += key_kind_parse(name, &found, &any) != 0 || found.kind != kind;
			bad += any ? kind == KEY_FIELD || kind == KEY_WORKLOAD : found.id != id;
			bad += key_type(&key) == KEY_TYPE_NONE && kind != KEY_FIELD;
		}
	}
	ok(bad == 0 && named > WORKLOAD_COUNT + 8 * 100, "%zu keys are found by their names", named);
}

static void test_unknown(void)
{
	struct key key = { .kind = KEY_KINDS }, found;
	bool any;

	ok(!key_kind_name(&key) && key_unit(&key)[0] == '\0' && key_type(&key) == KEY_TYPE_NONE,
	   "an unknown kind has no name, unit or type");
	key = (struct key){ .kind = KEY_WORKLOAD, .id = WORKLOAD_COUNT };
	ok(!key_kind_name(&key) && key_type(&key) == KEY_TYPE_NONE, "nor has an unknown value");
	ok(key_kind_parse("", &found, &any) < 0 && key_kind_parse("exit", &found, &any) < 0 &&
		   key_kind_parse("Exits", &found, &any) < 0,
	   "no such name");
}

static void test_types(void)
{
	struct key exits = { .kind = KEY_FIELD, .id = FIELD_EXITS };
	struct key forks = { .kind = KEY_WORKLOAD, .id = WORKLOAD_forks };
	struct key runnable = { .kind = KEY_WORKLOAD, .id = WORKLOAD_tasks_runnable };
	struct key process = { .kind = KEY_PROCESS }, reason = { .kind = KEY_REASON_AWAY };

	ok(key_type(&exits) == KEY_TYPE_COUNTER && key_type(&forks) == KEY_TYPE_COUNTER &&
		   key_type(&runnable) == KEY_TYPE_GAUGE && key_type(&process) == KEY_TYPE_AMOUNT,
	   "counters, gauges, amounts");
	ok(key_is_vm_counter(&exits) && key_is_vm_counter(&reason) && !key_is_vm_counter(&forks) &&
		   !key_is_vm_counter(&process),
	   "what began at zero with the VM");
}

static void test_equal(void)
{
	struct key a = { .kind = KEY_UNIT, .name = "ab", .name_len = 2 }, b = a;

	b.name = "abc";
	ok(key_equal(&a, &b) && key_hash(&a) == key_hash(&b), "a name ends with its length");
	b.name_len = 3;
	ok(!key_equal(&a, &b), "and is another with another");
	b = a;
	b.aspect = ASPECT_SUM;
	ok(!key_equal(&a, &b), "as is an aspect of it");
}

int main(void)
{
	test_names();
	test_unknown();
	test_types();
	test_equal();
	return done_testing();
}
