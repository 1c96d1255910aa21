/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/doctorclock.h"

#include "daemon/ctl/testplace.h"
#include "guest-agent/shared/tap.h"

static void look(struct doctor_clock clock)
{
	doctorsay_done(&said);
	doctorclock_look(&clock, &said);
}

int main(void)
{
	look((struct doctor_clock){ .known = true, .synchronised = true, .error_s = 0.012 });
	ok(testplace_said("clock", DOCTOR_OK, "0.012 s"), "a clock that is right");
	look((struct doctor_clock){ .known = true, .error_s = 16 });
	ok(testplace_said("clock", DOCTOR_NOTE, "timedatectl set-ntp true"), "one that is not");
	look((struct doctor_clock){ 0 });
	ok(testplace_said("clock", DOCTOR_UNSEEN, "kernel"), "one of which nothing is known");
	ok(doctorclock_read().known, "this kernel says something");
	testplace_end();
	return done_testing();
}
