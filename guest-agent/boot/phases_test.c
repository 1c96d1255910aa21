/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The phases of a boot, with a systemctl of the test's. */
#include "guest-agent/boot/phases.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

#define SECOND 1000000000ULL

static char dir[] = "/tmp/vmexit-phases-XXXXXX";
static char systemctl[64], times_path[64];
static struct phases phases;
static uint64_t now_ns;
static bool there;

static bool is_there(void)
{
	return there;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0 || chmod(path, mode) < 0)
		exit(1);
}

static void start(bool in_initramfs, bool systemd)
{
	now_ns = 3 * SECOND;
	there = systemd;
	phases_init(&phases, in_initramfs, now_ns);
	phases.systemd_is_there = is_there;
	phases.systemctl = systemctl;
}

/* @seconds pass; a query that was started is over then. */
static void pass(unsigned int seconds)
{
	while (seconds--) {
		now_ns += SECOND;
		phases_check(&phases, now_ns);
		for (int i = 0; i < 5000 && phases.query.pid; i++) {
			usleep(1000);
			phases_check(&phases, now_ns);
		}
	}
}

/* The next is @label, at @t_ms; or there is none. */
static bool next_is(const char *label, uint64_t t_ms)
{
	uint64_t t_boot_ns = 0;
	const char *text = phases_take(&phases, &t_boot_ns);

	return label ? text && strcmp(text, label) == 0 && t_boot_ns == t_ms * 1000000 : !text;
}

static void test_without_systemd(void)
{
	start(true, false);
	ok(next_is("kernel", 0) && next_is("initramfs", 3000) && next_is(NULL, 0),
	   "in an initramfs two phases are known");
	pass(50);
	ok(next_is(NULL, 0) && !phases.over, "as long as it takes");
	phases_switched(&phases, now_ns);
	pass(5);
	ok(next_is(NULL, 0), "after the switch it may be systemd");
	pass(10);
	ok(next_is("userspace", 53000) && next_is(NULL, 0) && phases.over,
	   "if not, the switch is all that is known");
	phases_done(&phases);
	start(false, false);
	pass(60);
	ok(next_is("kernel", 0) && next_is(NULL, 0) && phases.over,
	   "started later, without systemd, nothing is known");
	phases_done(&phases);
}

static void test_systemd(void)
{
	uint32_t said;

	write_file(systemctl, "#!/bin/sh\n"
			      "[ \"$1\" = show ] || exit 1\n"
			      "[ \"$PATH\" != /nowhere ] || exit 1\n"
			      "cat \"${0%/*}/times\"; echo said >&2; read x && exit 1; exit 0\n", 0755);
	write_file(times_path, "FinishTimestampMonotonic=0\nUserspaceTimestampMonotonic=52500000\n"
			       "InitRDTimestampMonotonic=0\n", 0644);
	start(true, true);
	phases_switched(&phases, now_ns);
	pass(3);
	ok(next_is("kernel", 0) && next_is("initramfs", 3000) && next_is("userspace", 52500) &&
		   next_is(NULL, 0) && phases.asked == 1,
	   "systemd knows better when it began");
	pass(3);
	ok(phases.asked == 2 && !phases.over, "and is asked again until it has finished");
	write_file(times_path, "UserspaceTimestampMonotonic=52500000\n"
			       "FinishTimestampMonotonic=61234567\n", 0644);
	pass(30);
	ok(phases.phases[PHASES_FINISHED].t_boot_ns == 61234567000 && phases.over &&
		   phases_take(&phases, &now_ns) && next_is(NULL, 0),
	   "which it says exactly");
	phases_done(&phases);

	write_file(times_path, "InitRDTimestampMonotonic=2000000\n"
			       "UserspaceTimestampMonotonic=5000000\n"
			       "FinishTimestampMonotonic=9000000\n", 0644);
	start(false, true);
	pass(5);
	ok(next_is("kernel", 0) && next_is("initramfs", 2000) && next_is("userspace", 5000) &&
		   next_is("finished", 9000) && next_is(NULL, 0) && phases.asked == 1,
	   "started after the boot, one question tells all of it");
	said = phases_said(&phases);
	phases_done(&phases);
	start(false, true);
	phases_go_on(&phases, said);
	pass(60);
	ok(next_is(NULL, 0) && phases.asked == 0, "an agent that goes on has nothing more to say or ask");
	phases_done(&phases);

	start(true, true);
	(void)(next_is("kernel", 0) && next_is("initramfs", 3000));
	said = phases_said(&phases);
	phases_done(&phases);
	start(false, true);
	phases_go_on(&phases, said);
	pass(5);
	ok(next_is("userspace", 5000) && next_is("finished", 9000) && next_is(NULL, 0),
	   "or only what was not known before");
	phases_done(&phases);
}

static void test_refusals(void)
{
	write_file(times_path, "FinishTimestampMonotonic=99999999999999999999\n"
			       "UserspaceTimestampMonotonic=yesterday\n", 0644);
	start(true, true);
	phases_switched(&phases, now_ns);
	pass(3);
	ok(next_is("kernel", 0) && next_is("initramfs", 3000) && next_is(NULL, 0),
	   "what is no time is not believed");
	write_file(systemctl, "#!/bin/sh\nhead -c 600 /dev/zero | tr '\\0' x\n"
			      "echo FinishTimestampMonotonic=5\n", 0755);
	pass(6);
	ok(next_is(NULL, 0), "nor what follows too long a text");
	write_file(systemctl, "#!/bin/sh\necho FinishTimestampMonotonic=5\nexit 1\n", 0755);
	pass(10);
	ok(next_is(NULL, 0) && phases.asked == 3, "nor what ends with a failure");
	(void)unlink(systemctl);
	pass(4200);
	ok(next_is("userspace", 3000) && next_is(NULL, 0) && phases.over && phases.asked == 10,
	   "without an answer the switch is what is known, after ten questions");
	phases_done(&phases);
}

static void test_stuck(void)
{
	uint64_t end_s;
	pid_t pid;

	write_file(systemctl, "#!/bin/sh\nexec sleep 1000\n", 0755);
	start(false, true);
	now_ns += 3 * SECOND;
	phases_check(&phases, now_ns);
	pid = phases.query.pid;
	end_s = now_ns + 9 * SECOND;
	for (; now_ns < end_s; now_ns += SECOND)
		phases_check(&phases, now_ns);
	ok(pid && phases.query.pid == pid, "a systemctl that hangs is waited for without waiting");
	now_ns += 2 * SECOND;
	phases_check(&phases, now_ns);
	ok(!phases.query.pid && phases.query.fd < 0, "for ten seconds, then it is ended");
	now_ns += 3000 * SECOND;
	phases_check(&phases, now_ns);
	pid = phases.query.pid;
	phases_done(&phases);
	ok(pid && !phases.query.pid, "and with the agent");
}

int main(void)
{
	if (!mkdtemp(dir)) {
		perror(dir);
		return 1;
	}
	snprintf(systemctl, sizeof(systemctl), "%s/systemctl", dir);
	snprintf(times_path, sizeof(times_path), "%s/times", dir);
	log_init("phases_test", LOG_WARNING);
	test_without_systemd();
	test_systemd();
	test_refusals();
	test_stuck();
	(void)unlink(systemctl);
	(void)unlink(times_path);
	rmdir(dir);
	return done_testing();
}
