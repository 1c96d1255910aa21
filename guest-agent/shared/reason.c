/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/shared/reason.h"

/* Exception vectors, which the SVM list uses. */
#include <linux/kvm.h>
#include <asm/svm.h>
#include <asm/vmx.h>

struct reason {
	uint32_t number;
	const char *name;
};

static const struct reason vmx[] = {
	VMX_EXIT_REASONS,
	{ VMEXIT_REASON_OTHER, "other" },
	{ VMEXIT_REASON_IDLE, "idle" },
};

static const struct reason svm[] = {
	SVM_EXIT_REASONS,
	{ VMEXIT_REASON_OTHER, "other" },
	{ VMEXIT_REASON_IDLE, "idle" },
};

static const struct reason *reasons_of(uint32_t namespace, size_t *ret_count)
{
	switch (namespace) {
	case VMEXIT_REASONS_VMX:
		*ret_count = sizeof(vmx) / sizeof(vmx[0]);
		return vmx;
	case VMEXIT_REASONS_SVM:
		*ret_count = sizeof(svm) / sizeof(svm[0]);
		return svm;
	default:
		*ret_count = 0;
		return NULL;
	}
}

const char *reason_name(uint32_t namespace, uint32_t number)
{
	size_t count;
	const struct reason *reasons = reasons_of(namespace, &count);

	/* Ours come last, and win: SVM's "invalid guest state" has the number of "other". */
	for (size_t i = count; i-- > 0;) {
		if (reasons[i].number == number)
			return reasons[i].name;
	}
	return NULL;
}

size_t reason_count(uint32_t namespace)
{
	size_t count;

	(void)reasons_of(namespace, &count);
	return count;
}

void reason_at(uint32_t namespace, size_t i, uint32_t *ret_number, const char **ret_name)
{
	size_t count;
	const struct reason *reasons = reasons_of(namespace, &count);

	*ret_number = reasons[i].number;
	*ret_name = reasons[i].name;
}
