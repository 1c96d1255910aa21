/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an honest guest sends: boots, lives, duplicates, gaps, marks, times. */
#include <errno.h>

#include "daemon/intake/testmember.h"

static void test_dedupe(void)
{
	struct proto_hello hello = hello_of(1, G1);
	struct sample s = at(10, 100, G1, 0);
	uint64_t committed = 7;

	begin("dedupe");
	ok(intake_sample(m, &s, false) == -EAGAIN, "a sample in front of any hello is not taken");
	ok(intake_hello(m, &hello, &committed) && committed == 0, "a boot joins, nothing committed");
	send(&s);
	send_at(20, 200, G1, 0);
	send_at(20, 300, G1, 0);
	send_at(15, 150, G1, 0);
	ok(number("SELECT count(*) FROM sample") == 2, "what is not above the last is dropped");
	ok(number("SELECT exits FROM sample WHERE sequence = 20") == 200, "the first one stays");
	ok(intake_hello(m, &hello, &committed) && committed == 20, "committed, and said");
	restart();
	ok(join(1, G1) && m->vm->boot->number == 1, "after a restart the boot goes on");
	send_at(20, 250, G1, 0);
	send_at(30, 300, G1, 0);
	ok(number("SELECT count(*) FROM sample") == 3, "and knows what it has");
	ok(number("SELECT generation FROM boot") == (int64_t)G1, "by its generation");
}

static void test_lives(void)
{
	begin("lives");
	join(1, G1);
	send_at(10, 1000, G1, 4000);
	/* Restored: libvirt opens a boot, the guest goes on in it. */
	m->link.by_libvirt = true;
	boots_restored(m, "host/2", now_ns() - 3 * S);
	join(1, G2);
	ok(m->vm->boot->number == 2 && boots_last_sequence(m) == 10,
	   "the same guest in another life: another entry, the same order");
	send_at(20, 1100, G1, 3500);
	send_at(30, 5, G2, 100);
	send_at(30, 6, G2, 0);
	send_at(25, 7, G1, 0);
	ok(number("SELECT count(*) FROM sample s JOIN boot b ON b.id = s.boot"
		  " WHERE b.vm = (SELECT id FROM vm WHERE key = 'lives') AND b.number = 1") == 2,
	   "what it took before the restore belongs to the life before");
	ok(number("SELECT exits FROM sample s JOIN boot b ON b.id = s.boot"
		  " WHERE b.vm = (SELECT id FROM vm WHERE key = 'lives') AND b.number = 2") == 5,
	   "and a smaller count of another generation is none that fell");
	ok(boots_committed(m) == 30, "committed counts over both");
	/* Without libvirt the generation itself tells. */
	begin("alone");
	join(1, G1);
	send_at(10, 1000, G1, 100);
	send_at(20, 4, G2, 50);
	ok(m->vm->boot->number == 2 && m->vm->boot->cause == BOOT_RESUMED && m->joined,
	   "a new generation alone begins a life");
	boots_restored(m, "host/7", now_ns());
	ok(m->vm->boot->number == 2 && strcmp(m->vm->boot->life, "host/7") == 0,
	   "of which libvirt's news comes later");
	send_at(30, 8, G2, 0);
	ok(m->vm->boot->number == 2 && number("SELECT count(*) FROM quarantine") == 0,
	   "and which goes on");
	/* A guest that invents lives. */
	for (int i = 0; i < 50; i++)
		send_at(100 + i, 1, 5000 + i, 0);
	ok(m->vm->boot->number <= 22, "lives that only the guest speaks of are limited (%u)",
	   m->vm->boot->number);
	ok(number("SELECT sum(count) FROM quarantine WHERE cause = 6") >= 29,
	   "its samples then are quarantined");
}

/* Restored again and again before it says anything: the first life is still known. */
static void test_silent_lives(void)
{
	struct proto_gap gap = { .from = 21, .to = 23, .count = 1, .cause = PROTO_GAP_FULL };

	begin("silent");
	m->link.by_libvirt = true;
	join(1, G1);
	send_at(10, 1000, G1, 4000);
	for (int i = 0; i < 3; i++) {
		boots_restored(m, "host/2", now_ns() - 3 * S);
		join(1, G2);
	}
	send_at(10, 1000, G1, 4000);
	send_at(20, 1100, G1, 3500);
	ok(number("SELECT count(*) FROM sample s JOIN boot b ON b.id = s.boot"
		  " WHERE b.vm = (SELECT id FROM vm WHERE key = 'silent') AND b.number = 1") == 2 &&
		   m->vm->boot->number == 4,
	   "what it took before several restores is stored once, where it belongs");
	intake_gap(m, &gap);
	boots_restored(m, "host/5", now_ns() - 3 * S);
	join(1, G2);
	intake_gap(m, &gap);
	send_at(20, 1100, G1, 3500);
	send_at(24, 1200, G1, 3400);
	ok(number("SELECT count(*) FROM sample s JOIN boot b ON b.id = s.boot"
		  " WHERE b.vm = (SELECT id FROM vm WHERE key = 'silent') AND b.number = 1") == 3 &&
		   number("SELECT sum(cause = 0) * 10 + sum(cause = 1) FROM gap"
			  " WHERE from_sequence = 21 AND to_sequence = 23") == 11,
	   "nor does a gap in a life without samples hide what was, or come twice");
	restart();
	m->link.by_libvirt = true;
	join(1, G2);
	boots_restored(m, "host/6", now_ns() - 3 * S);
	join(1, G2);
	send_at(24, 1200, G1, 3400);
	send_at(30, 5, G2, 0);
	ok(number("SELECT count(*) FROM sample s JOIN boot b ON b.id = s.boot"
		  " WHERE b.vm = (SELECT id FROM vm WHERE key = 'silent')") == 4 &&
		   boots_committed(m) == 30,
	   "also when the daemon restarts between");
}

static void test_reboot(void)
{
	begin("reboot");
	join(1, G1);
	send_at(10, 1000, G1, 200);
	join(2, G1);
	ok(m->vm->boot->number == 2 && m->vm->boot->cause == BOOT_GUEST, "a reboot is another boot");
	send_at(5, 900, G1, 0);
	ok(number("SELECT count(*) FROM quarantine q JOIN boot b ON b.id = q.boot"
		  " WHERE b.vm = (SELECT id FROM vm WHERE key = 'reboot') AND q.cause = 1") == 1,
	   "in the same life, so its counters may not fall either");
	send_at(6, 1001, G1, 0);
	ok(number("SELECT count(*) FROM sample WHERE boot = (SELECT max(id) FROM boot)") == 1,
	   "and go on");
}

static void test_old_agent(void)
{
	struct sample s = testsample(10, 100);

	begin("old");
	join(1, G1);
	s.t_wall_ns = 5;
	send(&s);
	s = testsample(20, 50);
	send(&s);
	ok(m->vm->boot->number == 2 && m->vm->boot->cause == BOOT_FOUND && m->joined,
	   "without a generation a count that falls begins a boot");
	ok(number("SELECT count(*) FROM sample WHERE boot = (SELECT max(id) FROM boot)") == 1,
	   "which has the sample");
}

/* A guest that sets its clock changes nothing. */
static void test_guest_clock(void)
{
	static const uint64_t walls[] = { 0, 1, UINT64_MAX, INT64_MAX, 4102444800ULL * S };
	struct sample s;

	begin("clock");
	join(1, G1);
	for (int i = 0; i < 10; i++) {
		s = at(10 + i, 100 + i, G1, 1000 - 100 * i);
		s.t_wall_ns = walls[i % 5];
		/* Half of them as from an unpatched host. */
		if (i % 2)
			s.has &= ~SAMPLE_HAS_CLOCK;
		send(&s);
	}
	ok(number("SELECT max(abs(t_ns / 1000000000 - unixepoch())) FROM sample"
		  " WHERE boot = (SELECT max(id) FROM boot)") <= 2,
	   "absurd times of the guest's own clock have no part in host time");
	ok(number("SELECT count(*) FROM sample WHERE boot = (SELECT max(id) FROM boot)"
		  " AND clock_error_ns = 1000") == 5,
	   "the leaf's error is stored");
	ok(number("SELECT count(*) FROM sample a JOIN sample b ON b.boot = a.boot AND b.source = 0"
		  " AND a.source = 0 AND b.sequence > a.sequence AND b.t_ns <= a.t_ns") == 0,
	   "and time goes forward");
}

/* A sample of an agent that had taken so many. */
static void send_taken(uint64_t sequence, uint64_t taken)
{
	struct sample s = at(sequence, 100 + sequence, G1, 0);

	s.has |= SAMPLE_HAS_TAKEN;
	s.taken = taken;
	send(&s);
}

static void test_gaps(void)
{
	struct proto_gap gap = { .from = 11, .to = 19, .from_t_boot_ns = 11000,
				 .to_t_boot_ns = 19000, .count = 4, .cause = PROTO_GAP_FULL };
	struct proto_hello hello = hello_of(1, G1);
	uint64_t committed = 0;

	begin("gaps");
	join(1, G1);
	send_taken(10, 100);
	intake_gap(m, &gap);
	intake_gap(m, &gap);
	ok(number("SELECT count(*) FROM gap") == 1 && number("SELECT count FROM gap") == 4,
	   "a gap is stored once");
	ok(boots_committed(m) == 19, "and committed");
	gap.to = 29;
	gap.taken = 109;
	intake_gap(m, &gap);
	ok(number("SELECT count(*) FROM gap") == 1 && number("SELECT to_sequence FROM gap") == 29 &&
		   number("SELECT count FROM gap") == 9,
	   "one that grew is the same");
	restart();
	intake_hello(m, &hello, &committed);
	ok(committed == 29, "and is not asked for after a restart");
	gap = (struct proto_gap){ .from = 30, .to = 39, .count = 1, .cause = PROTO_GAP_FULL };
	intake_gap(m, &gap);
	ok(number("SELECT count(*) FROM gap") == 1 && number("SELECT count FROM gap") == 10,
	   "what follows with the same cause is part of it");
	gap.from = 40;
	gap.to = 44;
	gap.cause = PROTO_GAP_MISSED;
	intake_gap(m, &gap);
	ok(number("SELECT count(*) FROM gap") == 2, "with another it is not");
	send_at(50, 110, G1, 0);
	gap.from = 45;
	gap.to = 60;
	intake_gap(m, &gap);
	ok(number("SELECT from_sequence FROM gap WHERE to_sequence = 60") == 51 &&
		   number("SELECT count IS NULL FROM gap WHERE to_sequence = 60"),
	   "one that covers what is there is trimmed, its count unknown");
	gap = (struct proto_gap){ .from = 61, .to = 70, .count = 1, .cause = 4000000000U };
	intake_gap(m, &gap);
	ok(number("SELECT cause FROM gap WHERE to_sequence = 70") == GAP_UNKNOWN,
	   "a cause that is not known is not taken over");
	/* Another agent in the same boot. */
	hello.has |= PROTO_HELLO_HAS_AGENT;
	hello.started = 100;
	intake_hello(m, &hello, &committed);
	ok(number("SELECT count(*) FROM gap WHERE from_sequence = 71 AND to_sequence = 99"
		  " AND cause = 64 AND count IS NULL") == 1,
	   "between an agent's last sample and the next one's start there is a gap");
	hello.started = 50;
	intake_hello(m, &hello, &committed);
	hello.started = 5000000000;
	intake_hello(m, &hello, &committed);
	ok(number("SELECT max(to_sequence) FROM gap") == 99,
	   "an agent that started before it, or is yet to start, makes none");
}

#define LOST "FROM gap JOIN boot b ON b.id = gap.boot JOIN vm ON vm.id = b.vm" \
	     " WHERE vm.key = 'lost' AND gap.cause = 66"

static void test_lost(void)
{
	struct proto_gap gap = { .from = 61, .to = 69, .count = 2, .cause = PROTO_GAP_FULL };
	struct proto_hello hello = hello_of(1, G1);
	uint64_t committed;

	hello.has |= PROTO_HELLO_HAS_AGENT;
	hello.started = 5;
	begin("lost");
	intake_hello(m, &hello, &committed);
	send_taken(10, 3);
	send_taken(20, 4);
	ok(number("SELECT count(*) " LOST) == 0, "counts without a hole are no gap");
	ok(number("SELECT taken FROM sample WHERE boot = (SELECT max(id) FROM boot)"
		  " AND sequence = 20") == 4,
	   "and are stored");
	send_taken(30, 8);
	ok(number("SELECT count(*) " LOST " AND gap.from_sequence = 21 AND gap.to_sequence = 29"
		  " AND gap.count = 3 AND gap.from_ns > 0 AND gap.to_ns >= gap.from_ns") == 1,
	   "samples that an agent took and that did not come are a gap");
	restart();
	intake_hello(m, &hello, &committed);
	send_taken(40, 9);
	ok(number("SELECT count(*) " LOST) == 1, "a restart of the daemon makes none");
	restart();
	intake_hello(m, &hello, &committed);
	send_taken(60, 11);
	ok(number("SELECT gap.count " LOST " AND gap.from_sequence = 41") == 1,
	   "nor does it hide one");
	intake_gap(m, &gap);
	send_taken(70, 14);
	ok(number("SELECT count(*) " LOST) == 2, "what the agent's own gap tells of is not told twice");
	gap = (struct proto_gap){ .from = 71, .to = 79, .count = 2, .cause = PROTO_GAP_FULL };
	intake_gap(m, &gap);
	restart();
	intake_hello(m, &hello, &committed);
	send_taken(80, 17);
	ok(number("SELECT count(*) " LOST) == 2, "nor when the daemon restarts behind it");
	gap = (struct proto_gap){ .from = 75, .to = 85, .cause = PROTO_GAP_FULL, .taken = 20 };
	intake_gap(m, &gap);
	ok(number("SELECT gap.count FROM gap WHERE from_sequence = 81") == 3,
	   "what a gap has above the last sample is known");
	restart();
	intake_hello(m, &hello, &committed);
	gap = (struct proto_gap){ .from = 76, .to = 88, .cause = PROTO_GAP_FULL, .taken = 22 };
	intake_gap(m, &gap);
	ok(number("SELECT gap.count FROM gap WHERE from_sequence = 81 AND to_sequence = 88") == 5,
	   "also to the next daemon");
	send_taken(89, 23);
	hello.started = 90;
	intake_hello(m, &hello, &committed);
	send_taken(100, 3);
	ok(number("SELECT gap.count " LOST " AND gap.from_sequence = 90") == 2,
	   "the first samples of the next agent may be lost, too");
	send_taken(110, UINT64_MAX);
	ok(number("SELECT gap.count IS NULL " LOST " AND gap.from_sequence = 101"),
	   "more than can have been are not counted");
	send_taken(111, 5);
	send_taken(112, 9);
	ok(number("SELECT count(*) " LOST) == 4 && boots_last_sequence(m) == 112,
	   "without a sequence between there is no room for a gap");
}

/* A restore, and the daemon restarts: what its guest's agent had taken before is known. */
static void test_lost_earlier(void)
{
	struct proto_gap gap = { .from = 31, .to = 39, .count = 2, .cause = PROTO_GAP_FULL };
	struct proto_hello hello = hello_of(1, G1);
	uint64_t committed;

	hello.has |= PROTO_HELLO_HAS_AGENT;
	hello.started = 5;
	begin("lost earlier");
	m->link.by_libvirt = true;
	intake_hello(m, &hello, &committed);
	send_taken(10, 3);
	boots_restored(m, "host/2", now_ns());
	intake_hello(m, &hello, &committed);
	restart();
	intake_hello(m, &hello, &committed);
	send_taken(20, 4);
	ok(number("SELECT count(*) FROM gap WHERE boot >= (SELECT max(id) - 1 FROM boot)") == 0,
	   "nothing is missing behind a restore and a restart of the daemon");
	restart();
	intake_hello(m, &hello, &committed);
	send_taken(30, 6);
	ok(number("SELECT count FROM gap WHERE boot = (SELECT max(id) - 1 FROM boot)"
		  " AND from_sequence = 21 AND to_sequence = 29 AND cause = 66") == 1,
	   "a sample of the life before that did not come is a gap there");
	intake_gap(m, &gap);
	restart();
	intake_hello(m, &hello, &committed);
	send_taken(50, 10);
	ok(number("SELECT count FROM gap WHERE boot = (SELECT max(id) - 1 FROM boot)"
		  " AND from_sequence = 40 AND to_sequence = 49 AND cause = 66") == 1,
	   "also behind what the agent told of since");
}

static void test_marks(void)
{
	struct proto_mark mark = { .sequence = 20, .t_boot_ns = 20000, .kind = PROTO_MARK_END,
				   .uid = 1000, .begin = 12, .has = PROTO_MARK_HAS_STATUS,
				   .status = 3, .label = "compile" };

	begin("marks");
	join(1, G1);
	send_at(10, 100, G1, 0);
	intake_mark(m, &mark);
	intake_mark(m, &mark);
	ok(number("SELECT count(*) FROM mark WHERE kind = 3 AND begin_sequence = 12 AND uid = 1000"
		  " AND status = 3 AND label = 'compile' AND sequence = 20") == 1,
	   "a mark is stored once, as it is");
	ok(boots_committed(m) == 20, "and committed in one order with samples");
	ok(number("SELECT abs(mark.t_ns - sample.t_ns - 10000) FROM mark, sample"
		  " WHERE mark.boot = sample.boot") < 2000000,
	   "its time is the host's, by the last sample's clock");
	mark = (struct proto_mark){ .kind = PROTO_MARK_INSTANT };
	for (int i = 0; i < INTAKE_MARKS_PER_HOUR + 500; i++) {
		mark.sequence = 100 + i;
		intake_mark(m, &mark);
	}
	ok(number("SELECT count(*) FROM mark") <= INTAKE_MARKS_PER_HOUR + 2,
	   "more than an hour's share are not stored");
	ok(number("SELECT sum(to_sequence - from_sequence + 1) FROM gap WHERE cause = 65") >= 490 &&
		   number("SELECT sum(count) FROM gap WHERE cause = 65") == 0 &&
		   boots_committed(m) == 100 + INTAKE_MARKS_PER_HOUR + 499,
	   "but accounted for as a gap without samples, so that the agent goes on");
	ok(number("SELECT count(*) FROM gap WHERE cause = 65") <= 3, "in a few rows");
}

int main(void)
{
	if (!testmember_start())
		return 1;
	test_dedupe();
	test_lives();
	test_reboot();
	test_old_agent();
	test_guest_clock();
	test_gaps();
	test_lost();
	test_lost_earlier();
	test_silent_lives();
	test_marks();
	testmember_end();
	return done_testing();
}
