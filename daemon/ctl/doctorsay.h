/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What vmexitctl doctor found: each thing as one line of what is, why that is so and what to do,
 * in groups by subject. Names that guests or others chose go in as they are, and are made
 * harmless where they are printed (doctorprint.c). Non-logging.
 */
#ifndef DAEMON_CTL_DOCTORSAY_H
#define DAEMON_CTL_DOCTORSAY_H

#include <stdbool.h>
#include <stddef.h>

#define DOCTORSAY_TEXT_MAX 512
#define DOCTORSAY_VM_MAX 256

enum doctor_grade {
	DOCTOR_OK,
	DOCTOR_NOTE,		/* works, with less than there could be */
	DOCTOR_PROBLEM,		/* does not work */
	DOCTOR_UNSEEN,		/* could not be looked at */
	DOCTOR_GRADES
};

struct doctor_finding {
	enum doctor_grade grade;
	const char *subject;
	const char *check;	/* a word for programs */
	char vm[DOCTORSAY_VM_MAX];	/* whose it is; "" for the host's */
	char what[DOCTORSAY_TEXT_MAX];
	char why[DOCTORSAY_TEXT_MAX], fix[DOCTORSAY_TEXT_MAX];	/* "" for none */
};

/* Zero-initialise; ends with doctorsay_done(). */
struct doctorsay {
	const char *subject;	/* of what is said from now on; a literal */
	const char *vm;		/* likewise; NULL for the host */
	struct doctor_finding *findings;
	size_t count;
	size_t room;
	bool short_of_memory;	/* something that was said is not there */
};

/* @check is a literal, and kept. */
void doctorsay(struct doctorsay *say, enum doctor_grade grade, const char *check, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Of what was said last: why that is so or matters, and what to do. */
void doctorsay_why(struct doctorsay *say, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void doctorsay_fix(struct doctorsay *say, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

size_t doctorsay_count(const struct doctorsay *say, enum doctor_grade grade);
void doctorsay_done(struct doctorsay *say);

/* What was said last of @check; NULL if nothing was. */
const struct doctor_finding *doctorsay_find(const struct doctorsay *say, const char *check);

#endif
