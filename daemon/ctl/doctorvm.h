/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One VM, from its definition to its agent: for vmexitctl doctor. Non-logging. */
#ifndef DAEMON_CTL_DOCTORVM_H
#define DAEMON_CTL_DOCTORVM_H

#include <jansson.h>

#include "daemon/ctl/doctorkernel.h"
#include "daemon/ctl/doctorsay.h"
#include "daemon/libvirt/survey.h"

struct doctor_vm {
	const struct survey_domain *domain;	/* NULL: libvirt has none, or was not asked */
	json_t *vm;			/* of /api/v1/vms; NULL: vmexitd has none, or was not asked */
	json_t *boots;			/* .../boots; NULL as well */
	json_t *gaps;			/* .../gaps of the last hour; NULL as well */
	bool watched;			/* vmexitd follows the libvirt that was asked */
	enum doctor_telemetry telemetry;	/* of KVM now */
	const char *call;		/* doctorvm_look()'s own: its name in a command */
};

void doctorvm_look(const struct doctor_vm *vm, struct doctorsay *say);

#endif
