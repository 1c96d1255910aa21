/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers that many clients ask for at the same time, made once and shared by all of them.
 * Of one listener's thread. Non-logging.
 */
#ifndef DAEMON_ANSWERCACHE_H
#define DAEMON_ANSWERCACHE_H

#include <stdint.h>

#include "daemon/http/answer.h"
#include "daemon/http/params.h"

#define ANSWERCACHE_KEY_MAX 160		/* path and parameters; longer ones are not kept */

/* Zero-initialise, but for `held`; answercache_done() frees. */
struct answercache {
	/* Where bytes of texts are counted as long as somebody has them. */
	size_t *held;
	struct answercache_entry {
		char key[ANSWERCACHE_KEY_MAX + 1];
		struct answertext *text;
		const char *type;
		uint64_t commits;	/* when it was made */
		int64_t until_ms;
	} entry[4];
	unsigned int next;		/* the one to be replaced */
};

/*
 * What of it is asked for at @now_ms (of a monotonic clock), after so many @commits. True:
 * @answer is filled.
 */
bool answercache_get(struct answercache *cache, const char *path, const struct params *params,
		     uint64_t commits, int64_t now_ms, struct answer *answer);

/* Keep @answer if it is good for others (answer->good_for_ms): its text becomes a shared one. */
void answercache_put(struct answercache *cache, const char *path, const struct params *params,
		     uint64_t commits, int64_t now_ms, struct answer *answer);
void answercache_done(struct answercache *cache);

/* A shared text; whoever has one ends with answertext_drop(). */
const char *answertext_bytes(const struct answertext *text, size_t *ret_size);
/* The same compressed, made by the first who asks; NULL where that is not worth it. */
const char *answertext_gzip(struct answertext *text, size_t *ret_size);
struct answertext *answertext_use(struct answertext *text);
void answertext_drop(void *text);

#endif
