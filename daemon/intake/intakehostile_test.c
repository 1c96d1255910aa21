/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest sends that cannot be true, or is too much. */
#include "daemon/intake/testmember.h"

static void host_counts(uint64_t exits, int64_t ago_ms)
{
	struct oracle_count count = { now_ns() - ago_ms * 1000000, 1000000, exits };

	intake_host_count(m, &count, 1);
}

/* A TSC of its own making would let a guest have used more cycles than there are. */
static void test_claims(void)
{
	struct proto_hello hello = hello_of(1, G1);
	uint64_t committed;

	begin("boaster");
	m->link.tsc_khz = 1000000;
	m->link.reason_namespace = 2;
	hello.tsc_khz = 4000000000;
	hello.reason_namespace = 1;
	intake_hello(m, &hello, &committed);
	ok(number("SELECT tsc_khz FROM boot WHERE id = (SELECT max(id) FROM boot)") == 1000000 &&
		   number("SELECT reason_namespace FROM boot WHERE id = (SELECT max(id) FROM boot)") == 2,
	   "what the host itself found a guest cannot say otherwise");
}

static void test_quarantine(void)
{
	struct sample s;

	begin("liar");
	join(1, G1);
	boots_open(m, BOOT_CREATED, "host/9", now_ns() - 100 * S);
	join(1, G1);
	send_at(10, 1000, G1, 500);
	send_at(20, 999, G1, 400);
	send_at(30, 998, G1, 300);
	ok(number("SELECT count(*) FROM quarantine q WHERE q.boot = (SELECT max(id) FROM boot)"
		  " AND from_sequence = 20 AND to_sequence = 30 AND q.count = 2 AND cause = 1"
		  " AND exits = 999") == 1,
	   "a count that falls within a generation is quarantined, in one range");
	ok(boots_committed(m) == 30, "and acknowledged, so that the agent goes on");
	send_at(40, 1100, G1, 200);
	s = at(50, 1200, G1, 100);
	s.has |= SAMPLE_HAS_HANDLING;
	s.handling_cycles = 1000000000ULL * 200;
	send(&s);
	s = at(60, 1300, G1, -3600 * 1000);
	send(&s);
	send_at(70, 1400, G1, 0);
	ok(number("SELECT count(*) FROM sample WHERE boot = (SELECT max(id) FROM boot)") == 3,
	   "the samples between are believed");
	ok(number("SELECT group_concat(cause, '') FROM quarantine"
		  " WHERE boot = (SELECT max(id) FROM boot)") == 124,
	   "more cycles than there were, and a time to come, are not");
	ok(number("SELECT max(abs(to_ns / 1000000000 - unixepoch())) FROM quarantine"
		  " WHERE boot = (SELECT max(id) FROM boot)") <= 2,
	   "that time is nowhere taken over");
	restart();
	ok(join(1, G1), "after a restart");
	send_at(75, 1399, G1, 0);
	ok(number("SELECT count(*) FROM quarantine WHERE cause = 1"
		  " AND boot = (SELECT max(id) FROM boot)") == 2,
	   "the counters are held against the stored ones");
	for (int i = 0; i < 2 * INTAKE_QUARANTINES_PER_BOOT + 100; i++)
		send_at(100 + i, i % 2 ? 1500 + i : 5, G1, 0);
	ok(number("SELECT count(*) FROM quarantine WHERE boot = (SELECT max(id) FROM boot)") <=
		   INTAKE_QUARANTINES_PER_BOOT + 1,
	   "lies are kept in a bounded number of rows");
	send_at(5000, 9000, G1, 0);
	ok(number("SELECT to_sequence FROM quarantine WHERE cause = 7") == 5000,
	   "after too many of them nothing of the boot is believed");
}

static void test_host(void)
{
	begin("exposed");
	join(1, G1);
	host_counts(1000, 5000);
	send_at(10, 1100, G1, 4500);
	host_counts(2000, 4000);
	send_at(20, 2100, G1, 3500);
	host_counts(3000, 3000);
	ok(number("SELECT count(*) FROM sample WHERE boot = (SELECT max(id) FROM boot)") == 2 &&
		   m->suspect == 0,
	   "an honest guest's counts lie between the host's");
	send_at(30, 2900, G1, 2500);
	ok(number("SELECT cause FROM quarantine WHERE boot = (SELECT max(id) FROM boot)"
		  " AND from_sequence = 30") == QUARANTINE_HOST,
	   "fewer than the host had counted before are not believed");
	host_counts(4000, 2000);
	send_at(40, 4100, G1, 1900);
	ok(number("SELECT to_sequence FROM quarantine WHERE boot = (SELECT max(id) FROM boot)") == 40,
	   "nor is the next, until the host has confirmed it");
	host_counts(5000, 1800);
	send_at(50, 5100, G1, 1700);
	host_counts(5200, 1600);
	ok(number("SELECT count(*) FROM sample WHERE boot = (SELECT max(id) FROM boot)") == 3,
	   "then it is believed again");
	/* Too many: the host's next reading tells, what was stored is taken back. */
	send_at(60, 50000, G1, 1500);
	ok(number("SELECT max(exits) FROM sample WHERE source = 0"
		  " AND boot = (SELECT max(id) FROM boot)") == 50000,
	   "more exits than the host will count are stored at first");
	send_at(70, 60000, G1, 1400);
	host_counts(5300, 1300);
	ok(number("SELECT max(exits) FROM sample WHERE source = 0"
		  " AND boot = (SELECT max(id) FROM boot)") == 5100,
	   "and taken back when it has counted");
	ok(number("SELECT count FROM quarantine WHERE from_sequence = 60 AND to_sequence = 70"
		  " AND cause = 5 AND exits = 50000") == 2,
	   "into the quarantine");
	send_at(80, 5400, G1, 1000);
	host_counts(5500, 500);
	send_at(90, 5600, G1, 0);
	ok(number("SELECT max(sequence) FROM sample WHERE source = 0"
		  " AND boot = (SELECT max(id) FROM boot)") == 90,
	   "a guest that counts as the host does is believed again");
	ok(number("SELECT count(*) FROM sample s JOIN quarantine q ON q.boot = s.boot"
		  " AND s.sequence BETWEEN q.from_sequence AND q.to_sequence"
		  " WHERE s.source = 0") == 0,
	   "no sequence is in both");
	ok(boots_committed(m) == 90, "all of it is acknowledged");
}

static void test_disk(void)
{
	static const struct testsample_reason reasons[] = { { 1, 100, 5, 6 } };
	struct sample s;

	begin("disk");
	setting.guest_disk_bytes_per_h = 100 * INTAKE_RECORD_BYTES;
	intake_init(m);
	join(1, G1);
	for (int i = 0; i < 300; i++) {
		s = at(10 + i, 100 + i, G1, 0);
		s.has &= ~SAMPLE_HAS_EXITS;
		testsample_reasons(&s, reasons, 1);
		send(&s);
	}
	ok(number("SELECT count(*) FROM sample WHERE boot = (SELECT max(id) FROM boot)") <= 102,
	   "samples above the guest's share of the disk are not stored");
	ok(number("SELECT count(detail) FROM sample WHERE boot = (SELECT max(id) FROM boot)") < 60,
	   "their lists even less");
	ok(number("SELECT sum(count) FROM gap WHERE cause = 65"
		  " AND boot = (SELECT max(id) FROM boot)") >= 198 && boots_committed(m) == 309,
	   "what is left out is a gap, and acknowledged");
	ok(number("SELECT count(*) FROM gap WHERE boot = (SELECT max(id) FROM boot)") <= 2,
	   "of one row");
}

int main(void)
{
	if (!testmember_start())
		return 1;
	test_claims();
	test_quarantine();
	test_host();
	test_disk();
	testmember_end();
	return done_testing();
}
