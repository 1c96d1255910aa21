/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/params.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int params_refuse(struct params *params, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(params->error, sizeof(params->error), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

const char *params_get(const struct params *params, const char *key)
{
	for (size_t i = 0; i < params->count; i++) {
		if (strcmp(params->untrusted[i].key, key) == 0)
			return params->untrusted[i].value;
	}
	return NULL;
}

static bool in_list(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; len > 0 && (p = strstr(p, word)); p += len) {
		if ((p == list || p[-1] == ' ') && (p[len] == ' ' || p[len] == '\0'))
			return true;
	}
	return false;
}

int params_check(struct params *params, const char *known)
{
	for (size_t i = 0; i < params->count; i++) {
		const char *key = params->untrusted[i].key;

		if (!in_list(known, key)) {
			if (!*known)
				return params_refuse(params, "no parameters are known here, not '%.40s'",
					      key);
			return params_refuse(params, "parameter '%.40s' is not known here; there are: %s",
				      key, known);
		}
		if (!params->untrusted[i].value || !*params->untrusted[i].value)
			return params_refuse(params, "parameter '%s' has no value", key);
		for (size_t k = 0; k < i; k++) {
			if (strcmp(params->untrusted[k].key, key) == 0)
				return params_refuse(params, "parameter '%s' is there twice", key);
		}
	}
	return 0;
}

int params_uint(struct params *params, const char *key, unsigned int min, unsigned int max,
		unsigned int *value)
{
	const char *text = params_get(params, key);
	unsigned long v;
	char *end;

	if (!text)
		return 0;
	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || !isdigit((unsigned char)*text) || *end || v < min || v > max)
		return params_refuse(params, "%s = '%.40s' is not a number from %u to %u", key, text, min,
			      max);
	*value = v;
	return 0;
}

int params_u64(struct params *params, const char *key, uint64_t *value)
{
	const char *text = params_get(params, key);
	unsigned long long v;
	char *end;

	if (!text)
		return 0;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno || !isdigit((unsigned char)*text) || *end)
		return params_refuse(params, "%s = '%.40s' is not a number of up to 64 bits", key, text);
	*value = v;
	return 0;
}

/* ".123456789" or nothing, as nanoseconds; moves @p behind it. */
static int64_t fraction_ns(const char **p)
{
	int64_t ns = 0, unit = 100000000;

	if (**p != '.')
		return 0;
	for ((*p)++; isdigit((unsigned char)**p); (*p)++, unit /= 10)
		ns += (**p - '0') * unit;
	return ns;
}

static bool parse_epoch(const char *text, int64_t *ret_ns)
{
	char *end;
	long long s;
	const char *p;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	s = strtoll(text, &end, 10);
	p = end;
	if (errno || s > 9000000000LL)
		return false;
	*ret_ns = s * 1000000000 + fraction_ns(&p);
	return *p == '\0';
}

static bool parse_rfc3339(const char *text, int64_t *ret_ns)
{
	struct tm tm = { 0 };
	const char *p = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	unsigned int hours = 0, minutes = 0;
	int sign = 0, n = 0;
	int64_t ns;

	if (!p)
		return false;
	ns = fraction_ns(&p);
	if (*p == '+' || *p == '-') {
		sign = *p == '+' ? 1 : -1;
		if (sscanf(p + 1, "%2u:%2u%n", &hours, &minutes, &n) != 2 || n != 5 ||
		    hours > 23 || minutes > 59)
			return false;
		p += 1 + n;
	} else if (*p++ != 'Z') {
		return false;
	}
	if (tm.tm_year < 70 || tm.tm_year > 300)
		return false;
	*ret_ns = (timegm(&tm) - sign * (int64_t)(hours * 3600 + minutes * 60)) * 1000000000 + ns;
	return *p == '\0';
}

int params_time(struct params *params, const char *key, int64_t *value_ns)
{
	const char *text = params_get(params, key);

	if (!text || parse_epoch(text, value_ns) || parse_rfc3339(text, value_ns))
		return 0;
	return params_refuse(params,
		      "%s = '%.40s' is not a time: seconds since the epoch (1763874000.5) or "
		      "RFC 3339 (2026-11-23T05:00:00Z)",
		      key, text);
}
