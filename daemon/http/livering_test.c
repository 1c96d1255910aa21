/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/livering.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest-agent/shared/tap.h"

static char got[1 << 22];

/* All that is due, in pieces of @size. */
static const char *read_all(struct livering *ring, struct livering_reader *reader, size_t size)
{
	size_t len = 0, n;

	while (len + size < sizeof(got) && (n = livering_read(ring, reader, got + len, size)) > 0)
		len += n;
	got[len] = '\0';
	return got;
}

static struct livering *new_ring(int64_t last_id)
{
	struct livering *ring;

	if (livering_new(last_id, "hello ", "lost ", &ring) < 0)
		abort();
	return ring;
}

/* The sample @id of VM @name as "NAME/SOURCE/ID ". */
static void add(struct livering *ring, const char *name, enum sample_source source, int64_t id)
{
	char text[128], detail[140];
	struct livevm *vm = livering_vm(ring, name);

	snprintf(text, sizeof(text), "%s/%d/%lld ", name, source, (long long)id);
	snprintf(detail, sizeof(detail), "detail:%s", text);
	(void)livering_sample(ring, vm, source, id, text, vm->watchers ? detail : NULL);
}

static size_t count(const char *text, const char *word)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, word)); p++)
		n++;
	return n;
}

static void test_stream(void)
{
	struct livering *ring = new_ring(100);
	struct livering_reader all, one, detail;

	add(ring, "a", 0, 101);
	livering_begin(ring, &all, NULL, NULL, 0);
	livering_begin(ring, &one, livering_vm(ring, "b"), NULL, 0);
	livering_begin(ring, &detail, NULL, livering_vm(ring, "b"), 0);
	ok(strcmp(read_all(ring, &all, 64), "hello ") == 0, "a reader is greeted, and begins now");
	add(ring, "a", 0, 102);
	add(ring, "b", 1, 103);
	(void)livering_notice(ring, LIVERING_VMS_CHANGED, "vms ");
	ok(strcmp(read_all(ring, &all, 64), "a/0/102 b/1/103 vms ") == 0, "and gets what comes");
	ok(strcmp(read_all(ring, &one, 64), "hello b/1/103 vms ") == 0,
	   "of one VM: its own, and what is everybody's");
	ok(strcmp(read_all(ring, &detail, 64), "hello a/0/102 detail:b/1/103 vms ") == 0,
	   "details of one VM only");
	ok(livering_vm(ring, "b")->watchers == 1 && livering_vm(ring, "a")->watchers == 0,
	   "it is known who watches");
	livering_end(ring, &detail);
	livering_end(ring, &detail);
	ok(livering_vm(ring, "b")->watchers == 0, "and who does no more, once");
	add(ring, "b", 1, 104);
	ok(strcmp(read_all(ring, &all, 1), "b/1/104 ") == 0, "byte by byte");
	livering_end(ring, &all);
	livering_end(ring, &one);
	livering_free(ring);
}

static void test_resume(void)
{
	static const struct {
		int64_t id;
		const char *text;
	} cases[] = {
		{ 100, "hello a/0/101 vms a/0/105 a/0/107 " },
		{ 101, "hello vms a/0/105 a/0/107 " },
		{ 103, "hello a/0/105 a/0/107 " },	/* an id that was not a sample's here */
		{ 105, "hello a/0/107 " },
		{ 107, "hello " },
		{ 0, "hello " },
		{ -1, "hello " },
		{ INT64_MIN, "hello " },
		{ 99, "hello lost " },
		{ 1, "hello lost " },
		{ 108, "hello lost " },
		{ INT64_MAX, "hello lost " },
	};
	struct livering *ring = new_ring(100);
	struct livering_reader reader;

	add(ring, "a", 0, 101);
	(void)livering_notice(ring, LIVERING_VMS_CHANGED, "vms ");
	add(ring, "a", 0, 105);
	add(ring, "a", 0, 107);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		livering_begin(ring, &reader, NULL, NULL, cases[i].id);
		ok(strcmp(read_all(ring, &reader, 64), cases[i].text) == 0, "behind %lld: %s",
		   (long long)cases[i].id, cases[i].text);
		livering_end(ring, &reader);
	}
	livering_free(ring);
}

/* A reader that reads nothing gets, of each VM and source, the newest. */
static void test_behind(void)
{
	size_t most = LIVERING_BEHIND + 2 * SOURCES * LIVERING_BEHIND_ROUNDS;
	struct livering *ring = new_ring(0);
	struct livering_reader fast, slow, resumed, filtered;
	int64_t id = 1;

	livering_begin(ring, &fast, NULL, NULL, 0);
	livering_begin(ring, &slow, NULL, NULL, 0);
	livering_begin(ring, &filtered, livering_vm(ring, "b"), NULL, 0);
	(void)read_all(ring, &slow, 64);
	add(ring, "b", 0, id++);
	(void)livering_notice(ring, LIVERING_VMS_CHANGED, "vms ");
	for (; id < (int64_t)most; id++)
		add(ring, "a", id % 2, id);
	ok(count(read_all(ring, &fast, 64), "a/") == most - 2 && !strstr(got, "lost"),
	   "as many as may wait come all");
	add(ring, "a", id % 2, id);
	id++;
	(void)livering_notice(ring, LIVERING_VMS_CHANGED, "vms ");
	read_all(ring, &slow, 64);
	ok(count(got, "lost ") == 1 && count(got, "a/0/") == 1 && count(got, "a/1/") == 1 &&
		   count(got, "b/0/1 ") == 1 && count(got, "vms ") == 1,
	   "more: some are lost, and the newest of each is there: %s", got);
	ok(strncmp(got, "lost ", 5) == 0, "that is said first");
	ok(strcmp(read_all(ring, &filtered, 64), "hello lost b/0/1 vms ") == 0, "likewise of one VM: %s", got);
	livering_begin(ring, &resumed, NULL, NULL, 1);
	ok(count(read_all(ring, &resumed, 64), "a/") == (size_t)id - 2 && !strstr(got, "lost"),
	   "one that comes back gets all of it");
	add(ring, "a", 0, id++);
	ok(count(read_all(ring, &slow, 64), "a/") == 1 && !strstr(got, "lost"), "from there on all, again");
	livering_end(ring, &fast);
	livering_end(ring, &slow);
	livering_end(ring, &resumed);
	livering_end(ring, &filtered);
	livering_free(ring);
}

/* The text that a reader is within stays; it is told what it missed behind it. */
static void test_lapped(void)
{
	struct livering *ring = new_ring(0);
	struct livering_reader reader;
	char buf[16] = "";

	livering_begin(ring, &reader, NULL, NULL, 0);
	(void)read_all(ring, &reader, 64);
	add(ring, "first", 0, 1);
	(void)livering_read(ring, &reader, buf, 3);
	for (int64_t id = 2; id < LIVERING_EVENTS + 10; id++)
		add(ring, "a", 0, id);
	read_all(ring, &reader, 64);
	ok(strcmp(buf, "fir") == 0 && strncmp(got, "st/0/1 lost a/0/", 16) == 0 && count(got, "a/") == 1,
	   "what was begun is ended, whatever came: %s%s", buf, got);
	livering_end(ring, &reader);
	livering_begin(ring, &reader, NULL, NULL, 1);
	ok(strcmp(read_all(ring, &reader, 64), "hello lost ") == 0, "what is forgotten cannot be resumed");
	livering_end(ring, &reader);
	livering_free(ring);
}

static void test_bytes(void)
{
	size_t size = 1 << 20;
	char *big = malloc(size + 1);
	struct livering *ring = new_ring(0);
	struct livering_reader reader;
	struct livevm *vm = livering_vm(ring, "a");
	size_t most = LIVERING_BYTES / size, n = 0, len;

	memset(big, 'x', size);
	big[size] = '\0';
	for (int64_t id = 1; id <= (int64_t)most + 5; id++)
		(void)livering_sample(ring, vm, 0, id, big, NULL);
	livering_begin(ring, &reader, NULL, NULL, 5);
	while ((len = livering_read(ring, &reader, got, sizeof(got))) > 0)
		n += len;
	ok(n == strlen("hello ") + most * size, "so many bytes are remembered");
	livering_end(ring, &reader);
	livering_begin(ring, &reader, NULL, NULL, 4);
	ok(strcmp(read_all(ring, &reader, 64), "hello lost ") == 0, "and no more");
	livering_end(ring, &reader);
	free(big);
	livering_free(ring);
}

static void test_many_vms(void)
{
	struct livering *ring = new_ring(0);
	struct livering_reader reader;
	char name[16];
	int made = 0;

	livering_begin(ring, &reader, NULL, NULL, 0);
	for (int i = 0; i < LIVERING_VMS + 10; i++) {
		snprintf(name, sizeof(name), "vm%d", i);
		made += livering_vm(ring, name) != NULL;
	}
	ok(made == LIVERING_VMS, "so many VMs are told apart");
	ok(livering_sample(ring, livering_vm(ring, "another"), 0, 1, "x", NULL) < 0 &&
		   strcmp(read_all(ring, &reader, 64), "hello lost ") == 0,
	   "an event of another one is lost, which is said");
	add(ring, "vm1", 0, 2);
	ok(strcmp(read_all(ring, &reader, 64), "vm1/0/2 ") == 0, "others come");
	livering_end(ring, &reader);
	livering_free(ring);
}

int main(void)
{
	test_stream();
	test_resume();
	test_behind();
	test_lapped();
	test_bytes();
	test_many_vms();
	return done_testing();
}
