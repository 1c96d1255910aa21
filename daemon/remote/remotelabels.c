/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/remote/remotelabels.h"

#include <errno.h>
#include <string.h>

#include "guest-agent/shared/log.h"

/* Of Prometheus itself, and those that series have. */
static bool is_taken(const char *name)
{
	static const char *const own[] = { "host", "vm", "name", "source" };

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (strcmp(own[i], name) == 0)
			return true;
	}
	for (size_t i = 0; i < METRICS_COUNT; i++) {
		if (metrics[i].label && strcmp(metrics[i].label, name) == 0)
			return true;
	}
	return strncmp(name, "__", 2) == 0;
}

static bool is_name(const char *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";

	return *name && strchr(letters, *name) &&
	       name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789")] == '\0';
}

static bool is_there(const struct remotelabels *l, const char *name)
{
	for (size_t i = 0; i < l->count; i++) {
		if (strcmp(l->labels[i].name, name) == 0)
			return true;
	}
	return false;
}

int remotelabels_parse(const char *text, struct remotelabels *ret_labels)
{
	struct remotelabels *l = ret_labels;
	char *rest = l->text, *word;

	l->count = 0;
	if (strlen(text) > REMOTELABELS_TEXT_MAX) {
		log_error("remote_write_labels is longer than %d characters", REMOTELABELS_TEXT_MAX);
		return -EINVAL;
	}
	memcpy(l->text, text, strlen(text) + 1);
	if (!*text)
		return 0;
	while ((word = strsep(&rest, ","))) {
		char *value = strchr(word, '=');

		if (value)
			*value++ = '\0';
		if (!value || !*value || !is_name(word)) {
			log_error("remote_write_labels: '%s' is not NAME=VALUE with a NAME of letters, "
				  "digits and '_'", word);
			return -EINVAL;
		}
		if (is_taken(word) || is_there(l, word)) {
			log_error("remote_write_labels: series have a label '%s' already", word);
			return -EINVAL;
		}
		if (l->count == REMOTEBATCH_LABELS_MAX) {
			log_error("remote_write_labels: more than %d labels", REMOTEBATCH_LABELS_MAX);
			return -EINVAL;
		}
		l->labels[l->count++] = (struct remoteframe_label){ word, value };
	}
	return 0;
}
