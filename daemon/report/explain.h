/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What exit reasons are, in a sentence, and what they have in common. Non-logging, pure. */
#ifndef DAEMON_EXPLAIN_H
#define DAEMON_EXPLAIN_H

#include <stdint.h>

/* Reasons of one kind on either vendor's CPUs; the words are those of the JSON. */
#define EXPLAIN_CLASSES(X) \
	X(other) X(halt) X(memory) X(mmio) X(port) X(msr) X(interrupt) X(window) X(timer) \
	X(apic) X(pause) X(cpuid) X(control) X(debug) X(exception) X(clock) X(hypercall) \
	X(nested) X(reset) X(cache) X(idle)

enum explain_class {
#define X(name) EXPLAIN_##name,
	EXPLAIN_CLASSES(X)
#undef X
	EXPLAIN_CLASSES_COUNT
};

const char *explain_class_name(enum explain_class class);

/* EXPLAIN_other for what is not known. */
enum explain_class explain_class(uint32_t namespace, uint32_t number);

/* One sentence, or NULL for what is not known. */
const char *explain_words(uint32_t namespace, uint32_t number);

#endif
