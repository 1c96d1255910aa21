/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From other threads to the main loop and back: mailboxes, work, orders. */
#include "daemon/base/orders.c"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/http/peer.h"
#include "daemon/base/worker.h"
#include "guest-agent/shared/tap.h"

#define MESSAGES 5000
#define JOBS_MAX 2

static int guard;

static void on_guard(void *ctx)
{
	(void)ctx;
	ok(false, "nothing came for 20 s");
	loop_quit();
}

/* ---- mailbox ---- */

static struct mailbox *mailbox;
static long expected, dropped;
static bool in_order = true;

static void on_message(void *ctx, void *message)
{
	(void)ctx;
	in_order = in_order && (long)message == ++expected;
	if (expected == MESSAGES)
		loop_quit();
}

static void count_dropped(void *message)
{
	(void)message;
	dropped++;
}

static void *send_all(void *arg)
{
	(void)arg;
	for (long i = 1; i <= MESSAGES; i++) {
		while (mailbox_put(mailbox, (void *)i) == -ENOBUFS)
			usleep(100);
	}
	return NULL;
}

static void test_mailbox(void)
{
	pthread_t thread;
	int r = 0;

	ok(mailbox_new(10, on_message, NULL, &mailbox) == 0, "a mailbox");
	pthread_create(&thread, NULL, send_all, NULL);
	loop_run();
	pthread_join(thread, NULL);
	ok(in_order && expected == MESSAGES, "delivers %d messages in their order", MESSAGES);
	for (int i = 0; i < 10; i++)
		r |= mailbox_put(mailbox, mailbox);
	ok(r == 0 && mailbox_put(mailbox, mailbox) == -ENOBUFS, "takes ten at a time");
	mailbox_free(mailbox, count_dropped);
	ok(dropped == 10, "and hands back what it could not deliver");
}

/* ---- worker ---- */

struct job {
	pthread_t ran_in;
	int done;
	int *gate;
};

static int done_jobs;

static void run_job(void *arg)
{
	struct job *job = arg;

	job->ran_in = pthread_self();
	while (job->gate && !__atomic_load_n(job->gate, __ATOMIC_ACQUIRE))
		usleep(1000);
}

static void on_job(void *arg)
{
	struct job *job = arg;

	job->done++;
	if (++done_jobs == JOBS_MAX)
		loop_quit();
}

static void test_worker(void)
{
	int gate = 0;
	struct job jobs[JOBS_MAX + 1] = { { .gate = &gate }, { .gate = &gate }, { .gate = &gate } };
	struct worker *worker;

	ok(worker_new(JOBS_MAX, &worker) == 0, "a worker");
	ok(worker_start(worker, run_job, on_job, &jobs[0]) == 0 &&
		   worker_start(worker, run_job, on_job, &jobs[1]) == 0,
	   "two jobs");
	ok(worker_start(worker, run_job, on_job, &jobs[2]) == -EBUSY, "a third has to wait");
	__atomic_store_n(&gate, 1, __ATOMIC_RELEASE);
	loop_run();
	ok(jobs[0].done == 1 && jobs[1].done == 1 && jobs[2].done == 0 &&
		   !pthread_equal(jobs[0].ran_in, pthread_self()),
	   "ran in threads of their own, and ended here");
	ok(worker_start(worker, run_job, on_job, &jobs[2]) == 0, "then there is room again");
	worker_free(worker);
	ok(jobs[2].done == 1, "what is under way at the end is waited for");
}

/* ---- orders ---- */

static struct orders *orders;
static uint64_t ids[WAITING_MAX];
static size_t begun;
static int last_status, answers;
static char last_text[400];

static void on_order(void *ctx, uint64_t id, const struct order *order)
{
	(void)ctx;
	ids[begun++] = id;
	if (order->kind == ORDER_PACE)
		orders_answer(orders, id, 200, order->vm_key);
	loop_quit();
}

static void on_answer(void *ctx, int status, const char *text)
{
	(*(int *)ctx)++;
	last_status = status;
	snprintf(last_text, sizeof(last_text), "%s", text ? text : "");
}

static void *give(void *arg)
{
	struct order order = { .kind = ORDER_PACE, .vm_key = "vm" };

	return orders_give(orders, &order, on_answer, arg) == 0 ? arg : NULL;
}

static void test_orders(void)
{
	struct order order = { .kind = ORDER_ATTACH };
	pthread_t thread;
	int given = 0;

	ok(orders_new(on_order, NULL, &orders) == 0, "orders");
	pthread_create(&thread, NULL, give, &answers);
	loop_run();
	pthread_join(thread, NULL);
	ok(answers == 1 && last_status == 200 && strcmp(last_text, "vm") == 0,
	   "one from another thread is carried out here, and answered");
	orders_answer(orders, ids[0], 500, "again");
	ok(answers == 1 && last_status == 200, "once");

	begun = 0;
	while (given < 100 && orders_give(orders, &order, on_answer, &answers) == 0)
		given++;
	ok(given == WAITING_MAX && orders_give(orders, &order, on_answer, &answers) == -EBUSY,
	   "so many may wait: %d", given);
	loop_run();
	ok(begun == WAITING_MAX && answers == 1, "all are begun, none is answered yet");
	orders_answer(orders, ids[3], 409, "no");
	ok(answers == 2 && last_status == 409 && orders->count == WAITING_MAX - 1,
	   "answers come in any order");
	answer_due(orders, now_s() + DEADLINE_S - 2, 504, too_late);
	ok(answers == 2, "in time nothing is late");
	answer_due(orders, now_s() + DEADLINE_S, 504, too_late);
	ok(answers == 1 + WAITING_MAX && last_status == 504 && strstr(last_text, "20 s"),
	   "then it is said");
	orders_answer(orders, ids[5], 200, "late");
	ok(answers == 1 + WAITING_MAX && last_status == 504, "and what comes after is dropped");

	ok(orders_give(orders, &order, on_answer, &answers) == 0, "one more");
	orders_stop(orders);
	ok(answers == 2 + WAITING_MAX && last_status == 503 &&
		   orders_give(orders, &order, on_answer, &answers) == -ESHUTDOWN,
	   "the end answers what waits, and takes no more");
	orders_free(orders);
}

/* ---- who may ---- */

static void test_peer(void)
{
	const gid_t groups[] = { 100, 200, 300 };
	struct peer_rule rule = { .uid = 1000, .has_group = true, .group = 300 };
	int pair[2];

	ok(peer_allows(&rule, 0, groups, 0) && peer_allows(&rule, 1000, groups, 0),
	   "root and the daemon's own user may");
	ok(peer_allows(&rule, 1001, groups, 3) && !peer_allows(&rule, 1001, groups, 2),
	   "others if they are in the group");
	rule = (struct peer_rule){ .uid = 1000 };
	ok(!peer_allows(&rule, 1001, (const gid_t[]){ 0 }, 1), "nobody else where there is none");
	peer_rule_init(&rule);
	ok(rule.uid == geteuid(), "the daemon's user is this process's");
	if (ok(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "a socket")) {
		ok(peer_allows_socket(&rule, pair[0]), "which this process has connected");
		ok(!peer_allows_socket(&rule, -1), "not one that is none");
		close(pair[0]);
		close(pair[1]);
	}
}

int main(void)
{
	ok(loop_init() == 0, "a loop");
	guard = loop_add_timer(20000, on_guard, NULL);
	test_mailbox();
	test_worker();
	test_orders();
	test_peer();
	loop_remove_timer(guard);
	return done_testing();
}
