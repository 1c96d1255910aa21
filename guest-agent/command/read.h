/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "vmexit-agent read": the leaf once, for a person. Logging. */
#ifndef GUEST_AGENT_READ_H
#define GUEST_AGENT_READ_H

#include <stdbool.h>

/* Print to stdout, as text or JSON. Returns the exit status: 1 when there is no leaf. */
int read_leaf(bool json);

#endif
