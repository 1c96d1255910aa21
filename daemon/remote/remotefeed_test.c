/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where sending begins: what is told of it, and in which order. */
#include "daemon/query/testhistory.h"
#include "daemon/remote/remotefeed.h"
#include "daemon/remote/remotestream.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

static struct sent told[8];
static size_t count;

static int note(void *ctx, const struct sent *sent)
{
	(void)ctx;
	if (count < 8)
		told[count++] = *sent;
	return 0;
}

/* A database that nothing was sent of. */
static bool list(const struct history *h, bool from_all)
{
	struct remotesend send = { 0 };
	struct remotebatch *batch = NULL;
	struct query *query = NULL;
	const struct remotebatch_settings settings = { .host = "h" };
	struct remotefeed feed = { .send = &send, .from_all = from_all, .settled = note };
	bool good;

	count = 0;
	if (query_open(h->path, &query) < 0 || remotebatch_new(&settings, &batch) < 0)
		abort();
	feed.query = query;
	feed.batch = batch;
	good = remotefeed_list(&feed) == 0 && feed.count == SOURCES;
	remotefeed_done(&feed);
	remotebatch_free(batch);
	query_free(query);
	return good;
}

static bool is_position(const struct sent *s, const struct history *h, enum sample_source source,
			uint64_t sequence)
{
	return s->vm == h->vm_id && s->source == source && s->at.sequence == sequence;
}

int main(void)
{
	struct history h;
	uint64_t last;

	log_init("remotefeed_test", LOG_WARNING);
	history_make(&h, 1, 500);
	last = h.samples[h.count - 1].sample.sequence;
	ok(list(&h, false) && count == SOURCES + 1, "from now on: it tells of each source and that it has begun");
	ok(is_position(&told[0], &h, SOURCE_GUEST, last) && told[0].at.boot == h.boot_number,
	   "of the guest it begins behind the last sample");
	ok(is_position(&told[1], &h, SOURCE_HOST, 0), "of the host there is none yet");
	/* Killed between the two it would send all there is, from then on. */
	ok(told[SOURCES].vm == 0, "and has begun only when that is known");
	ok(list(&h, true) && is_position(&told[0], &h, SOURCE_GUEST, 0) && told[0].at.boot == 0,
	   "from all on: it begins with the first");
	history_done(&h);
	return done_testing();
}
