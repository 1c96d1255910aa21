/* SPDX-License-Identifier: GPL-2.0-or-later */
/* On groups of the test's own. */
#include "guest-agent/workload/units.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-agent/shared/tap.h"

static char dir[] = "/tmp/vmexit-units-XXXXXX";
static const char *at = "fs/cgroup";
static struct units units;
static struct lines_buffer buffer;
static uint8_t detail[8192];
static struct wire_writer w;
static uint64_t now_ns;

static void make_dir(const char *name)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	mkdir(path, 0700);
}

static void write_text(const char *name, const char *text)
{
	char path[1024];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/%s", dir, at, name);
	f = fopen(path, "we");
	if (!f) {
		perror(path);
		exit(1);
	}
	fputs(text, f);
	fclose(f);
}

/* A group with so much CPU time; the text is as recorded on Debian 12. */
static void group(const char *name, unsigned long usage_us)
{
	char path[512], text[256];

	snprintf(path, sizeof(path), "%s/%s", at, name);
	make_dir(path);
	snprintf(path, sizeof(path), "%s/cpu.stat", name);
	snprintf(text, sizeof(text),
		 "usage_usec %lu\nuser_usec 2\nsystem_usec 1\nnr_periods 0\nnr_throttled 0\n"
		 "throttled_usec 0\nnr_bursts 0\nburst_usec 0\n",
		 usage_us);
	write_text(path, text);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static void gone(const char *name)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/%s/%s", dir, at, name);
	nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* How many units are in the list; -1: there is none. */
static int look(size_t max)
{
	struct detail_entry entry;
	struct detail_iter iter;
	int n = 0;

	now_ns += UNITS_SCAN_NS;
	w = (struct wire_writer){ .buf = detail, .size = sizeof(detail) };
	units_put(&units, dir, &buffer, now_ns, max, &w);
	if (!detail_is_valid(detail, w.len) || !detail_find(detail, w.len, DETAIL_UNITS, &iter))
		return -1;
	while (detail_next(&iter, &entry))
		n++;
	return n;
}

static bool is(int i, const char *name, uint64_t usage_us)
{
	struct detail_entry entry;
	struct detail_iter iter;

	if (!detail_find(detail, w.len, DETAIL_UNITS, &iter))
		return false;
	for (int n = 0; n <= i; n++) {
		if (!detail_next(&iter, &entry))
			return false;
	}
	return entry.value == usage_us && entry.name_len == strlen(name) &&
	       memcmp(entry.name, name, entry.name_len) == 0;
}

static void test_parse(void)
{
	uint64_t usage = 5;

	ok(units_parse("usage_usec 1234567890123\nuser_usec 2\n", &usage) &&
		   usage == 1234567890123,
	   "CPU time of a group");
	ok(units_parse("nr_periods 1\nusage_usec 7\n", &usage) && usage == 7, "on any line");
	usage = 5;
	ok(!units_parse("", &usage) && !units_parse("usage_usec", &usage) &&
		   !units_parse("usage_usec x\n", &usage) &&
		   !units_parse("xusage_usec 3\n", &usage) && usage == 5,
	   "or there is none");
}

static void test_none(void)
{
	ok(look(8) == -1, "no cgroup: no list");
	make_dir("fs");
	make_dir("fs/cgroup");
	make_dir("fs/cgroup/unified");
	ok(look(8) == -1, "nor with version 1");
	at = "fs/cgroup/unified";
	write_text("cgroup.controllers", "cpu\n");
	ok(look(8) == -1, "nor without systemd");
	group("system.slice", 1000);
	group("system.slice/a.service", 600);
	ok(look(8) == 1 && is(0, "a.service", 600), "version 2 beside version 1");
	units_done(&units);
	gone("");
	at = "fs/cgroup";
	write_text("cgroup.controllers", "cpu\n");
}

static void test_units(void)
{
	group("init.scope", 50);
	group("system.slice", 100000);
	group("system.slice/ssh.service", 300);
	group("system.slice/cron.service", 200);
	group("system.slice/system-getty.slice", 10);
	group("system.slice/system-getty.slice/getty@tty1.service", 10);
	group("system.slice/dev-hugepages.mount", 0);
	group("system.slice/nothing", 99999);
	group("user.slice", 70000);
	group("user.slice/user-0.slice", 100);
	group("user.slice/user-1000.slice", 400);
	group("user.slice/user-1000.slice/user@1000.service", 400);
	group("machine.slice", 20);
	group("dev-hugepages", 9999);
	make_dir("fs/cgroup/system.slice/empty.service");
	ok(look(32) == 8, "units of the system, users, other slices; nothing twice");
	ok(is(0, "user-1000.slice", 400) && is(1, "ssh.service", 300) &&
		   is(7, "dev-hugepages.mount", 0),
	   "by all that they used");
	group("init.scope", 55);
	group("system.slice/cron.service", 202);
	ok(look(4) == 4 && is(0, "init.scope", 55) && is(1, "cron.service", 202) &&
		   is(2, "user-1000.slice", 400),
	   "later by what they used since, of which the first are listed");
	ok(look(32) == 8 && is(0, "user-1000.slice", 400), "no work: by all again");
}

static void test_come_and_go(void)
{
	gone("system.slice/ssh.service");
	group("system.slice/new\\x2dname.service", 70);
	ok(look(32) == 8 && is(0, "new\\x2dname.service", 70), "one goes, one comes");
	now_ns -= UNITS_SCAN_NS;
	group("system.slice/later.service", 80);
	ok(look(32) == 8, "new ones are not looked for all the time");
	ok(look(32) == 9 && is(0, "later.service", 80), "but seldom");
	write_text("system.slice/later.service/cpu.stat", "");
	write_text("init.scope/cpu.stat", "nonsense\n");
	now_ns -= UNITS_SCAN_NS;
	ok(look(32) == 7, "one without a number is dropped");
	group("system.slice/later.service", 90);
	group("init.scope", 60);
	ok(look(32) == 9 && is(0, "later.service", 90) && is(1, "init.scope", 60),
	   "and found again");
}

static void test_many(void)
{
	char name[300];

	memset(name, 'n', sizeof(name));
	strcpy(name + 200, ".service");
	memcpy(name, "system.slice/", strlen("system.slice/"));
	group(name, 1000000);
	look(1);
	name[strlen("system.slice/") + DETAIL_NAME_MAX] = '\0';
	ok(is(0, name + strlen("system.slice/"), 1000000), "a long name is cut");
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "system.slice/many-%d.service", i);
		group(name, 1000 + i);
	}
	ok(look(32) == 32 && units.count == UNITS_KNOWN, "200 more: as many as are watched");
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "system.slice/many-%d.service", i);
		gone(name);
	}
	ok(look(32) == 10, "and fewer again");
}

int main(void)
{
	if (!mkdtemp(dir)) {
		perror(dir);
		return 1;
	}
	units_init(&units);
	test_parse();
	test_none();
	test_units();
	test_come_and_go();
	test_many();
	units_done(&units);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return done_testing();
}
