/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/remote/remotestream.h"

#include <stdlib.h>
#include <string.h>

void remotestream_init(struct remotestream *s, int64_t vm, enum sample_source source,
		       const struct sent_at *at)
{
	*s = (struct remotestream){
		.vm = vm, .source = source, .read = *at, .taken = *at, .settled = *at, .life = 1,
	};
}

void remotestream_done(struct remotestream *s)
{
	free(s->series);
	s->series = NULL;
}

int64_t remotestream_stamp(int64_t last_ms, int64_t t_ns)
{
	int64_t t_ms = t_ns / 1000000;

	return t_ms <= last_ms && last_ms - t_ms < REMOTESTREAM_STEP_MS ? last_ms + 1 : t_ms;
}

static void set_settled(struct remotestream *s, const struct sent_at *at)
{
	s->settled = *at;
	s->is_news = true;
}

void remotestream_take(struct remotestream *s, const struct sent_at *at, int64_t now_ms,
		       int64_t settle_ms)
{
	s->taken = *at;
	if (settle_ms == 0) {
		set_settled(s, at);
	} else if (!s->has_waiting) {
		s->has_waiting = true;
		s->waiting = *at;
		s->waiting_ms = now_ms;
	}
}

void remotestream_settle(struct remotestream *s, int64_t now_ms, int64_t settle_ms)
{
	if (!s->has_waiting || now_ms - s->waiting_ms < settle_ms)
		return;
	set_settled(s, &s->waiting);
	/* What came since then waits from now on: late, but with one place to remember. */
	s->has_waiting = s->taken.boot != s->settled.boot || s->taken.sequence != s->settled.sequence;
	s->waiting = s->taken;
	s->waiting_ms = now_ms;
}

void remotestream_rewind(struct remotestream *s, bool restarted)
{
	if (restarted) {
		s->taken = s->settled;
		s->has_waiting = false;
	}
	s->read = s->taken;
	/* What was there before the next sample is told by the one before that. */
	s->life++;
	s->has_list = false;
	s->life_text[0] = '\0';
}
