/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/doctorclock.h"

#include <sys/timex.h>

struct doctor_clock doctorclock_read(void)
{
	struct timex timex = { .modes = 0 };
	int state = adjtimex(&timex);

	return (struct doctor_clock){
		.known = state >= 0,
		.synchronised = state != TIME_ERROR && !(timex.status & STA_UNSYNC),
		.error_s = timex.maxerror / 1e6,
	};
}

void doctorclock_look(const struct doctor_clock *clock, struct doctorsay *say)
{
	say->subject = "Clock";
	if (!clock->known) {
		doctorsay(say, DOCTOR_UNSEEN, "clock", "the kernel does not say whether its clock is right");
	} else if (clock->synchronised) {
		doctorsay(say, DOCTOR_OK, "clock", "the host's clock is synchronised, to %.3g s",
			  clock->error_s);
	} else {
		doctorsay(say, DOCTOR_NOTE, "clock", "the host's clock is not synchronised");
		doctorsay_why(say, "samples are dated by it; hosts cannot be compared, and when it leaps "
				   "there are gaps");
		doctorsay_fix(say, "timedatectl set-ntp true   (as root; before: apt install "
				   "systemd-timesyncd, or chrony)");
	}
}
