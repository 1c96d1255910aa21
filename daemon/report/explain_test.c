/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every reason that has a name has a sentence, and the classes are those meant. */
#include "daemon/report/explain.h"

#include <asm/svm.h>
#include <asm/vmx.h>
#include <string.h>

#include "guest-agent/shared/reason.h"
#include "guest-agent/shared/tap.h"

static void test_all(uint32_t namespace, const char *what)
{
	size_t missing = 0;

	for (size_t i = 0; i < reason_count(namespace); i++) {
		uint32_t number;
		const char *name, *words;

		reason_at(namespace, i, &number, &name);
		words = explain_words(namespace, number);
		if (words && strlen(words) > 20 && words[strlen(words) - 1] == '.')
			continue;
		printf("# no sentence: %s\n", name);
		missing++;
	}
	ok(reason_count(namespace) > 50 && missing == 0, "each of the %zu names of %s is explained",
	   reason_count(namespace), what);
}

static void is_class(uint32_t namespace, uint32_t number, const char *class)
{
	const char *name = explain_class_name(explain_class(namespace, number));

	ok(strcmp(name, class) == 0, "%s is of class %s (%s)", reason_name(namespace, number), class, name);
}

int main(void)
{
	test_all(VMEXIT_REASONS_VMX, "VMX");
	test_all(VMEXIT_REASONS_SVM, "SVM");
	is_class(VMEXIT_REASONS_VMX, EXIT_REASON_HLT, "halt");
	is_class(VMEXIT_REASONS_SVM, SVM_EXIT_HLT, "halt");
	is_class(VMEXIT_REASONS_VMX, EXIT_REASON_EPT_VIOLATION, "memory");
	is_class(VMEXIT_REASONS_SVM, SVM_EXIT_NPF, "memory");
	is_class(VMEXIT_REASONS_VMX, EXIT_REASON_EPT_MISCONFIG, "mmio");
	is_class(VMEXIT_REASONS_VMX, EXIT_REASON_EOI_INDUCED, "apic");
	is_class(VMEXIT_REASONS_VMX, EXIT_REASON_IO_INSTRUCTION, "port");
	is_class(VMEXIT_REASONS_SVM, SVM_EXIT_IOIO, "port");
	is_class(VMEXIT_REASONS_SVM, SVM_EXIT_MSR, "msr");
	is_class(VMEXIT_REASONS_SVM, SVM_EXIT_INTR, "interrupt");
	is_class(VMEXIT_REASONS_VMX, EXIT_REASON_PREEMPTION_TIMER, "timer");
	is_class(VMEXIT_REASONS_VMX, VMEXIT_REASON_IDLE, "idle");
	ok(!explain_words(VMEXIT_REASONS_VMX, 5000) && explain_class(VMEXIT_REASONS_VMX, 5000) == EXPLAIN_other,
	   "a number without a name is not explained");
	ok(!explain_words(0, EXIT_REASON_HLT), "nor one of no namespace");
	ok(explain_class(VMEXIT_REASONS_VMX, SVM_EXIT_HLT) != EXPLAIN_halt, "nor one of another one");
	return done_testing();
}
