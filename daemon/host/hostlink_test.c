/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which boot a reading belongs to, and what of it is stored. */
#include "daemon/host/hostlink.h"

#include <stdlib.h>
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
	ok(hostlink_note(&link, &boot, &first) && strcmp(boot.life, "host/42-9/777") == 0 &&
		   boot.vcpus == 2,
	   "which takes its name");
	ok(!hostlink_is_new(&link, &vm, &first) && !hostlink_note(&link, &boot, &first),
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

static void test_note(void)
{
	struct host_reading r = {
		.has = HOST_HAS_REASONS,
		.tsc_khz = 2000000,
		.reason_namespace = 2,
	};
	struct boot boot = { .vcpus = 3 };
	struct hostlink link = { 0 };

	ok(hostlink_note(&link, &boot, &r) && boot.vcpus == 3 && boot.tsc_khz == 2000000 &&
		   boot.reason_namespace == 2,
	   "what the boot does not know it is told");
	r.tsc_khz = 2000100;
	ok(!hostlink_note(&link, &boot, &r) && boot.tsc_khz == 2000000, "what it knows stays");
	boot.tsc_khz = 1900200;
	ok(!hostlink_correct(&link, &boot) && boot.tsc_khz == 1900200,
	   "also a TSC that was calibrated otherwise");
	boot.tsc_khz = 4000000000;
	boot.reason_namespace = 1;
	ok(hostlink_correct(&link, &boot) && boot.tsc_khz == 2000100 && boot.reason_namespace == 2,
	   "but not what cannot be");
	r.tsc_khz = 0;
	r.has = 0;
	r.reason_namespace = 1;
	ok(!hostlink_note(&link, &boot, &r) && boot.tsc_khz == 2000100 && boot.reason_namespace == 2,
	   "nor for a reading that does not know");
}

static void test_generation(void)
{
	struct boot boot = { .life = "kvm/0000000000000007", .has_generation = true, .generation = 7 };
	struct vm vm = { .key = "plain", .boot = &boot };
	struct hostlink link = { .by_libvirt = false };
	struct host_reading r = {
		.life = "host/42-9/777",
		.has = HOST_HAS_REASONS,
		.generation = 7,
	};

	ok(!hostlink_is_new(&link, &vm, &r), "a guest's boot of the same generation is the reading's");
	r.generation = 8;
	ok(hostlink_is_new(&link, &vm, &r), "one of another generation is not");
	r.has = 0;
	ok(!hostlink_is_new(&link, &vm, &r), "where the host knows no generation it joins");
}

static struct host_reading *make_reading(size_t reasons)
{
	struct host_reading *r = calloc(1, sizeof(*r) + reasons * sizeof(*r->reasons));

	if (!r)
		exit(1);
	r->t_ns = 5;
	r->error_ns = 3;
	r->exits = 77;
	r->handling_cycles = 88;
	r->away_cycles = 90;
	r->idle_cycles = 91;
	r->generation = 99;
	r->reasons_count = reasons;
	return r;
}

static void test_sample(void)
{
	struct host_reading *r = make_reading(0);
	struct hostlink_detail detail;
	struct sample s;

	hostlink_sample(r, &detail, &s);
	ok(s.exits == 77 && s.t_wall_ns == 5 && s.clock_error_ns == 3 &&
		   s.has == SAMPLE_HAS_EXITS && s.detail_len == 0,
	   "a total is a sample");
	r->has = HOST_HAS_CYCLES;
	hostlink_sample(r, &detail, &s);
	ok(s.has == (SAMPLE_HAS_EXITS | SAMPLE_HAS_HANDLING) && s.handling_cycles == 88,
	   "away cycles without idle ones stay unknown");
	r->has = HOST_HAS_CYCLES | HOST_HAS_IDLE | HOST_HAS_REASONS;
	hostlink_sample(r, &detail, &s);
	ok(s.has == (SAMPLE_HAS_EXITS | SAMPLE_HAS_HANDLING | SAMPLE_HAS_AWAY |
		     SAMPLE_HAS_GENERATION) &&
		   s.away_cycles == 90 && s.idle_cycles == 91 && s.generation == 99,
	   "with all that is known");
	free(r);
}

static void test_reasons(void)
{
	struct host_reading *r = make_reading(KVMDEBUGFS_REASONS_MAX);
	struct hostlink_detail detail;
	struct detail_entry entry;
	struct detail_iter iter;
	struct sample s;
	unsigned int n = 0;

	r->has = HOST_HAS_REASONS;
	/* Descending, and each number as long as can be. */
	for (uint32_t i = 0; i < KVMDEBUGFS_REASONS_MAX; i++)
		r->reasons[i] = (struct host_reason){ UINT32_MAX - i, UINT64_MAX, UINT64_MAX, i };
	hostlink_sample(r, &detail, &s);
	ok(s.detail_len > 0 && detail_is_valid(s.detail, s.detail_len),
	   "as many reasons as there can be make a list");
	ok(detail_find(s.detail, s.detail_len, DETAIL_REASONS, &iter), "of reasons");
	while (detail_next(&iter, &entry)) {
		if (entry.id == UINT32_MAX - entry.away_cycles && entry.value == UINT64_MAX &&
		    entry.handling_cycles == UINT64_MAX)
			n++;
	}
	ok(n == KVMDEBUGFS_REASONS_MAX, "with what was counted of each");
	r->reasons[0].reason = r->reasons[1].reason;
	hostlink_sample(r, &detail, &s);
	ok(s.detail_len == 0 && s.exits == 77, "a reason that is there twice makes none");
	free(r);
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
	test_generation();
	test_note();
	test_sample();
	test_reasons();
	test_key();
	return done_testing();
}
