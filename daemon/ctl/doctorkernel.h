/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The CPU, the kernel and its KVM: for vmexitctl doctor. Non-logging. */
#ifndef DAEMON_CTL_DOCTORKERNEL_H
#define DAEMON_CTL_DOCTORKERNEL_H

#include "daemon/ctl/doctorplace.h"
#include "daemon/ctl/doctorsay.h"

/* KVM's exit_telemetry: what VMs that are created from now on have. */
enum doctor_telemetry {
	DOCTOR_TELEMETRY_NONE,		/* KVM is not patched, or not loaded */
	DOCTOR_TELEMETRY_OFF,
	DOCTOR_TELEMETRY_COUNTS,
	DOCTOR_TELEMETRY_CYCLES,
};

enum doctor_telemetry doctorkernel_telemetry(const struct doctor_place *place);

/* Whether debugfs is mounted where it belongs. */
bool doctorkernel_has_debugfs(const struct doctor_place *place);

void doctorkernel_look(const struct doctor_place *place, struct doctorsay *say);

#endif
