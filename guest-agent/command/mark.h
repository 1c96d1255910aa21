/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmexit-agent mark: one mark from the command line. Logging. */
#ifndef GUEST_AGENT_MARK_H
#define GUEST_AGENT_MARK_H

#include <stdbool.h>

/* @socket is the agent's. Returns main()'s exit status. */
int mark_text(const char *socket, const char *text, bool is_phase);

#endif
