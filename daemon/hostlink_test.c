/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which boot a reading belongs to. */
#include "daemon/hostlink.h"

#include <string.h>

#include "guest-agent/shared/tap.h"

static void test_life(void)
{
	struct boot boot = { .life = "guest/0102" };
	struct vm vm = { .key = "plain", .boot = &boot };
	struct hostlink link = { .by_libvirt = false };
	struct host_reading first = { .key = "plain", .life = "host/42-9/777", .vcpus = 2 };
	struct host_reading second = { .key = "plain", .life = "host/50-9/999", .vcpus = 2 };

	hostlink_peer(&link, 42);
	ok(strcmp(hostlink_life(&link, &vm, "guest/x"), "guest/x") == 0,
	   "without a reading a boot is the guest's");
	ok(!hostlink_is_new(&link, &vm, &first), "the first reading joins a boot that the guest opened");
	ok(hostlink_note(&boot, &first) && strcmp(boot.life, "host/42-9/777") == 0 &&
		   boot.vcpus == 2,
	   "which takes its name");
	ok(!hostlink_is_new(&link, &vm, &first) && !hostlink_note(&boot, &first),
	   "the next tells nothing new");
	ok(strcmp(hostlink_life(&link, &vm, "guest/y"), "host/42-9/777") == 0,
	   "a boot that the guest opens later is of the same life");
	ok(hostlink_is_new(&link, &vm, &second), "another process is another boot");
	hostlink_peer(&link, 51);
	ok(strcmp(hostlink_life(&link, &vm, "guest/z"), "guest/z") == 0,
	   "of which nothing is known at first");
	boot.closed_ns = 1;
	ok(hostlink_is_new(&link, &vm, &first), "a boot that was closed is over");
	vm.boot = NULL;
	ok(hostlink_is_new(&link, &vm, &first), "a VM without a boot gets one");
	link.by_libvirt = true;
	ok(!hostlink_is_new(&link, &vm, &first), "with libvirt its events tell");
}

static void test_sample(void)
{
	struct host_reading r = {
		.t_ns = 5,
		.exits = 77,
		.handling_cycles = 88,
		.generation = 99,
		.tsc_khz = 2000000,
		.reason_namespace = 2,
	};
	struct boot boot = { .vcpus = 3 };
	struct sample s;

	hostlink_sample(&r, &s);
	ok(s.exits == 77 && s.t_wall_ns == 5 && s.has == SAMPLE_HAS_EXITS, "a total is a sample");
	r.has = HOST_HAS_CYCLES | HOST_HAS_REASONS;
	hostlink_sample(&r, &s);
	ok(s.has == (SAMPLE_HAS_EXITS | SAMPLE_HAS_HANDLING | SAMPLE_HAS_GENERATION) &&
		   s.handling_cycles == 88 && s.generation == 99,
	   "with all that is known");
	ok(hostlink_note(&boot, &r) && boot.vcpus == 3 && boot.tsc_khz == 2000000 &&
		   boot.reason_namespace == 2,
	   "what the boot does not know it is told");
	r.tsc_khz = 1;
	ok(!hostlink_note(&boot, &r) && boot.tsc_khz == 2000000, "what it knows stays");
}

static void test_key(void)
{
	ok(hostlink_is_domain("76d86578-6974-4000-8000-000000000001"), "a UUID is a domain's");
	ok(!hostlink_is_domain("router") && !hostlink_is_domain("") &&
		   !hostlink_is_domain("76d86578-6974-4000-8000-00000000000") &&
		   !hostlink_is_domain("76d86578-6974-4000-8000-0000000000012") &&
		   !hostlink_is_domain("76d86578-6974-4000-8000x000000000001"),
	   "all else is not");
}

int main(void)
{
	test_life();
	test_sample();
	test_key();
	return done_testing();
}
