/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmexitd's settings: whether they are valid, for vmexitctl doctor. Diverts the log. */
#ifndef DAEMON_CTL_DOCTORCONFIG_H
#define DAEMON_CTL_DOCTORCONFIG_H

#include "daemon/base/config.h"
#include "daemon/ctl/doctorplace.h"
#include "daemon/ctl/doctorsay.h"

/*
 * The settings of @file (below the root), or the defaults if it is not valid or, unless it was
 * @named, is not there. Returns 0 or -ENOMEM; *ret_config ends with config_done() in any case.
 */
int doctorconfig_look(const struct doctor_place *place, const char *file, bool named,
		      struct doctorsay *say, struct config *ret_config);

#endif
