/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * With --json: one JSON document on the standard output, whatever comes of it. A command prints
 * it; if it fails without, it is {"error": "..."} with what was logged last. Logging.
 */
#ifndef DAEMON_CTL_ANSWER_H
#define DAEMON_CTL_ANSWER_H

#include <stdbool.h>

/* From here on, remember what is logged. */
void answer_begin(void);

/*
 * vmexitd's answer as it is, with a newline. What is no JSON is not printed: -EPROTO after a
 * line. Else 0, or -errno after a line if it cannot be written.
 */
int answer_print(const char *text);

/*
 * The end: all is written, and if @status is not 0 and nothing was printed (and @json), an
 * object with the error is. Returns the exit status: @status, or 1 if the output failed.
 */
int answer_end(int status, bool json);

#endif
