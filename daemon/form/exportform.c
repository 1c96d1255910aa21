/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/exportform.h"

#include <string.h>

#include "guest-agent/shared/reason.h"

static const char *const causes[] = {
	[BOOT_FOUND] = "found", [BOOT_CREATED] = "created", [BOOT_REBOOT] = "reboot",
	[BOOT_GUEST] = "guest", [BOOT_RESUMED] = "resumed",
};

const char *exportform_cause(int64_t cause)
{
	return cause >= 0 && cause < (int64_t)(sizeof(causes) / sizeof(causes[0])) ? causes[cause]
										   : NULL;
}

int exportform_cause_parse(const char *name)
{
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		if (strcmp(causes[i], name) == 0)
			return i;
	}
	return -1;
}

const char *exportform_namespace(uint32_t namespace)
{
	return namespace == VMEXIT_REASONS_VMX ? "vmx" : namespace == VMEXIT_REASONS_SVM ? "svm" : "";
}

uint32_t exportform_namespace_parse(const char *name)
{
	return strcmp(name, "vmx") == 0	  ? VMEXIT_REASONS_VMX
	       : strcmp(name, "svm") == 0 ? VMEXIT_REASONS_SVM
					  : 0;
}
