/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/vmnote.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* "YYYY-MM-DD HH:MM:SS". */
static const char *moment(double seconds, char text[32])
{
	time_t t = seconds;
	struct tm tm = { 0 };

	localtime_r(&t, &tm);
	strftime(text, 32, "%Y-%m-%d %H:%M:%S", &tm);
	return text;
}

static void __attribute__((format(printf, 3, 4))) add(char *text, size_t size, const char *fmt, ...)
{
	size_t len = strlen(text);
	va_list ap;

	if (len)
		len += snprintf(text + len, size - len, "  ");
	if (len >= size)
		return;
	va_start(ap, fmt);
	vsnprintf(text + len, size - len, fmt, ap);
	va_end(ap);
}

void vmnote_text(json_t *vm, char *text, size_t size)
{
	json_t *stuck = json_object_get(vm, "stuck");
	json_t *cost = json_object_get(json_object_get(vm, "host"), "poll_exits");
	const char *reason = json_string_value(json_object_get(vm, "reason"));
	const char *cause = "";
	json_int_t samples;
	double since, to;
	char when[32];

	*text = '\0';
	/* What it costs the VM that the host's counters are read. */
	if (json_is_real(cost) && json_real_value(cost) >= 0.1)
		add(text, size, "each reading by the host causes %.1f exits", json_real_value(cost));
	if (json_is_number(stuck))
		add(text, size, "QEMU stuck since %s", moment(json_number_value(stuck), when));
	else if (reason && *reason)
		add(text, size, "%s", reason);
	if (json_unpack(json_object_get(vm, "quarantined"), "{sF,sI,ss}", "since", &since, "samples",
			&samples, "cause", &cause) == 0)
		add(text, size, "%lld samples quarantined since %s (%s)", (long long)samples,
		    moment(since, when), cause);
	if (json_unpack(json_object_get(vm, "gap"), "{sF,ss}", "to", &to, "cause", &cause) == 0)
		add(text, size, "samples missing until %s (%s)", moment(to, when) + 11, cause);
}
