/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/change.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const char below_vms[] = "/api/v1/vms/";

static const struct {
	const char *name;
	enum order_kind kind;
} changes[] = {
	{ "attach", ORDER_ATTACH },
	{ "detach", ORDER_DETACH },
	{ "rate", ORDER_PACE },
};

/* The VM's name, or id, and what to do with it. */
static bool split(const char *path, char *name, size_t size, enum order_kind *ret_kind)
{
	const char *rest = path + sizeof(below_vms) - 1;
	const char *slash;

	if (strncmp(path, below_vms, sizeof(below_vms) - 1) != 0)
		return false;
	slash = strrchr(rest, '/');
	if (!slash || slash == rest || (size_t)(slash - rest) >= size)
		return false;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		if (strcmp(changes[i].name, slash + 1) == 0) {
			snprintf(name, size, "%.*s", (int)(slash - rest), rest);
			*ret_kind = changes[i].kind;
			return true;
		}
	}
	return false;
}

bool change_is(const char *path)
{
	char name[RECORD_NAME_MAX + 1];
	enum order_kind kind;

	return split(path, name, sizeof(name), &kind);
}

static int fail(struct answer *answer, int status, const char *message)
{
	answer_fail(answer, status, "%s", message);
	return -EINVAL;
}

/* {"interval_ms": 100}, or null for as the agent sees fit. */
static int parse_pace(const json_t *root, struct order *order, struct answer *answer)
{
	const json_t *interval = json_object_get(root, "interval_ms");
	json_int_t ms = json_integer_value(interval);

	if (!interval || json_object_size(root) != 1)
		return fail(answer, 400, "the body is not {\"interval_ms\": N}, alone");
	if (json_is_null(interval)) {
		order->interval_ms = 0;
		return 0;
	}
	if (!json_is_integer(interval) || ms < CHANGE_INTERVAL_MIN_MS ||
	    ms > CHANGE_INTERVAL_MAX_MS) {
		answer_fail(answer, 400, "interval_ms is neither a whole number from %d to %d nor null",
			 CHANGE_INTERVAL_MIN_MS, CHANGE_INTERVAL_MAX_MS);
		return -EINVAL;
	}
	order->interval_ms = ms;
	return 0;
}

static int parse_body(const char *body, size_t len, struct order *order,
		      struct answer *answer)
{
	json_error_t error;
	json_t *root;
	int r = 0;

	if (len == 0 && order->kind != ORDER_PACE)
		return 0;
	root = json_loadb(body, len, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(root)) {
		answer_fail(answer, 400, "the body is no JSON object%s%s", root ? "" : ": ",
			 root ? "" : error.text);
		r = -EINVAL;
	} else if (order->kind == ORDER_PACE) {
		r = parse_pace(root, order, answer);
	} else if (json_object_size(root) > 0) {
		r = fail(answer, 400, "the body of this request is empty, or {}");
	}
	json_decref(root);
	return r;
}

int change_parse(struct query *query, const char *path, const char *body, size_t len,
		 struct order *ret_order, struct answer *ret_answer)
{
	char name[RECORD_NAME_MAX + 1];
	struct order order = { 0 };
	struct query_vm vm;
	int r;

	memset(ret_answer, 0, sizeof(*ret_answer));
	if (!split(path, name, sizeof(name), &order.kind))
		return fail(ret_answer, 405, "only GET and HEAD are answered here");
	r = query_vm(query, name, &vm);
	if (r < 0) {
		if (r == -ENOENT)
			answer_fail(ret_answer, 404,
				 "there is no VM '%.64s'; /api/v1/vms lists those there are", name);
		else
			answer_fail(ret_answer, 503, "the database could not be read (%s)",
				 strerror(-r));
		return -EINVAL;
	}
	r = parse_body(body, len, &order, ret_answer);
	if (r < 0)
		return r;
	memcpy(order.vm_key, vm.key, sizeof(order.vm_key));
	memcpy(order.vm_name, vm.name, sizeof(order.vm_name));
	*ret_order = order;
	return 0;
}
