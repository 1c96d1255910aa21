/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/hostnames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

int hostnames_add(struct hostnames *hostnames, const char *name)
{
	char *copy;

	if (hostnames->count == HOSTNAMES_MAX)
		return -EINVAL;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	hostnames->name[hostnames->count++] = copy;
	return 0;
}

void hostnames_add_loopback(struct hostnames *hostnames)
{
	hostnames->loopback = true;
}

int hostnames_add_list(struct hostnames *hostnames, const char *list)
{
	_cleanup_free_ char *text = strdup(list);
	const size_t room = HOSTNAMES_MAX - hostnames->count;
	char *save = NULL;
	int r = 0;

	if (!text)
		return -ENOMEM;
	for (char *name = strtok_r(text, ", ", &save); name && r == 0;
	     name = strtok_r(NULL, ", ", &save))
		r = hostnames_add(hostnames, name);
	if (r == -EINVAL)
		log_error("allowed_hosts: more than %zu names: leave some out", room);
	return r;
}

static bool is_loopback(const char *untrusted_host)
{
	static const char *const names[] = { "127.0.0.1", "[::1]", "localhost" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(names[i]);

		if (strncasecmp(untrusted_host, names[i], len) != 0)
			continue;
		untrusted_host += len;
		return !*untrusted_host ||
		       (*untrusted_host == ':' &&
			untrusted_host[1 + strspn(untrusted_host + 1, "0123456789")] == '\0');
	}
	return false;
}

bool hostnames_has(const struct hostnames *hostnames, const char *untrusted_host)
{
	if (untrusted_host && hostnames->loopback && is_loopback(untrusted_host))
		return true;
	for (size_t i = 0; untrusted_host && i < hostnames->count; i++) {
		if (strcasecmp(untrusted_host, hostnames->name[i]) == 0)
			return true;
	}
	return false;
}

void hostnames_done(struct hostnames *hostnames)
{
	for (size_t i = 0; i < hostnames->count; i++)
		free(hostnames->name[i]);
	hostnames->count = 0;
	hostnames->loopback = false;
}
