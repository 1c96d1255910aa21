/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Server-sent events of what has been committed. A thread reads new samples from
 * the database and keeps the latest as text; any number of readers copy from
 * there at their own pace. Logging (database errors only).
 */
#ifndef DAEMON_LIVE_H
#define DAEMON_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct live;

/* Called in live's thread when there is more to read, or live_stop() was called. */
typedef void (*live_wake_fn)(void *ctx);

/* Returns 0 or -errno. */
int live_new(const char *database, live_wake_fn wake, void *ctx, struct live **ret_live);
/* After it, live_read() says that the stream has ended. */
void live_stop(struct live *live);
void live_free(struct live *live);

/* From the writer's thread: samples were committed; @records: VMs or boots, too. */
void live_committed(struct live *live, bool records);

/* Where a reader is. */
struct live_reader {
	char vm[65];			/* its key; "" for all */
	bool greeted;
	uint64_t next;			/* number of the next event */
	size_t offset;			/* into it */
};

/* Begin now, or behind the event @last_id (0: now) if it is still known. */
void live_begin(struct live *live, struct live_reader *reader, const char *vm, int64_t last_id);

/* Copy up to @size bytes; returns how many, 0 for none yet, -1 at the end. */
int live_read(struct live *live, struct live_reader *reader, char *buf, size_t size);

#endif
