/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was taken, what has settled, and where a stream goes back to. */
#include "daemon/remote/remotestream.h"
#include "guest-agent/shared/tap.h"

#define S 1000000000LL
#define SETTLE_MS 60000

static bool is_at(const struct sent_at *at, uint32_t boot, uint64_t sequence)
{
	return at->boot == boot && at->sequence == sequence;
}

static void take(struct remotestream *s, uint64_t sequence, int64_t now_ms, int64_t settle_ms)
{
	const struct sent_at at = { .boot = 1, .sequence = sequence };

	s->read = at;
	remotestream_take(s, &at, now_ms, settle_ms);
	remotestream_settle(s, now_ms, settle_ms);
}

static void test_stamp(void)
{
	ok(remotestream_stamp(0, 1700000000123999999) == 1700000000123, "milliseconds, cut");
	ok(remotestream_stamp(1000, 1001 * S / 1000) == 1001, "later is as it is");
	ok(remotestream_stamp(1000, S) == 1001, "the same millisecond is the next");
	ok(remotestream_stamp(100000, 41 * S) == 100001, "a clock that was set back a little goes on");
	ok(remotestream_stamp(100000, 40 * S) == 40000, "one that was set back by more is followed");
	ok(remotestream_stamp(-5, -S) == -4, "before 1970, too");
}

static void test_settle(void)
{
	const struct sent_at begin = { .boot = 1, .sequence = 10 };
	struct remotestream s;

	remotestream_init(&s, 1, SOURCE_GUEST, &begin);
	ok(is_at(&s.settled, 1, 10) && is_at(&s.taken, 1, 10) && !s.is_news, "it begins where it was");
	for (int t = 0; t < 60; t++)
		take(&s, 11 + t, t * 1000, SETTLE_MS);
	ok(is_at(&s.taken, 1, 70) && is_at(&s.settled, 1, 10) && !s.is_news, "a minute's samples wait");
	take(&s, 71, 60000, SETTLE_MS);
	ok(is_at(&s.settled, 1, 11) && s.is_news, "then the first settles");
	for (int t = 61; t < 120; t++)
		take(&s, 11 + t, t * 1000, SETTLE_MS);
	ok(is_at(&s.settled, 1, 11), "the next wait in their turn");
	remotestream_settle(&s, 120000, SETTLE_MS);
	ok(is_at(&s.settled, 1, 71), "and settle as far as they were when it began");
	remotestream_settle(&s, 180000, SETTLE_MS);
	ok(is_at(&s.settled, 1, 130) && !s.has_waiting, "without more the last settles as well");
	s.is_news = false;
	remotestream_settle(&s, 240000, SETTLE_MS);
	ok(!s.is_news, "and there is no more news");
}

static void test_rewind(void)
{
	const struct sent_at begin = { .boot = 1, .sequence = 10 };
	struct remotestream s;

	remotestream_init(&s, 1, SOURCE_GUEST, &begin);
	take(&s, 20, 0, SETTLE_MS);
	s.read.sequence = 30;
	s.has_list = true;
	remotestream_rewind(&s, false);
	ok(is_at(&s.read, 1, 20) && is_at(&s.taken, 1, 20) && !s.has_list, "what was not taken is read again");
	remotestream_rewind(&s, true);
	ok(is_at(&s.read, 1, 10) && is_at(&s.taken, 1, 10), "after a restart all that has not settled");
	remotestream_settle(&s, 600000, SETTLE_MS);
	ok(is_at(&s.settled, 1, 10), "which does not settle by itself");
	take(&s, 20, 600000, SETTLE_MS);
	remotestream_settle(&s, 659999, SETTLE_MS);
	ok(is_at(&s.settled, 1, 10), "taken again, it waits again");
	remotestream_settle(&s, 660000, SETTLE_MS);
	ok(is_at(&s.settled, 1, 20), "as long");
}

static void test_at_once(void)
{
	const struct sent_at begin = { 0 };
	struct remotestream s;

	remotestream_init(&s, 1, SOURCE_HOST, &begin);
	take(&s, 5, 0, 0);
	ok(is_at(&s.settled, 1, 5) && s.is_news && !s.has_waiting, "where nothing is forgotten it settles at once");
	remotestream_rewind(&s, true);
	ok(is_at(&s.read, 1, 5), "and nothing goes back");
}

int main(void)
{
	test_stamp();
	test_settle();
	test_rewind();
	test_at_once();
	return done_testing();
}
