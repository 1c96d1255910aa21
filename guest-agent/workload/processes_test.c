/* SPDX-License-Identifier: GPL-2.0-or-later */
/* On a /proc of the test's own, and on this machine's. */
#include "guest-agent/workload/processes.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest-agent/shared/tap.h"

static char dir[] = "/tmp/vmexit-processes-XXXXXX";
static struct processes ps;
static struct lines_buffer buffer;
static uint8_t detail[8192];
static struct wire_writer w;

/* A recorded line with other numbers in it. */
static void format(char *text, size_t size, const char *pid, const char *name, unsigned long utime,
		   unsigned long stime, unsigned long start)
{
	snprintf(text, size,
		 "%s (%.400s) S 1 716 716 0 -1 4194560 2011 40213 84 291 %lu %lu 63 41 20 0 1 0 %lu "
		 "171474944 2689 18446744073709551615 1 1 0 0 0 0 671173123 4096 1260 0 0 0 17 1 0 "
		 "0 0 0 0 0 0 0 0 0 0 0 0\n",
		 pid, name, utime, stime, start);
}

static void write_file(const char *pid, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, pid);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/%s/stat", dir, pid);
	f = fopen(path, "we");
	if (!f) {
		perror(path);
		exit(1);
	}
	fputs(text, f);
	fclose(f);
}

static void process(const char *pid, const char *name, unsigned long ticks, unsigned long start)
{
	char text[1024];

	format(text, sizeof(text), pid, name, ticks / 2, ticks - ticks / 2, start);
	write_file(pid, text);
}

static void gone(const char *pid)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s/stat", dir, pid);
	unlink(path);
	snprintf(path, sizeof(path), "%s/%s", dir, pid);
	rmdir(path);
}

static unsigned long now_ticks(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * sysconf(_SC_CLK_TCK) +
	       ts.tv_nsec / (1000000000 / sysconf(_SC_CLK_TCK));
}

/* Look, and return how many are in the list; -1: there is none. */
static int look(size_t max)
{
	struct detail_entry entry;
	struct detail_iter iter;
	int n = 0;

	w = (struct wire_writer){ .buf = detail, .size = sizeof(detail) };
	processes_put(&ps, dir, &buffer, max, &w);
	if (!detail_is_valid(detail, w.len) ||
	    !detail_find(detail, w.len, DETAIL_PROCESSES, &iter))
		return -1;
	while (detail_next(&iter, &entry))
		n++;
	return n;
}

/* Whether entry @i is this one. */
static bool is(int i, uint32_t pid, const char *name, unsigned long ticks)
{
	struct detail_entry entry;
	struct detail_iter iter;

	if (!detail_find(detail, w.len, DETAIL_PROCESSES, &iter))
		return false;
	for (int n = 0; n <= i; n++) {
		if (!detail_next(&iter, &entry))
			return false;
	}
	return entry.id == pid && entry.value == ticks * 1000000 / sysconf(_SC_CLK_TCK) &&
	       entry.name_len == strlen(name) && memcmp(entry.name, name, entry.name_len) == 0;
}

static void test_parse(void)
{
	static const char *const names[] = { "a b", "a) S 1 2 3", ")", "(", "((", "a (b) c",
					     "kworker/u8:2-events_unbound", "", "x) R 9 9 9" };
	struct processes_stat stat;
	char text[1024], cut[1024];
	bool good = true;
	size_t enough;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		format(text, sizeof(text), "4321", names[i], 100, 23, 777);
		good = good && processes_parse(text, &stat) && stat.pid == 4321 &&
		       stat.ticks == 123 && stat.start == 777 && strcmp(stat.name, names[i]) == 0;
	}
	ok(good, "names with blanks and parentheses");
	format(text, sizeof(text), "1", "x", 4294967290UL, 10, 5000000000UL);
	ok(processes_parse(text, &stat) && stat.ticks == 4, "numbers that wrap");
	enough = strstr(text, " 5000000000 ") + strlen(" 5000000000") - text;
	for (size_t len = 0; len < strlen(text); len++) {
		memcpy(cut, text, len);
		cut[len] = '\0';
		/* In the middle of the last number needed it cannot be known. */
		if (len <= enough - strlen("5000000000") || len >= enough)
			good = good && processes_parse(cut, &stat) == (len >= enough);
	}
	ok(good, "a line that breaks off has what is in front of that, or nothing");
	ok(!processes_parse("x (y) S 1 2 3", &stat) && !processes_parse("1 y S 1", &stat) &&
		   !processes_parse("1 )y( S 1", &stat) && !processes_parse("(", &stat) &&
		   !processes_parse("99999999999 (y) S 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", &stat),
	   "what is no such line is none");
	memset(cut, 0, sizeof(cut));
	memset(cut, 'n', 300);
	format(text, sizeof(text), "1", cut, 1, 1, 1);
	ok(processes_parse(text, &stat) && strlen(stat.name) == DETAIL_NAME_MAX,
	   "a name too long is cut");
}

static void test_look(void)
{
	ok(look(8) == -1, "a /proc that is not mounted yet: no list");
	write_file("", "cpu 1 2 3\n");
	process("1", "init", 1000, 1);
	process("20", "worker", 5000, 50);
	process("300", "idle one", 7, 60);
	ok(look(8) == -1, "the first look has nothing to compare with");
	ok(look(8) == 0, "nobody did anything: an empty list");
	process("1", "init", 1002, 1);
	process("20", "worker", 5090, 50);
	ok(look(8) == 2 && is(0, 20, "worker", 90) && is(1, 1, "init", 2),
	   "who used most is first, who used nothing is not there");
	process("1", "init", 1003, 1);
	process("20", "worker", 5091, 50);
	process("300", "idle one", 9, 60);
	ok(look(2) == 2 && is(0, 300, "idle one", 2), "the busiest two of three");
	ok(look(0) == 0, "or of none");
}

static void test_come_and_go(void)
{
	unsigned long now = now_ticks();

	process("2", "between", 40, now + 1);
	process("1", "init", 1004, 1);
	ok(look(8) == 2 && is(0, 2, "between", 40) && is(1, 1, "init", 1),
	   "a new one: all that it used");
	process("2", "between", 45, now + 1);
	gone("20");
	ok(look(8) == 1 && is(0, 2, "between", 5), "and later what came after");
	process("300", "reused", 3, now_ticks() + 1);
	ok(look(8) == 1 && is(0, 300, "reused", 3), "an id that is used again is another process");
	write_file("2", "");
	process("1", "init", 1005, 1);
	ok(look(8) == 1 && is(0, 1, "init", 1), "one that ends while it is looked at");
	write_file("2", "2 (garbage");
	ok(look(8) == 0, "or is no process");
	process("20", "old", 99999, 50);
	ok(look(8) == 0, "an old one that was never seen: what it used is not known");
	process("20", "old", 99999 + 3, 50);
	ok(look(8) == 1 && is(0, 20, "old", 3), "but from then on");
	process("1234567890123456789012345678901", "x", 5, now_ticks() + 1);
	ok(look(8) == 0, "a name too long for a number is none");
	gone("1234567890123456789012345678901");
}

static void test_many(void)
{
	unsigned long start = now_ticks();
	char pid[16];
	int n;

	for (int i = 0; i < PROCESSES_KNOWN + 50; i++) {
		snprintf(pid, sizeof(pid), "%d", 1000 + i);
		process(pid, "one of many", 10, 70);
	}
	look(8);
	ok(ps.now == PROCESSES_KNOWN, "as many as there is room for are remembered");
	for (int i = 0; i < PROCESSES_KNOWN + 50; i++) {
		snprintf(pid, sizeof(pid), "%d", 1000 + i);
		process(pid, "one of many", 10 + i % 7, 70);
	}
	n = look(8);
	ok(n == 8 && ps.now == PROCESSES_KNOWN, "those beyond are left out");
	for (int i = 0; i < PROCESSES_KNOWN + 50; i++) {
		snprintf(pid, sizeof(pid), "%d", 1000 + i);
		gone(pid);
	}
	process("5", "last", 6, start);
	look(8);
	look(8);
	ok(ps.now == 4, "and forgotten when they end (%zu)", ps.now);
}

/* Children that work, sleep and end, in the order in which a real /proc shows them. */
/* A busy machine may let it wait. */
static uint64_t used_ms(pid_t pid)
{
	struct timespec used = { 0 };
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) == 0)
		clock_gettime(clock, &used);
	return used.tv_sec * 1000ULL + used.tv_nsec / 1000000;
}

static void test_real(void)
{
	uint64_t until = now_ticks() + 10 * sysconf(_SC_CLK_TCK);
	struct detail_entry entry;
	struct detail_iter iter;
	bool found = false, sorted = true;
	pid_t child;

	processes_done(&ps);
	processes_init(&ps);
	strcpy(dir, "/proc");
	ok(look(24) == -1, "this machine's own /proc");
	for (size_t i = 1; i < ps.now; i++)
		sorted = sorted && ps.known[i - 1].pid < ps.known[i].pid;
	ok(ps.now > 1 && sorted, "has processes (%zu), which are kept in order", ps.now);
	child = fork();
	if (child == 0) {
		while (now_ticks() < until + 100000)
			;
		_exit(0);
	}
	while (used_ms(child) < 50 && now_ticks() < until)
		usleep(10000);
	ok(look(24) > 0, "some of which did something");
	detail_find(detail, w.len, DETAIL_PROCESSES, &iter);
	while (detail_next(&iter, &entry))
		found = found || (entry.id == (uint32_t)child && entry.value >= 30000);
	ok(found, "among them a child that works all the time");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

int main(void)
{
	char root[sizeof(dir)], path[128];

	if (!mkdtemp(dir)) {
		perror(dir);
		return 1;
	}
	strcpy(root, dir);
	processes_init(&ps);
	test_parse();
	test_look();
	test_come_and_go();
	test_many();
	gone("1");
	gone("2");
	gone("5");
	gone("20");
	gone("300");
	test_real();
	processes_done(&ps);
	snprintf(path, sizeof(path), "%s/stat", root);
	unlink(path);
	rmdir(root);
	return done_testing();
}
