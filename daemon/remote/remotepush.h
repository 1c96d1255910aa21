/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests of Prometheus remote write 1.0 to one receiver, one at a time, over HTTP. Needs no
 * database. Logging (what is wrong with its settings only).
 */
#ifndef DAEMON_REMOTEPUSH_H
#define DAEMON_REMOTEPUSH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REMOTEPUSH_WORDS_MAX 255
#define REMOTEPUSH_TIMEOUT_MS 30000

struct remotepush;

/* All but url may be "" or NULL for nothing; texts outlive the sender. */
struct remotepush_settings {
	const char *url;		/* http or https, without a user in it */
	const char *user, *password_file;	/* for Basic authentication */
	const char *token_file;		/* for a bearer's */
	const char *ca_file;		/* certificates to trust in place of the system's */
	long timeout_ms;		/* of a request; 0: REMOTEPUSH_TIMEOUT_MS */
	const atomic_bool *stop;	/* a request under way ends within a second of it, or NULL */
};

enum remotepush_result {
	REMOTEPUSH_TAKEN,		/* 2xx */
	REMOTEPUSH_LATER,		/* the same may be taken another time */
	REMOTEPUSH_REFUSED,		/* 400, 413, 422: the same never will be */
};

struct remotepush_answer {
	enum remotepush_result result;
	long status;			/* 0: there was no answer */
	bool may_have_restarted;	/* it cut off a connection, or could not be reached: 502 to 504 */
	int64_t retry_after_ms;		/* 0: it did not say */
	char words[REMOTEPUSH_WORDS_MAX + 1];	/* what went wrong: printable ASCII */
};

/*
 * Returns 0, -EINVAL for a setting that is wrong, having logged it, or -ENOMEM. Warns of secrets
 * that others can read or that go over a network in clear.
 */
int remotepush_new(const struct remotepush_settings *settings, struct remotepush **ret_push);
void remotepush_free(struct remotepush *push);

/* Send what remoteframe_encode() made. Files with secrets are read anew for each request. */
void remotepush_send(struct remotepush *push, const uint8_t *bytes, size_t len,
		     struct remotepush_answer *ret_answer);

#endif
