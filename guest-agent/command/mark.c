/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/command/mark.h"

#include <stdio.h>
#include <string.h>

#include "guest-agent/control/client.h"
#include "guest-agent/shared/log.h"

int mark_text(const char *socket, const char *text, bool is_phase)
{
	static struct client_answer answer;
	char request[CONTROL_REQUEST_MAX];
	int r;

	if (!*text || strlen(text) > PROTO_LABEL_MAX) {
		log_error("a mark's text has 1 to %d bytes", PROTO_LABEL_MAX);
		return 2;
	}
	snprintf(request, sizeof(request), "%s %s", is_phase ? "phase" : "mark", text);
	r = client_ask(socket, request, &answer);
	if (r < 0)
		log_error("the mark is not stored: %s", client_explain(r, socket, &answer));
	return r < 0 ? 1 : 0;
}
