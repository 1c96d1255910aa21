/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parameters of an HTTP request: untrusted text until it went through here. Non-logging. */
#ifndef DAEMON_PARAMS_H
#define DAEMON_PARAMS_H

#include <stddef.h>
#include <stdint.h>

#define PARAMS_MAX 16
#define PARAMS_ERROR_MAX 256

struct params {
	struct {
		const char *key, *value;
	} untrusted[PARAMS_MAX];
	size_t count;
	char error[PARAMS_ERROR_MAX];	/* why the last call returned -EINVAL, for a person */
};

/* The value of @key, or NULL. Still untrusted. */
const char *params_get(const struct params *params, const char *key);

/*
 * -EINVAL if there is a parameter that is not in @known (a space-separated list),
 * is there twice or has no value; else 0.
 */
int params_check(struct params *params, const char *known);

/* Each leaves its output alone when the parameter is absent, and returns 0 or -EINVAL. */
int params_uint(struct params *params, const char *key, unsigned int min, unsigned int max,
		unsigned int *value);
int params_u64(struct params *params, const char *key, uint64_t *value);
/* Seconds since the epoch with a fraction, or RFC 3339, as nanoseconds. */
int params_time(struct params *params, const char *key, int64_t *value_ns);

/* Set params->error. Returns -EINVAL. */
int params_refuse(struct params *params, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
