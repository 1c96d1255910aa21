/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Takes a stream of server-sent events apart. Non-logging. */
#ifndef DAEMON_CTL_SSE_H
#define DAEMON_CTL_SSE_H

#include <stdbool.h>
#include <stddef.h>

/* Longer data than that are not taken; the event is dropped and counted. */
#define SSE_DATA_MAX (1 << 20)
#define SSE_NAME_MAX 31

/* An event's name ("message" if it has none) and its data. */
typedef void (*sse_fn)(void *ctx, const char *name, const char *data);

/* Zero-initialise, but for fn and ctx. */
struct sse {
	sse_fn fn;
	void *ctx;
	char *line, *data;
	size_t line_len, line_size, data_len, data_size;
	char name[SSE_NAME_MAX + 1];
	bool has_data, is_bad, after_cr;
	unsigned long dropped;
};

/* The next @len bytes of the stream. Returns 0 or -ENOMEM. */
int sse_feed(struct sse *sse, const char *bytes, size_t len);

/* What was begun is forgotten: another stream follows. */
void sse_reset(struct sse *sse);

/* Frees what it holds. */
void sse_done(struct sse *sse);

#endif
