/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers of one kind, one after the other, as few bits: what does not change costs
 * next to nothing, what grows evenly costs what its unevenness needs. Exact for any
 * 64-bit numbers. Non-logging, no allocation.
 *
 * Each number is predicted from those before it; what the prediction misses is written
 * with adaptive run-length and Golomb-Rice codes, after H. Malvar, "Adaptive
 * Run-Length / Golomb-Rice Encoding of Quantized Generalized Gaussian Sources with
 * Unknown Statistics", Data Compression Conference 2006.
 */
#ifndef DAEMON_COLUMN_H
#define DAEMON_COLUMN_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that @count numbers take at most, with what the encoder may touch behind them. */
size_t column_bound(size_t count);

/*
 * Write @count numbers, one or more, to @buf, which has room for column_bound(@count).
 * Returns the bytes written.
 */
size_t column_encode(const uint64_t *values, size_t count, uint8_t *buf);

/* Bits that they take, about, to compare ways to write them. */
uint64_t column_cost(const uint64_t *values, size_t count);

/*
 * The @count numbers of a column. Returns 0, or -EBADMSG when the @len bytes are not
 * such a column: nothing is believed of @untrusted.
 */
int column_decode(const uint8_t *untrusted, size_t len, uint64_t *ret_values, size_t count);

#endif
