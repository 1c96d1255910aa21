/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Server-sent events of what has been committed. A thread reads new samples from
 * the database and keeps the latest as text (livering.h); any number of readers copy
 * from there at their own pace. Logging (database errors only).
 */
#ifndef DAEMON_LIVE_H
#define DAEMON_LIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/http/livering.h"
#include "daemon/query/recent.h"

struct live;

/* Called in live's thread when there is more to read, or live_stop() was called. */
typedef void (*live_wake_fn)(void *ctx);

/* @recent outlives it and is kept up to date. Returns 0 or -errno. */
int live_new(const char *database, struct recent *recent, live_wake_fn wake, void *ctx, struct live **ret_live);
/* After it, live_read() says that the stream has ended. */
void live_stop(struct live *live);
void live_free(struct live *live);

/* From the writer's thread: samples were committed; @records: VMs or boots, too. */
void live_committed(struct live *live, bool records);

struct live_want {
	char vm[RECORD_KEY_MAX + 1];		/* its key; "" for all */
	char detail[RECORD_KEY_MAX + 1];	/* of which to add rates by reason; "" for none */
	int64_t last_id;			/* go on behind that sample; 0: begin now */
};

/* Where a reader is. Zero-initialise. */
struct live_reader {
	struct livering_reader at;
};

/*
 * Begin; if what follows last_id is no longer known, the reader is told so first. Returns 0 or
 * -ENOMEM; live_end() ends it, before live_free(), and takes one that was not begun.
 */
int live_begin(struct live *live, struct live_reader *reader, const struct live_want *want);
void live_end(struct live *live, struct live_reader *reader);

/* Copy up to @size bytes; returns how many, 0 for none yet, -1 at the end. */
int live_read(struct live *live, struct live_reader *reader, char *buf, size_t size);

#endif
