/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/completewords.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl/clean.h"
#include "daemon/ctl/client.h"
#include "daemon/ctl/topview.h"
#include "guest-agent/shared/cleanup.h"

/* What is typed, and to whom the words go that begin so. */
struct seeker {
	const char *typed;
	size_t len;
	complete_fn fn;
	void *ctx;
};

/* With @front before it, if it can be typed at all. */
static void tell(const struct seeker *s, const char *front, const char *untrusted_word, bool goes_on)
{
	char clean[COMPLETE_TEXT_MAX], word[COMPLETE_TEXT_MAX];

	clean_text(untrusted_word, INT_MAX, clean, sizeof(clean));
	if (!*untrusted_word || strcmp(clean, untrusted_word) != 0)
		return;
	(void)snprintf(word, sizeof(word), "%s%s", front, clean);
	if (strncmp(word, s->typed, s->len) == 0)
		s->fn(s->ctx, word, goes_on);
}

static json_t *ask(const struct complete_context *context, const char *path)
{
	_cleanup_free_ char *text = NULL;

	if (client_get(context->socket, path, &text) < 0)
		return NULL;
	return json_loads(text, 0, NULL);
}

static json_t *ask_vm(const struct complete_context *context, const char *vm, const char *what)
{
	_cleanup_free_ char *text = NULL;

	if (!vm || client_ask(context->socket, vm, what, NULL, 0, &text) < 0)
		return NULL;
	return json_loads(text, 0, NULL);
}

/* By name, or by id where that is nothing to type. @goes_on: a boot is to follow. */
static void tell_vms(const struct seeker *s, const struct complete_context *context, bool goes_on)
{
	json_t *root = ask(context, "/api/v1/vms"), *vm;
	size_t i;

	json_array_foreach(json_object_get(root, "vms"), i, vm) {
		const char *name = json_string_value(json_object_get(vm, "name"));
		const char *id = json_string_value(json_object_get(vm, "id"));
		char clean[COMPLETE_TEXT_MAX], word[COMPLETE_TEXT_MAX];

		if (!name || !id)
			continue;
		clean_text(name, INT_MAX, clean, sizeof(clean));
		(void)snprintf(word, sizeof(word), "%s%s",
			       *name && strcmp(clean, name) == 0 ? name : id, goes_on ? ":" : "");
		tell(s, "", word, goes_on);
	}
	json_decref(root);
}

/* Numbers, each with @front before it. */
static void tell_boots(const struct seeker *s, const struct complete_context *context,
		       const char *vm, const char *front)
{
	json_t *root = ask_vm(context, vm, "boots"), *boot;
	char number[32];
	size_t i;

	json_array_foreach(json_object_get(root, "boots"), i, boot) {
		(void)snprintf(number, sizeof(number), "%lld",
			       (long long)json_integer_value(json_object_get(boot, "boot")));
		tell(s, front, number, false);
	}
	json_decref(root);
}

/* "VM:N": up to the colon the VM, behind it its boots. */
static void tell_vm_boots(const struct seeker *s, const struct complete_context *context)
{
	const char *colon = strrchr(s->typed, ':');
	char vm[COMPLETE_TEXT_MAX], front[COMPLETE_TEXT_MAX];

	if (!colon) {
		tell_vms(s, context, true);
		return;
	}
	(void)snprintf(vm, sizeof(vm), "%.*s", (int)(colon - s->typed), s->typed);
	(void)snprintf(front, sizeof(front), "%.*s", (int)(colon + 1 - s->typed), s->typed);
	tell_boots(s, context, vm, front);
}

/* Those that the VM has had; "all"; of several with commas the last. */
static void tell_reasons(const struct seeker *s, const struct complete_context *context)
{
	json_t *root = ask_vm(context, context->vm, "reasons"), *reason;
	const char *comma = strrchr(s->typed, ',');
	char front[COMPLETE_TEXT_MAX];
	size_t i;

	(void)snprintf(front, sizeof(front), "%.*s", comma ? (int)(comma + 1 - s->typed) : 0, s->typed);
	if (!comma)
		tell(s, "", "all", false);
	json_array_foreach(json_object_get(root, "reasons"), i, reason) {
		const char *name = json_string_value(json_object_get(reason, "name"));

		tell(s, front, name ? name : "", false);
	}
	json_decref(root);
}

/* Of intervals, each once. */
static void tell_labels(const struct seeker *s, const struct complete_context *context)
{
	json_t *root = ask_vm(context, context->vm, "marks"), *seen = json_object(), *mark;
	size_t i;

	json_array_foreach(json_object_get(root, "marks"), i, mark) {
		const char *kind = json_string_value(json_object_get(mark, "kind"));
		const char *label = json_string_value(json_object_get(mark, "label"));

		if (!kind || !label || strcmp(kind, "begin") != 0 || json_object_get(seen, label))
			continue;
		(void)json_object_set_new(seen, label, json_true());
		tell(s, "", label, false);
	}
	json_decref(seen);
	json_decref(root);
}

static void tell_list(const struct seeker *s, const char *list, const char *separators)
{
	_cleanup_free_ char *copy = strdup(list);
	char *rest, *word = copy ? strtok_r(copy, separators, &rest) : NULL;

	for (; word; word = strtok_r(NULL, separators, &rest))
		tell(s, "", word, false);
}

static void tell_columns(const struct seeker *s, const struct complete_context *context)
{
	char words[256];

	topview_sort_words(context->vm ? TOPVIEW_REASONS : TOPVIEW_VMS, words, sizeof(words));
	tell_list(s, words, ", ");
}

bool completewords(const char *kind, const char *typed, const struct complete_context *context,
		   complete_fn fn, void *ctx)
{
	const struct seeker s = { typed, strlen(typed), fn, ctx };

	if (strcmp(kind, "FILE") == 0)
		return true;
	if (strcmp(kind, "VM") == 0 || strcmp(kind, "DOMAIN") == 0)
		tell_vms(&s, context, false);
	else if (strcmp(kind, "BOOTS") == 0)
		tell_vm_boots(&s, context);
	else if (strcmp(kind, "REASONS") == 0)
		tell_reasons(&s, context);
	else if (strcmp(kind, "LABEL") == 0)
		tell_labels(&s, context);
	else if (strcmp(kind, "COLUMN") == 0)
		tell_columns(&s, context);
	else if (strcmp(kind, "KIND") == 0)
		tell_list(&s, "count handling away idle agent taken", " ");
	else if (strcmp(kind, "BOOT") == 0) {
		tell(&s, "", "latest", false);
		tell_boots(&s, context, context->vm, "");
	}
	return false;
}
