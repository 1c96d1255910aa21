/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/shared/reason.h"

#include <string.h>

#include "guest-agent/shared/tap.h"
#include "kernel/uapi/vmexit_cpuid.h"

static const char *named(uint32_t namespace, uint32_t number)
{
	const char *name = reason_name(namespace, number);

	return name ? name : "";
}

static void test_names(uint32_t namespace, uint32_t cpuid, const char *what)
{
	ok(strcmp(named(namespace, cpuid), "cpuid") == 0 || strcmp(named(namespace, cpuid), "CPUID") == 0,
	   "%s: CPUID's name", what);
	ok(!reason_name(namespace, 0x12345678), "%s: a number without a name", what);
	/* SVM has a name of its own for that number. */
	ok(strcmp(named(namespace, VMEXIT_REASON_OTHER), "other") == 0 &&
		   strcmp(named(namespace, VMEXIT_REASON_IDLE), "idle") == 0,
	   "%s: the names that are ours", what);
}

/* Who takes the list for a table keeps the last name of a number. */
static void test_list(uint32_t namespace, const char *what)
{
	const char *last = NULL;

	for (size_t i = 0; i < reason_count(namespace); i++) {
		uint32_t number;
		const char *name;

		reason_at(namespace, i, &number, &name);
		if (number == VMEXIT_REASON_OTHER)
			last = name;
	}
	ok(last && strcmp(last, "other") == 0, "%s: the list's last name of that number is ours", what);
}

int main(void)
{
	test_names(VMEXIT_REASONS_VMX, 10, "VMX");
	test_names(VMEXIT_REASONS_SVM, 0x72, "SVM");
	test_list(VMEXIT_REASONS_VMX, "VMX");
	test_list(VMEXIT_REASONS_SVM, "SVM");
	ok(reason_count(0) == 0 && !reason_name(0, 10), "no names without a namespace");
	return done_testing();
}
