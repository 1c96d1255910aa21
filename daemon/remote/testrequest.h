/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a receiver reads out of a request. For x_test.c only. */
#ifndef DAEMON_TESTREQUEST_H
#define DAEMON_TESTREQUEST_H

#include <snappy-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/remote/remote.pb-c.h"

/* Freed with testrequest_free(); NULL if it is none. */
static inline Remote__WriteRequest *testrequest_read(const void *bytes, size_t len)
{
	Remote__WriteRequest *request = NULL;
	size_t raw_len = 0;
	uint8_t *raw;

	if (snappy_uncompressed_length(bytes, len, &raw_len) != SNAPPY_OK)
		return NULL;
	raw = malloc(raw_len + 1);
	if (raw && snappy_uncompress(bytes, len, (char *)raw, &raw_len) == SNAPPY_OK)
		request = remote__write_request__unpack(NULL, raw_len, raw);
	free(raw);
	return request;
}

static inline void testrequest_free(Remote__WriteRequest *request)
{
	if (request)
		remote__write_request__free_unpacked(request, NULL);
}

/* Its samples, one line each: "name{label=value,...} value@ms ...", into @text. */
static inline const char *testrequest_print(const Remote__WriteRequest *request, char *text, size_t size)
{
	FILE *f = fmemopen(text, size, "w");

	for (size_t i = 0; f && request && i < request->n_timeseries; i++) {
		const Remote__TimeSeries *s = request->timeseries[i];

		for (size_t k = 0; k < s->n_labels; k++)
			fprintf(f, "%s=%s ", s->labels[k]->name, s->labels[k]->value);
		for (size_t k = 0; k < s->n_samples; k++)
			fprintf(f, "%.17g@%lld ", s->samples[k]->value, (long long)s->samples[k]->timestamp);
		fputc('\n', f);
	}
	if (f)
		fclose(f);
	return text;
}

#endif
