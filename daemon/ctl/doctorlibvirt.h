/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libvirt, as this user and as vmexitd sees it: for vmexitctl doctor. Non-logging. */
#ifndef DAEMON_CTL_DOCTORLIBVIRT_H
#define DAEMON_CTL_DOCTORLIBVIRT_H

#include <jansson.h>

#include "daemon/ctl/doctorsay.h"
#include "daemon/libvirt/survey.h"

/*
 * Ask libvirt at @uri, in a thread, as one that hangs is not waited for. Returns 0 with the
 * survey, which ends with survey_done(); -ETIMEDOUT; or another -errno.
 */
int doctorlibvirt_ask(const char *uri, struct survey *ret_survey);

/*
 * @r is what doctorlibvirt_ask() returned for @uri, with @survey. @daemon is /api/v1/daemon, or
 * NULL.
 */
void doctorlibvirt_look(const char *uri, int r, const struct survey *survey, json_t *daemon,
			struct doctorsay *say);

#endif
