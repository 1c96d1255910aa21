/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of exit reasons, from the kernel's uapi lists VMX_EXIT_REASONS and
 * SVM_EXIT_REASONS, so that none is copied by hand. Non-logging.
 */
#ifndef GUEST_AGENT_SHARED_REASON_H
#define GUEST_AGENT_SHARED_REASON_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/uapi/vmexit_cpuid.h"

/* @namespace is VMEXIT_REASONS_VMX or _SVM. NULL for a number without a name. */
const char *reason_name(uint32_t namespace, uint32_t number);

/* All names of a namespace; @i < reason_count(). */
size_t reason_count(uint32_t namespace);
void reason_at(uint32_t namespace, size_t i, uint32_t *ret_number, const char **ret_name);

#endif
