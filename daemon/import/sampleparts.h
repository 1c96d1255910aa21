/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sample put together from its values, whatever their order. Non-logging. */
#ifndef DAEMON_SAMPLEPARTS_H
#define DAEMON_SAMPLEPARTS_H

#include "daemon/store/key.h"
#include "guest-agent/shared/sample.h"

struct sampleparts;

/* NULL for want of memory. */
struct sampleparts *sampleparts_new(void);
void sampleparts_free(struct sampleparts *parts);

void sampleparts_begin(struct sampleparts *parts, uint64_t sequence, int64_t t_ns);

/*
 * A value; the name of @key is copied. Returns 0, -EINVAL for what no sample has
 * (*ret_error says why), or -ENOMEM.
 */
int sampleparts_add(struct sampleparts *parts, const struct key *key, uint64_t value,
		    const char **ret_error);

/* The sample, with lists that are valid until the next begin. As sampleparts_add(). */
int sampleparts_end(struct sampleparts *parts, struct sample *ret_sample,
		    const char **ret_error);

#endif
