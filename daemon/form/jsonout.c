/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/jsonout.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/query/eventquery.h"
#include "daemon/form/jsonparts.h"
#include "daemon/store/db.h"
#include "daemon/version.h"
#include "guest-agent/shared/reason.h"

#define RECENT_GAP_NS 600000000000LL

static const char *const states[] = {
	[VM_UNKNOWN] = "unknown",
	[VM_RUNNING] = "running",
	[VM_PAUSED] = "paused",
	[VM_STOPPED] = "stopped",
};

static const char *const agents[] = {
	[AGENT_NO_CHANNEL] = "no-channel",
	[AGENT_UNREACHABLE] = "unreachable",
	[AGENT_WAITING] = "waiting",
	[AGENT_CONNECTED] = "connected",
};

static const char *const leaves[] = {
	[LEAF_UNKNOWN] = "unknown",
	[LEAF_NO] = "no",
	[LEAF_YES] = "yes",
};

static const char *const boot_causes[] = {
	[BOOT_FOUND] = "found",
	[BOOT_CREATED] = "created",
	[BOOT_REBOOT] = "reboot",
	[BOOT_GUEST] = "guest",
	[BOOT_RESUMED] = "resumed",
};

static const char *const paths[] = {
	[HOST_PATH_LIBVIRT] = "libvirt",
	[HOST_PATH_EXITS] = "debugfs-exits",
	[HOST_PATH_REASONS] = "debugfs-reasons",
};

static const char *const lacks[] = {
	[HOST_LACK_NOTHING] = "",
	[HOST_LACK_RIGHTS] = "rights",
	[HOST_LACK_DEBUGFS] = "debugfs",
	[HOST_LACK_VM] = "vm",
	[HOST_LACK_ONE] = "one",
	[HOST_LACK_SERIES] = "series",
	[HOST_LACK_TABLE] = "table",
	[HOST_LACK_COUNTERS] = "counters",
};

int jsonout_error(const char *message, char **ret_text)
{
	return jsonparts_finish(json_pack("{so}", "error", jsonparts_text(message)), ret_text);
}

int jsonout_health(const struct store_stats *stats, char **ret_text)
{
	char message[160] = "";

	if (stats->error)
		snprintf(message, sizeof(message),
			 "samples are not being committed: %s%s", db_error_words(stats->error),
			 stats->error == -ESTALE ? "" : "; make room or check the disk");
	return jsonparts_finish(json_pack("{ssssss sIsI}", "status", stats->error ? "failing" : "ok",
				"message", message, "version", VMEXIT_VERSION, "pending_samples",
				(json_int_t)stats->pending, "dropped_samples",
				(json_int_t)stats->refused),
		      ret_text);
}

static json_t *reasons_of(uint32_t namespace)
{
	json_t *list = json_array();

	for (size_t i = 0; i < reason_count(namespace); i++) {
		const char *name;
		uint32_t number;

		reason_at(namespace, i, &number, &name);
		(void)json_array_append_new(list, json_pack("{sIss}", "number",
							    (json_int_t)number, "name", name));
	}
	return list;
}

int jsonout_reasons(char **ret_text)
{
	return jsonparts_finish(json_pack("{soso}", "vmx", reasons_of(VMEXIT_REASONS_VMX), "svm",
				reasons_of(VMEXIT_REASONS_SVM)),
		      ret_text);
}

static int latest_of(struct query *query, const struct boot *boot, enum sample_source source,
		     json_t **ret_json)
{
	struct row_pair pair;
	double dt;
	int r = query_latest(query, boot, source, &pair);

	if (r == -ENOENT) {
		*ret_json = json_null();
		return 0;
	}
	if (r < 0)
		return r;
	*ret_json = json_pack("{sososososo}", "t", jsonparts_seconds(pair.row.sample.t_wall_ns), "exits",
			      jsonparts_count(pair.row.sample.has & SAMPLE_HAS_EXITS, pair.exits),
			      "exits_rate", jsonparts_rate(&pair, RATE_COUNT, &dt), "handling_share",
			      jsonparts_rate(&pair, RATE_HANDLING, &dt), "lost_share",
			      jsonparts_rate(&pair, RATE_LOST, &dt));
	return 0;
}

/* What of a boot is quarantined, or null. */
static int quarantined_of(struct query *query, const struct boot *boot, json_t **ret_json)
{
	struct range all;
	int r = eventquery_quarantined(query, boot, &all);

	if (r < 0)
		return r;
	if (all.count > 0)
		*ret_json = json_pack("{sososssI}", "since", jsonparts_seconds(all.from_ns),
				      "until", jsonparts_seconds(all.to_ns), "cause",
				      jsonparts_quarantine_cause(all.cause), "samples",
				      (json_int_t)all.count);
	return 0;
}

/* The boot's last gap, if it ended a short time ago, or null. */
static int gap_of(struct query *query, const struct boot *boot, int64_t now_ns, json_t **ret_json)
{
	struct range gap;
	int r = eventquery_last_gap(query, boot, &gap);

	if (r < 0 || gap.to_ns < now_ns - RECENT_GAP_NS)
		return r == -ENOENT ? 0 : r;
	*ret_json = json_pack("{sosososs}", "from", jsonparts_seconds(gap.from_ns), "to",
			      jsonparts_seconds(gap.to_ns), "count",
			      jsonparts_count(gap.count >= 0, gap.count), "cause",
			      jsonparts_gap_cause(gap.cause));
	return 0;
}

struct vms_context {
	struct query *query;
	struct vitals *vitals;
	int64_t now_ns;
	json_t *list;
};

/* How the host's numbers are come by, beside them. */
static int add_path(json_t *host, const struct host_state *state)
{
	if (!json_is_object(host))
		return 0;
	return json_object_set_new(host, "via",
				   state->path ? json_string(paths[state->path]) : json_null()) < 0 ||
			       json_object_set_new(host, "poll_exits",
						   state->path && state->has_poll_exits
							   ? json_real(state->poll_exits)
							   : json_null()) < 0
		       ? -ENOMEM
		       : 0;
}

static int add_vm(void *ctx, const struct query_vm *vm)
{
	struct vms_context *c = ctx;
	json_t *guest = json_null(), *host = json_null(), *number = json_null();
	json_t *quarantined = json_null(), *gap = json_null();
	struct vital vital;
	struct boot boot;
	int r = query_boot(c->query, vm->id, 0, &boot);

	vitals_get(c->vitals, vm->key, &vital);
	if (r == 0) {
		number = json_integer(boot.number);
		r = latest_of(c->query, &boot, SOURCE_GUEST, &guest);
		if (r == 0)
			r = latest_of(c->query, &boot, SOURCE_HOST, &host);
		if (r == 0)
			r = add_path(host, &vital.host);
		if (r == 0)
			r = quarantined_of(c->query, &boot, &quarantined);
		if (r == 0)
			r = gap_of(c->query, &boot, c->now_ns, &gap);
	}
	if (r < 0 && r != -ENOENT) {
		json_decref(guest);
		json_decref(host);
		json_decref(number);
		json_decref(quarantined);
		json_decref(gap);
		return r;
	}
	return json_array_append_new(
		c->list,
		json_pack("{soso ssss so ssss so sososo ss soso}", "id", jsonparts_text(vm->key), "name",
			  jsonparts_text(vm->name), "state", NAME_OF(states, vm->state), "reason",
			  vm->state == VM_STOPPED || vm->state == VM_PAUSED ? vital.reason : "",
			  "stuck",
			  vital.host.stuck_since_ns ? jsonparts_seconds(vital.host.stuck_since_ns)
						    : json_null(),
			  "agent", NAME_OF(agents, vm->agent), "leaf", NAME_OF(leaves, vm->leaf),
			  "error", jsonparts_text(vm->error), "boot", number, "guest", guest, "host",
			  host, "host_lack", lacks[vital.host.lack], "quarantined", quarantined, "gap", gap));
}

int jsonout_vms(struct query *query, struct vitals *vitals, char **ret_text)
{
	struct vms_context c = { query, vitals, time(NULL) * 1000000000LL, json_array() };
	int r = query_vms(query, add_vm, &c);

	if (r != 0) {
		json_decref(c.list);
		return r < 0 ? r : -ENOMEM;
	}
	return jsonparts_finish(json_pack("{so}", "vms", c.list), ret_text);
}

static json_t *boot_id_of(const struct boot *boot)
{
	char hex[2 * PROTO_BOOT_ID_SIZE + 1];

	if (!boot->has_guest_boot_id)
		return json_null();
	for (int i = 0; i < PROTO_BOOT_ID_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", boot->guest_boot_id[i]);
	return json_string(hex);
}

static int span_of(struct query *query, const struct boot *boot, enum sample_source source,
		   json_t **ret_json)
{
	struct query_span span;
	int r = query_span(query, boot, source, &span);

	if (r == -ENOENT) {
		*ret_json = json_null();
		return 0;
	}
	if (r < 0)
		return r;
	*ret_json = json_pack("{sIsososo}", "samples", (json_int_t)span.samples, "from",
			      jsonparts_seconds(span.from_ns), "to", jsonparts_seconds(span.to_ns), "exits",
			      jsonparts_count(span.has_exits, span.exits));
	return 0;
}

static int add_boot(void *ctx, const struct boot *boot)
{
	struct vms_context *c = ctx;
	json_t *guest = NULL, *host = NULL;
	int r = span_of(c->query, boot, SOURCE_GUEST, &guest);

	if (r == 0)
		r = span_of(c->query, boot, SOURCE_HOST, &host);
	if (r < 0) {
		json_decref(guest);
		return r;
	}
	return json_array_append_new(
		c->list,
		json_pack("{sIsososssbsosososos{soso}}", "boot", (json_int_t)boot->number,
			  "opened", jsonparts_seconds(boot->opened_ns), "closed",
			  boot->closed_ns ? jsonparts_seconds(boot->closed_ns) : json_null(), "cause",
			  NAME_OF(boot_causes, boot->cause), "complete", boot->cause == BOOT_CREATED,
			  "guest_boot_id", boot_id_of(boot), "kernel", jsonparts_text_or_null(boot->kernel),
			  "agent", jsonparts_text_or_null(boot->agent), "vcpus",
			  jsonparts_count(boot->vcpus, boot->vcpus), "sources", "guest", guest,
			  "host", host));
}

int jsonout_boots(struct query *query, const struct query_vm *vm, char **ret_text)
{
	struct vms_context c = { .query = query, .list = json_array() };
	int r = query_boots(query, vm->id, add_boot, &c);

	if (r != 0) {
		json_decref(c.list);
		return r < 0 ? r : -ENOMEM;
	}
	return jsonparts_finish(json_pack("{soso}", "vm", jsonparts_vm(vm), "boots", c.list), ret_text);
}

static json_t *order_vm(const struct order *order)
{
	return json_pack("{soso}", "id", jsonparts_text(order->vm_key), "name",
			 jsonparts_text(order->vm_name));
}

static json_t *word_or_null(const char *word)
{
	return word ? json_string(word) : json_null();
}

int jsonout_attach(const struct order *order, const struct attach_result *result,
		   char **ret_text)
{
	bool remove = order->kind == ORDER_DETACH;
	char message[RECORD_NAME_MAX + ATTACH_ERROR_MAX + 64];
	json_t *root = json_pack("{sososo}", "vm", order_vm(order), "live",
				 word_or_null(attach_word(result->live, remove)), "config",
				 word_or_null(attach_word(result->config, remove)));

	snprintf(message, sizeof(message), "'%s' cannot be %s: %s", order->vm_name,
		 remove ? "detached" : "attached", result->error);
	if (result->status != 200 && json_object_set_new(root, "error", jsonparts_text(message)) < 0) {
		json_decref(root);
		return -ENOMEM;
	}
	return jsonparts_finish(root, ret_text);
}

int jsonout_pace(const struct order *order, char **ret_text)
{
	return jsonparts_finish(json_pack("{soso}", "vm", order_vm(order), "interval_ms",
				jsonparts_count(order->interval_ms, order->interval_ms)),
		      ret_text);
}
