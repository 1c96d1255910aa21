/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/remote/remotesend.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "daemon/base/monotonic.h"
#include "guest-agent/shared/log.h"

#define SAY_MS 60000

/* After so many samples in a row that are too old, one so many ahead speaks for those between. */
#define TOO_OLD_MANY 32
#define TOO_OLD_LEAST_MS 300000
/* A receiver may get other settings. */
#define TOO_OLD_KNOWN_MS 60000

/* Rows of a batch: from the first up to the second. */
struct part {
	struct remotebatch *batch;
	const struct remotebatch_row *rows;
	size_t from, to;
};

static void take_row(struct remotesend *send, const struct remotebatch_row *row)
{
	if (row->stream)
		remotestream_take(row->stream, &row->at, monotonic_ms(), send->settle_ms);
}

/* One request. Returns 0, -EAGAIN, -EINVAL when it is refused, or -ENOMEM. */
static int send_part(struct remotesend *send, const struct part *p)
{
	size_t from = p->rows[p->from].from, to = p->rows[p->to - 1].to, len;
	struct remotepush_answer answer;
	const uint8_t *bytes;
	int r = remoteframe_encode(remotebatch_frame(p->batch), from, to, &bytes, &len, NULL);

	if (r < 0)
		return r;
	remotepush_send(send->push, bytes, len, &answer);
	send->requests++;
	send->may_have_restarted |= answer.may_have_restarted;
	if (answer.result != REMOTEPUSH_TAKEN) {
		send->last = answer;
		send->failures += answer.result == REMOTEPUSH_LATER;
		return answer.result == REMOTEPUSH_LATER ? -EAGAIN : -EINVAL;
	}
	send->values += to - from;
	send->bytes += len;
	for (size_t i = p->from; i < p->to; i++) {
		send->sent += p->rows[i].stream ? p->rows[i].samples : 0;
		take_row(send, &p->rows[i]);
	}
	return 0;
}

/* A sample that is refused alone: so it is done with. */
static void refuse_row(struct remotesend *send, const struct remotebatch_row *row)
{
	int64_t now_ms = monotonic_ms();

	take_row(send, row);
	if (!row->stream)
		return;
	send->refused += row->samples;
	send->refused_since += row->samples;
	if (send->said_ms && now_ms - send->said_ms < SAY_MS)
		return;
	log_warning("remote write: the receiver refuses samples (%llu), of '%s' (%s) for one: %ld, %s",
		    (unsigned long long)send->refused_since, row->stream->name,
		    metrics_source(row->stream->source), send->last.status, send->last.words);
	send->said_ms = now_ms;
	send->refused_since = 0;
}

static bool is_too_old(const struct remotesend *send, const struct remotebatch_row *row)
{
	return send->has_too_old && row->stream && row->at.t_ms <= send->too_old_ms &&
	       monotonic_ms() - send->too_old_since_ms < TOO_OLD_KNOWN_MS;
}

/* Prometheus' words for a sample that is older than what it keeps open, and Mimir's. */
static bool says_too_old(const struct remotepush_answer *answer)
{
	return strstr(answer->words, "out of bounds") || strstr(answer->words, "too old") ||
	       strstr(answer->words, "too-old");
}

/* Of a time that is hardly past nothing is taken for granted: clocks may have been wrong. */
static void note_too_old(struct remotesend *send, int64_t t_ms)
{
	int64_t past_ms = time(NULL) * 1000LL - TOO_OLD_LEAST_MS;

	if (t_ms > past_ms)
		t_ms = past_ms;
	if (!send->has_too_old || t_ms > send->too_old_ms)
		send->too_old_ms = t_ms;
	send->has_too_old = true;
	send->too_old_since_ms = monotonic_ms();
}

/*
 * The sample that @part begins with was refused alone, as the last @many before it for their age.
 * Returns 0, or as send_part() when the one ahead is to be tried later.
 */
static int learn(struct remotesend *send, const struct part *part, unsigned int *many)
{
	struct part ahead = *part;
	int r;

	if (!says_too_old(&send->last)) {
		*many = 0;
		return 0;
	}
	note_too_old(send, part->rows[part->from].at.t_ms);
	if (++*many < TOO_OLD_MANY || part->from + 1 == part->to)
		return 0;
	ahead.from += part->to - part->from > TOO_OLD_MANY ? TOO_OLD_MANY : part->to - part->from - 1;
	ahead.to = ahead.from + 1;
	r = send_part(send, &ahead);
	if (r == -EINVAL && says_too_old(&send->last))
		note_too_old(send, part->rows[ahead.from].at.t_ms);
	return r == -EINVAL ? 0 : r;
}

/* A stream's rows, which are refused together. */
static int send_one_by_one(struct remotesend *send, const struct part *stream)
{
	struct part rest = *stream;
	unsigned int many = 0;
	int r = 0;

	for (; rest.from < stream->to; rest.from++) {
		struct part one = rest;

		if (is_too_old(send, &rest.rows[rest.from])) {
			refuse_row(send, &rest.rows[rest.from]);
			continue;
		}
		one.to = rest.from + 1;
		r = one.from == stream->from && one.to == stream->to ? -EINVAL : send_part(send, &one);
		if (r < 0 && r != -EINVAL)
			return r;
		if (r == -EINVAL) {
			refuse_row(send, &rest.rows[rest.from]);
			r = learn(send, &rest, &many);
			if (r < 0)
				return r;
			continue;
		}
		one.from = one.to;
		one.to = stream->to;
		r = one.from < one.to ? send_part(send, &one) : 0;
		if (r != -EINVAL)
			return r;
	}
	return 0;
}

/* The first rows of @all that are of one stream. */
static struct part first_stream(const struct part *all)
{
	struct part part = *all;

	part.to = part.from + 1;
	while (part.to < all->to && part.rows[part.to].stream == part.rows[part.from].stream)
		part.to++;
	return part;
}

int remotesend_batch(struct remotesend *send, struct remotebatch *batch)
{
	struct part all = { .batch = batch };
	int r;

	all.rows = remotebatch_rows(batch, &all.to);
	if (all.to == 0)
		return 0;
	r = send_part(send, &all);
	while (r == -EINVAL && all.from < all.to) {
		struct part stream = first_stream(&all);
		bool is_all = stream.from == 0 && stream.to == all.to;

		r = is_all || is_too_old(send, &stream.rows[stream.to - 1]) ? -EINVAL
									   : send_part(send, &stream);
		if (r == -EINVAL)
			r = send_one_by_one(send, &stream);
		all.from = stream.to;
		if (r == 0 && all.from < all.to)
			r = -EINVAL;
	}
	return r;
}
