/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/fleetbench/batch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/metrics/metrics.h"
#include "daemon/remote/remotebatch.h"

#define LINE_BYTES_MAX 512
#define TEXT_BYTES_MAX (16u << 20)

struct batch {
	struct remotebatch *remote;	/* NULL: text */

	const char *host;
	const struct remotestream *stream;	/* of the lines that come */
	int64_t t_ms;
	char *text;
	size_t len, room, lines;
};

struct batch *batch_new(bool text, const char *host)
{
	struct remotebatch_settings settings = { .host = host };
	struct batch *b = calloc(1, sizeof(*b));

	if (b && !text && remotebatch_new(&settings, &b->remote) < 0) {
		free(b);
		return NULL;
	}
	if (b)
		b->host = host;
	return b;
}

void batch_free(struct batch *batch)
{
	if (!batch)
		return;
	remotebatch_free(batch->remote);
	free(batch->text);
	free(batch);
}

void batch_clear(struct batch *batch)
{
	if (batch->remote)
		remotebatch_clear(batch->remote);
	batch->len = batch->lines = 0;
}

bool batch_is_full(const struct batch *batch)
{
	return batch->remote ? remotebatch_is_full(batch->remote)
			     : batch->len > TEXT_BYTES_MAX - METRICS_OF_ROW_MAX * LINE_BYTES_MAX;
}

size_t batch_samples(const struct batch *batch)
{
	return batch->remote ? remoteframe_samples(remotebatch_frame(batch->remote)) : batch->lines;
}

static int add_line(void *ctx, const struct metric *metric, const char *label, double value)
{
	struct batch *b = ctx;
	int n;

	if (b->len + LINE_BYTES_MAX > b->room) {
		size_t room = b->room ? 2 * b->room : 65536;
		char *text = realloc(b->text, room);

		if (!text)
			return -ENOMEM;
		b->text = text;
		b->room = room;
	}
	n = snprintf(b->text + b->len, LINE_BYTES_MAX,
		     "%s%s{host=\"%s\",name=\"%s\",source=\"%s\",vm=\"%s\"%s%s%s%s%s} %.17g %" PRId64 "\n",
		     metric->name, metric->type == METRICS_COUNTER ? METRICS_TOTAL : "", b->host,
		     b->stream->name, metrics_source(b->stream->source), b->stream->key,
		     label ? "," : "", label ? metric->label : "", label ? "=\"" : "",
		     label ? label : "", label ? "\"" : "", value, b->t_ms);
	if (n < 0 || n >= LINE_BYTES_MAX)
		return -EOVERFLOW;
	b->len += n;
	b->lines++;
	return 0;
}

int batch_add(struct batch *batch, struct remotestream *stream, const struct row_pair *pair)
{
	if (batch->remote)
		return remotebatch_add(batch->remote, stream, pair);
	batch->stream = stream;
	batch->t_ms = pair->row.sample.t_wall_ns / 1000000;
	return metrics_of_row(pair, add_line, batch);
}

int batch_encode(struct batch *batch, const uint8_t **ret_bytes, size_t *ret_len,
		 size_t *ret_raw_len)
{
	struct remoteframe *frame = batch->remote ? remotebatch_frame(batch->remote) : NULL;

	if (frame)
		return remoteframe_encode(frame, 0, remoteframe_samples(frame), ret_bytes, ret_len,
					  ret_raw_len);
	*ret_bytes = (const uint8_t *)batch->text;
	*ret_len = *ret_raw_len = batch->len;
	return 0;
}
