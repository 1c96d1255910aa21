/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which KVM modules there are for a kernel, whether they are the patched ones, and what the
 * kernel would take: for vmexitctl doctor. Reads files only. Non-logging.
 */
#ifndef DAEMON_CTL_DOCTORMODULES_H
#define DAEMON_CTL_DOCTORMODULES_H

#include <stdbool.h>

#include "daemon/ctl/doctorplace.h"

/* The kvm module that modprobe would load. */
struct doctor_module {
	char file[512];			/* below the root */
	bool readable;
	bool packed;			/* compressed: what is in it is not known */
	bool patched;			/* has the series */
	bool has_signature;
};

/*
 * That of kernel @release, by its modules.dep. Returns 0, -ENOENT if that names none (KVM is
 * built in, or there is no such kernel), or another -errno.
 */
int doctormodules_find(const struct doctor_place *place, const char *release,
		       struct doctor_module *ret_module);

/* The newest installed kernel, by its version. Returns 0 or -ENOENT. */
int doctormodules_newest(const struct doctor_place *place, char *buf, size_t size);

/* Whether DKMS has our package, and has it installed for @release. */
bool doctormodules_in_dkms(const struct doctor_place *place);
bool doctormodules_built_by_dkms(const struct doctor_place *place, const char *release);

/* Whether the firmware's Secure Boot is on; false also without EFI. */
bool doctormodules_secure_boot(const struct doctor_place *place);

/* 1: the running kernel takes signed modules only; 0: any; or the -errno of looking. */
int doctormodules_signed_only(const struct doctor_place *place);

#endif
