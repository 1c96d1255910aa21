/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the event stream says of a sample. Non-logging. */
#ifndef DAEMON_JSONLIVE_H
#define DAEMON_JSONLIVE_H

#include "daemon/query/query.h"

/* Reasons of one sample, at most: the most frequent. */
#define JSONLIVE_REASONS_MAX 128

/* Data of a "sample" event: an object in one line, which the caller frees. 0 or -ENOMEM. */
int jsonlive_sample(const struct query_vm *vm, const struct row_pair *pair, char **ret_text);

/*
 * Rates by exit reason, since the sample before: "[[NUMBER,COUNT_PER_S,HANDLING_SHARE,AWAY_SHARE],
 * ...]", the most frequent first, without those that did not occur, null for what is not known;
 * or "null" where the pair does not tell. The caller frees. 0 or -ENOMEM.
 */
int jsonlive_reasons(const struct row_pair *pair, char **ret_text);

#endif
