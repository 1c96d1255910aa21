/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Give a libvirt domain the agent's channel, or take it away: in the running machine
 * and in its persistent definition. Blocks; for a thread. Non-logging.
 */
#ifndef DAEMON_ATTACH_H
#define DAEMON_ATTACH_H

#include <stdbool.h>

#define ATTACH_ERROR_MAX 512

enum attach_part {
	ATTACH_NONE,		/* there is no such part: it does not run, or is transient */
	ATTACH_DONE,
	ATTACH_WAS,		/* it was already as asked */
	ATTACH_REQUESTED,	/* QEMU was told, and has not followed yet */
	ATTACH_FAILED,
};

struct attach_result {
	int status;		/* HTTP's */
	enum attach_part live, config;
	char error[ATTACH_ERROR_MAX];	/* "" when status is 200 */
};

/*
 * @remove: take it away. @uri is libvirt's, @uuid the domain's; the connection can
 * write and is opened for this alone.
 */
void attach_run(const char *uri, const char *uuid, bool remove,
		struct attach_result *ret_result);

/* "added", "present", "removed", "absent", "requested", "failed"; NULL for ATTACH_NONE. */
const char *attach_word(enum attach_part part, bool remove);

#endif
