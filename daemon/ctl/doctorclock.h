/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's clock, by which samples are dated: for vmexitctl doctor. Non-logging. */
#ifndef DAEMON_CTL_DOCTORCLOCK_H
#define DAEMON_CTL_DOCTORCLOCK_H

#include <stdbool.h>

#include "daemon/ctl/doctorsay.h"

struct doctor_clock {
	bool known;
	bool synchronised;
	double error_s;			/* the kernel's own estimate, at most */
};

/* As the kernel has it. */
struct doctor_clock doctorclock_read(void);

void doctorclock_look(const struct doctor_clock *clock, struct doctorsay *say);

#endif
