/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The exits of the last minutes of all VMs as JSON. Non-logging. */
#ifndef DAEMON_JSONRECENT_H
#define DAEMON_JSONRECENT_H

#include "daemon/query/recent.h"

#define JSONRECENT_POINTS_MAX 120

/* As recent_walk(). Returns 0 or -ENOMEM; the caller frees. */
int jsonrecent(struct recent *recent, int64_t to_s, unsigned int step_s, unsigned int points,
	       char **ret_text);

#endif
