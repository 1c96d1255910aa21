/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/form/jsonout.h"

void answer_done(struct answer *answer)
{
	free(answer->text);
	exporter_free(answer->exporter);
	series_free(answer->series);
	free(answer->policy);
	free(answer->order);
	graph_done(&answer->graph);
	memset(answer, 0, sizeof(*answer));
}

void answer_fail(struct answer *answer, int status, const char *fmt, ...)
{
	char message[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	answer_done(answer);
	answer->status = status;
	answer->kind = ANSWER_TEXT;
	answer->type = ANSWER_JSON;
	/* Without memory for the message the status has to do. */
	if (jsonout_error(message, &answer->text) < 0)
		answer->text = NULL;
}
