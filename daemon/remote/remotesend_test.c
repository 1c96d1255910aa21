/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is refused is found, what is not is taken, and in which order it is asked. */
#include <errno.h>

#include "daemon/remote/remotesend.h"
#include "daemon/remote/testreceiver.h"
#include "daemon/remote/testrequest.h"
#include "daemon/store/testsample.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

#define TAKEN "HTTP/1.1 204 No Content\r\n\r\n"
#define REFUSED "HTTP/1.1 400 Bad\r\nContent-Length: 12\r\n\r\nout of order"
#define LATER "HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n"

#define STREAMS 3
#define ROWS 4

static struct remotebatch *batch;
static struct remotestream streams[STREAMS];
static struct testreceiver receiver;
static struct remotesend sender;
static char url[64];
static int logged;

static void count_line(int level, const char *line)
{
	(void)level;
	(void)line;
	logged++;
}

static bool begin(const char *const *answers, size_t count)
{
	struct remotepush_settings settings = { .url = url, .timeout_ms = 5000 };
	static const struct sent_at at = { .boot = 1, .sequence = 1 };
	static struct boot boot = { .number = 1, .life = "1" };

	logged = 0;
	sender = (struct remotesend){ 0 };
	remotebatch_clear(batch);
	for (int i = 0; i < STREAMS; i++) {
		remotestream_done(&streams[i]);
		remotestream_init(&streams[i], i + 1, SOURCE_HOST, &at);
		snprintf(streams[i].key, sizeof(streams[i].key), "vm%d", i);
		for (int row = 0; row < ROWS; row++) {
			struct row_pair pair = { .row = { .boot = &boot, .source = SOURCE_HOST } };

			pair.row.sample = testsample(row + 2, row);
			pair.row.sample.t_wall_ns = row * 1000000000LL;
			if (remotebatch_add(batch, &streams[i], &pair) < 0)
				return false;
		}
	}
	if (!testreceiver_start(&receiver, answers, count))
		return false;
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", receiver.port);
	return remotepush_new(&settings, &sender.push) == 0;
}

static void end(void)
{
	remotepush_free(sender.push);
	testreceiver_end(&receiver);
}

static bool are_taken(uint64_t first, uint64_t second, uint64_t third)
{
	return streams[0].taken.sequence == first && streams[1].taken.sequence == second &&
	       streams[2].taken.sequence == third;
}

/* Values of the last request, which come behind its head. */
static size_t last_values(void)
{
	const char *body = strstr(receiver.request, "\r\n\r\n");
	Remote__WriteRequest *request = body ? testrequest_read(body + 4, receiver.request + receiver.request_len - body - 4) : NULL;
	size_t n = 0;

	for (size_t i = 0; request && i < request->n_timeseries; i++)
		n += request->timeseries[i]->n_samples;
	testrequest_free(request);
	return n;
}

#define BEGIN(...) begin((const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void test_taken(void)
{
	if (ok(BEGIN(TAKEN), "a receiver that takes all")) {
		ok(remotesend_batch(&sender, batch) == 0 && receiver.requests == 1, "is asked once");
		ok(are_taken(5, 5, 5) && sender.sent == STREAMS * ROWS && sender.refused == 0 && sender.bytes > 0 &&
		   sender.values == last_values(), "all is taken, and counted");
	}
	end();
}

static void test_later(void)
{
	if (ok(BEGIN(LATER), "one that will later")) {
		ok(remotesend_batch(&sender, batch) == -EAGAIN && receiver.requests == 1 && sender.failures == 1 &&
		   sender.last.status == 503 && are_taken(1, 1, 1), "is left alone, and has nothing");
	}
	end();
}

/* All; the first stream; the second: whole, then its samples until the rest is taken; the third. */
static void test_one_refused(void)
{
	if (ok(BEGIN(REFUSED, TAKEN, REFUSED, REFUSED, REFUSED, TAKEN, TAKEN, TAKEN), "one that refuses two samples")) {
		ok(remotesend_batch(&sender, batch) == 0 && receiver.requests == 8, "is asked for parts: %zu requests", receiver.requests);
		ok(are_taken(5, 5, 5) && sender.refused == 2 && sender.sent == STREAMS * ROWS - 2,
		   "and takes all but these: %llu", (unsigned long long)sender.sent);
		ok(logged == 1, "one line says so");
	}
	end();
}

static void test_all_refused(void)
{
	if (ok(BEGIN(REFUSED), "one that refuses everything")) {
		ok(remotesend_batch(&sender, batch) == 0 && sender.refused == STREAMS * ROWS && sender.sent == 0 &&
		   are_taken(5, 5, 5), "gets nothing, and all goes on");
		ok(receiver.requests == 1 + STREAMS * (1 + ROWS) && last_values() > 0, "each sample was offered alone: %zu requests",
		   receiver.requests);
		ok(logged == 1, "the log has one line of all");
	}
	end();
}

#define TOO_OLD "HTTP/1.1 400 Bad\r\nContent-Length: 13\r\n\r\nout of bounds"
#define MANY 100

/* Two streams of MANY samples: what one learns of the first, it need not ask of the second. */
static void test_too_old(void)
{
	static const char *const answers[] = { TOO_OLD };
	static struct boot boot = { .number = 1, .life = "1" };

	if (!ok(begin(answers, 1), "one for which all is too old"))
		return end();
	remotebatch_clear(batch);
	for (int i = 0; i < 2 * MANY; i++) {
		struct row_pair pair = { .row = { .boot = &boot, .source = SOURCE_HOST } };

		pair.row.sample = testsample(10 + i % MANY, i);
		pair.row.sample.t_wall_ns = (100 + i % MANY) * 1000000000LL;
		(void)remotebatch_add(batch, &streams[i / MANY], &pair);
	}
	ok(remotesend_batch(&sender, batch) == 0 && sender.refused == 2 * MANY && sender.sent == 0,
	   "refuses all of it");
	ok(receiver.requests > 30 && receiver.requests < 42, "after some it is asked rarely: %zu requests",
	   receiver.requests);
	ok(sender.has_too_old && sender.too_old_ms == (100 + MANY - 1) * 1000, "up to the latest of these");
	end();
}

/* The 33rd of MANY and what follows is young enough; the one that is offered ahead, and all behind it. */
static void test_young_enough(void)
{
	static struct boot boot = { .number = 1, .life = "1" };
	const char *answers[2 + 32 + 1 + 31 + 2] = { TOO_OLD, TOO_OLD };
	size_t n = 1;

	while (n < 1 + 32)
		answers[n++] = TOO_OLD;
	answers[n++] = TAKEN;		/* one ahead */
	while (n < 1 + 32 + 1 + 31)
		answers[n++] = REFUSED;	/* between: out of order now */
	answers[n++] = TAKEN;
	if (!ok(begin(answers, n), "one for which the first are too old"))
		return end();
	remotebatch_clear(batch);
	for (int i = 0; i < MANY; i++) {
		struct row_pair pair = { .row = { .boot = &boot, .source = SOURCE_HOST } };

		pair.row.sample = testsample(10 + i, i);
		pair.row.sample.t_wall_ns = (100 + i) * 1000000000LL;
		(void)remotebatch_add(batch, &streams[0], &pair);
	}
	ok(remotesend_batch(&sender, batch) == 0, "is sent the rest: %zu requests", receiver.requests);
	ok(sender.refused == 32 + 31 && sender.sent >= MANY - 32 - 31 && are_taken(10 + MANY - 1, 1, 1),
	   "all of it but those between: %llu refused", (unsigned long long)sender.refused);
	end();
}

static void test_later_between(void)
{
	if (ok(BEGIN(REFUSED, TAKEN, REFUSED, REFUSED, LATER), "one that goes away in between")) {
		ok(remotesend_batch(&sender, batch) == -EAGAIN, "is tried another time");
		ok(are_taken(5, 2, 1) && sender.refused == 1 && sender.sent == ROWS, "from where it was");
	}
	end();
}

int main(void)
{
	const struct remotebatch_settings settings = { .host = "h" };

	log_init("remotesend_test", LOG_DEBUG);
	if (!freopen("/dev/null", "w", stderr) || remotebatch_new(&settings, &batch) < 0)
		return 1;
	log_also(count_line);
	test_taken();
	test_later();
	test_one_refused();
	test_all_refused();
	test_too_old();
	test_young_enough();
	test_later_between();
	for (int i = 0; i < STREAMS; i++)
		remotestream_done(&streams[i]);
	remotebatch_free(batch);
	return done_testing();
}
