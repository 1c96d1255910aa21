/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What goes out in one request: rows as vmexitd's metrics, by its own remotebatch or, to compare
 * with, as Prometheus' text.
 */
#ifndef TESTS_BENCH_FLEETBENCH_BATCH_H
#define TESTS_BENCH_FLEETBENCH_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/remote/remotestream.h"

struct batch;

/* @host is the label of all series and outlives the batch. NULL without memory. */
struct batch *batch_new(bool text, const char *host);
void batch_free(struct batch *batch);

/* A request without room for another row is sent first. */
bool batch_is_full(const struct batch *batch);

/* A row of @stream's VM and source; those of a stream come in order of time. 0 or -errno. */
int batch_add(struct batch *batch, struct remotestream *stream, const struct row_pair *pair);

/* Samples, that is values, in it. */
size_t batch_samples(const struct batch *batch);

/* The request's bytes, the batch's own until it is cleared; before compression *ret_raw_len. */
int batch_encode(struct batch *batch, const uint8_t **ret_bytes, size_t *ret_len,
		 size_t *ret_raw_len);
void batch_clear(struct batch *batch);

#endif
