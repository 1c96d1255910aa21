/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vmexitctl doctor found, in words or as JSON. Logging. */
#ifndef DAEMON_CTL_DOCTORPRINT_H
#define DAEMON_CTL_DOCTORPRINT_H

#include "daemon/ctl/doctorsay.h"

/* By subject; @quiet: without what is well; @is_root: whether more could be seen as root. */
void doctorprint_text(const struct doctorsay *say, bool quiet, bool is_root);

/* Returns 0, or -errno after a line. */
int doctorprint_json(const struct doctorsay *say, bool quiet);

#endif
