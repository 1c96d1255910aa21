/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the host reads and libvirt tells, told to the right VM and boot. */
#define now_ns collect_now_ns
#include "daemon/intake/collect.c"
#undef now_ns
#include "daemon/intake/testmember.h"

#define UUID "76d86578-6974-4000-8000-000000000001"
#define OF_VM " WHERE boot IN (SELECT boot.id FROM boot JOIN vm ON vm.id = boot.vm WHERE vm.key = '%s')"

static struct collect *collect;

static void happens(enum domain_event event, const char *life, enum vm_state state)
{
	struct domain domain = { .uuid = UUID, .name = "one", .state = state };

	snprintf(domain.life, sizeof(domain.life), "%s", life);
	collect_domains_ops.event(collect, event, &domain);
}

/* The host reads @exits now, half of them for each of two reasons, the higher first. */
/* The VM's process began so long ago; 0: nobody knows. */
static int64_t age_ns;

static void reads(const char *key, const char *life, uint64_t generation, uint64_t exits)
{
	struct host_reading *r = calloc(1, sizeof(*r) + 2 * sizeof(*r->reasons));

	if (!r)
		exit(1);
	snprintf(r->key, sizeof(r->key), "%s", key);
	snprintf(r->life, sizeof(r->life), "%s", life);
	r->t_ns = now_ns();
	r->began_ns = age_ns ? r->t_ns - age_ns : 0;
	r->error_ns = 1000;
	r->has = HOST_HAS_REASONS | HOST_HAS_CYCLES | HOST_HAS_IDLE;
	r->vcpus = 2;
	r->tsc_khz = 1000000;
	r->reason_namespace = 2;
	r->generation = generation;
	r->exits = exits;
	r->handling_cycles = 10 * exits;
	r->away_cycles = 20 * exits;
	r->idle_cycles = 30 * exits;
	r->reasons_count = 2;
	r->reasons[0] = (struct host_reason){ 120, exits / 2, 1, 2 };
	r->reasons[1] = (struct host_reason){ 64, exits - exits / 2, 3, 4 };
	collect_host_ops.reading(collect, r);
	free(r);
}

static int64_t count(const char *what, const char *key)
{
	char sql[512];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s" OF_VM, what, key);
	return number(sql);
}

static void test_reading(void)
{
	happens(DOMAIN_STARTED, "host/1", VM_RUNNING);
	reads("nobody", "", G1, 5);
	ok(number("SELECT count(*) FROM sample") == 0, "a reading of a VM that is not known is dropped");
	reads(UUID, "", G1, 1000);
	ok(number("SELECT count(*) FROM sample WHERE source = 1 AND exits = 1000 AND"
		  " handling_cycles = 10000 AND away_cycles = 20000 AND idle_cycles = 30000 AND"
		  " clock_error_ns = 1000") == 1,
	   "a reading is a sample with all its cycles");
	ok(number("SELECT count(*) FROM sample WHERE"
		  " hex(detail) = '20000A0040F403030478F4030102'") == 1,
	   "and its reasons in ascending order");
	ok(number("SELECT vcpus * 100 + reason_namespace FROM boot") == 202 &&
		   number("SELECT tsc_khz FROM boot") == 1000000,
	   "its boot knows what the host knows");
	ok(number("SELECT created_ns = opened_ns AND cause = 1 FROM boot"), "and when it was created");
	reads(UUID, "", G1, 900);
	ok(number("SELECT max(number) FROM boot") == 2, "a count that falls is of another boot");
	happens(DOMAIN_STOPPED, "", VM_STOPPED);
	reads(UUID, "", G1, 950);
	ok(number("SELECT count(*) FROM sample") == 2, "what comes behind the end is dropped");
}

static void test_liar(void)
{
	struct proto_hello hello = hello_of(7, G2);
	struct sample s;
	struct member *one;
	uint64_t committed;

	happens(DOMAIN_STARTED, "host/2", VM_RUNNING);
	one = find_member(collect, UUID);
	intake_hello(one, &hello, &committed);
	reads(UUID, "", G2, 5000);
	s = at(10, 4000, G2, 3000);
	s.has &= ~SAMPLE_HAS_CLOCK;
	(void)intake_sample(one, &s, true);
	ok(count("quarantine", UUID) == 0, "an honest guest is believed");
	s = at(20, 900000000, G2, 100);
	(void)intake_sample(one, &s, false);
	reads(UUID, "", G2, 5100);
	usleep(100000);
	reads(UUID, "", G2, 5200);
	ok(number("SELECT count(*) FROM quarantine WHERE cause = 5") == 1,
	   "one that claims more than the host read is not");
}

static void test_found(void)
{
	happens(DOMAIN_STOPPED, "", VM_STOPPED);
	happens(DOMAIN_FOUND, "host/3", VM_RUNNING);
	happens(DOMAIN_STARTED, "host/3", VM_RUNNING);
	ok(number("SELECT cause = 1 AND created_ns IS NULL FROM boot ORDER BY id DESC LIMIT 1"),
	   "a start that is told late was a creation, at a time that nobody knows");
	collect_domains_ops.lost(collect);
	ok(find_member(collect, UUID)->vm->state == VM_UNKNOWN, "without libvirt its state is unknown");
	collect_domains_ops.listed(collect);
	ok(find_member(collect, UUID)->vm->state == VM_STOPPED &&
		   number("SELECT closed_ns IS NOT NULL FROM boot ORDER BY id DESC LIMIT 1"),
	   "and stopped, when libvirt comes back without it");
	ok(collect_set_pace(collect, UUID, 1000) == -ENOENT && collect_set_pace(collect, "x", 1) == -ENOENT,
	   "no rate is asked of a VM without a channel");
}

static void test_plain(void)
{
	struct proto_hello hello = hello_of(9, G1);
	struct member *plain = get_member(collect, "plain", "plain");
	uint64_t committed;

	reads("plain", "host/42-9/1", G1, 100);
	ok(plain->vm->boot && plain->vm->boot->cause == BOOT_FOUND &&
		   strcmp(plain->vm->boot->life, "host/42-9/1") == 0,
	   "without libvirt a reading opens a boot");
	intake_hello(plain, &hello, &committed);
	ok(plain->vm->boot->number == 1 && plain->joined, "which its guest joins");
	reads("plain", "host/50-9/2", G2, 50);
	ok(plain->vm->boot->number == 2 && !plain->joined, "another process is another boot");
	hello = hello_of(10, G2);
	intake_hello(plain, &hello, &committed);
	hello = hello_of(11, G2);
	intake_hello(plain, &hello, &committed);
	ok(plain->vm->boot->number == 3 && strcmp(plain->vm->boot->life, "host/50-9/2") == 0,
	   "a guest's reboot is another boot of the same life");
	reads("plain", "host/50-9/2", G2, 70);
	ok(count("sample", "plain") == 3 && plain->vm->boot->number == 3, "in which the host goes on");
	age_ns = 11 * S;
	reads("plain", "host/60-9/3", G1, 50);
	ok(plain->vm->boot->number == 4 && plain->vm->boot->cause == BOOT_FOUND &&
		   !plain->vm->boot->created_ns,
	   "a process that has run for a while was found");
	age_ns = 2 * S;
	reads("plain", "host/70-9/4", G2, 50);
	ok(plain->vm->boot->number == 5 && plain->vm->boot->cause == BOOT_CREATED &&
		   plain->vm->boot->created_ns == plain->vm->boot->opened_ns &&
		   now_ns() - plain->vm->boot->opened_ns >= 2 * S &&
		   now_ns() - plain->vm->boot->opened_ns < 4 * S,
	   "one that has just begun was seen to be created");
	age_ns = -5 * S;
	reads("plain", "host/80-9/5", G1, 50);
	ok(plain->vm->boot->cause == BOOT_FOUND, "one that is yet to begin was not");
	age_ns = 0;
}

int main(void)
{
	struct vitals *vitals = vitals_new();

	if (!testmember_start() || !vitals)
		return 1;
	collect = collect_new(setting.store, vitals, 256);
	if (!collect)
		return 1;
	test_reading();
	test_liar();
	test_found();
	test_plain();
	collect_free(collect);
	vitals_free(vitals);
	testmember_end();
	return done_testing();
}
