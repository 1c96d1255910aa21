/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vmexitd says of itself as JSON. Non-logging. */
#ifndef DAEMON_JSONDAEMON_H
#define DAEMON_JSONDAEMON_H

#include "daemon/host/vitals.h"

/* Returns 0 with a string that the caller frees, or -errno. */
int jsondaemon(struct vitals *vitals, char **ret_text);

#endif
