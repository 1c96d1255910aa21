/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers that take their time (ANSWER_LATER), in threads of their own. For http.c. Logging
 * (database errors only).
 */
#ifndef DAEMON_HTTPLATER_H
#define DAEMON_HTTPLATER_H

#include "daemon/http/httpsend.h"

/*
 * Have the request's answer made while its connection is suspended; then request->thought is
 * set, and it is asked for again. Of several each has its
 * turn; if too many wait for theirs it is refused.
 */
enum MHD_Result httplater_start(struct http_request *request);

#endif
