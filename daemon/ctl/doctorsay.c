/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/doctorsay.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/room.h"

void doctorsay(struct doctorsay *say, enum doctor_grade grade, const char *check, const char *fmt, ...)
{
	struct doctor_finding *f;
	va_list ap;

	if (!room_for_one(&say->findings, say->count, &say->room, sizeof(*say->findings))) {
		say->short_of_memory = true;
		return;
	}
	f = &say->findings[say->count++];
	*f = (struct doctor_finding){ .grade = grade, .subject = say->subject, .check = check };
	(void)snprintf(f->vm, sizeof(f->vm), "%s", say->vm ? say->vm : "");
	va_start(ap, fmt);
	(void)vsnprintf(f->what, sizeof(f->what), fmt, ap);
	va_end(ap);
}

static void say_of_last(struct doctorsay *say, size_t at, const char *fmt, va_list ap)
{
	if (say->count > 0 && !say->short_of_memory)
		(void)vsnprintf((char *)&say->findings[say->count - 1] + at, DOCTORSAY_TEXT_MAX, fmt,
				ap);
}

void doctorsay_why(struct doctorsay *say, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_of_last(say, offsetof(struct doctor_finding, why), fmt, ap);
	va_end(ap);
}

void doctorsay_fix(struct doctorsay *say, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_of_last(say, offsetof(struct doctor_finding, fix), fmt, ap);
	va_end(ap);
}

size_t doctorsay_count(const struct doctorsay *say, enum doctor_grade grade)
{
	size_t count = 0;

	for (size_t i = 0; i < say->count; i++)
		count += say->findings[i].grade == grade;
	return count;
}

const struct doctor_finding *doctorsay_find(const struct doctorsay *say, const char *check)
{
	for (size_t i = say->count; i > 0; i--) {
		if (strcmp(say->findings[i - 1].check, check) == 0)
			return &say->findings[i - 1];
	}
	return NULL;
}

void doctorsay_done(struct doctorsay *say)
{
	free(say->findings);
	*say = (struct doctorsay){ 0 };
}
