/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/jsonstorage.h"

#include <errno.h>
#include <jansson.h>

#include "daemon/form/jsonparts.h"

#define NS_PER_S 1000000000

static json_t *tier_of(const struct storage_tier *tier, int i, const struct expire_limit *limit)
{
	bool any = tier->samples > 0;

	return json_pack("{sssIsIsIsosososo}", "name", expire_tier_names[i], "width_s",
			 (json_int_t)(rollup_width_ns[i] / NS_PER_S), "samples",
			 (json_int_t)tier->samples, "bytes", (json_int_t)tier->bytes, "from",
			 any ? jsonparts_seconds(tier->from_ns) : json_null(), "to",
			 any ? jsonparts_seconds(tier->to_ns) : json_null(), "keep_s",
			 jsonparts_count(limit->age_ns, limit->age_ns / NS_PER_S), "limit_bytes",
			 jsonparts_count(limit->bytes, limit->bytes));
}

struct vms {
	const struct storage *storage;
	uint64_t limit;
	json_t *list;
};

static int add_vm(void *ctx, const struct query_vm *vm)
{
	struct vms *vms = ctx;

	return json_array_append_new(
		vms->list,
		json_pack("{sososIso}", "id", jsonparts_text(vm->key), "name",
			  jsonparts_text(vm->name), "bytes",
			  (json_int_t)storage_of_vm(vms->storage, vm->id), "limit_bytes",
			  jsonparts_count(vms->limit, vms->limit)));
}

static int finish(const struct storage *s, const struct expire_limits *limits, json_t *vms,
		  char **ret_text)
{
	json_t *tiers = json_array();

	for (int i = 0; i < ROLLUP_TIERS; i++)
		(void)json_array_append_new(tiers, tier_of(&s->tier[i], i, &limits->tier[i]));
	return jsonparts_finish(json_pack("{sIsIs{sIsI}soso}", "file_bytes",
					  (json_int_t)s->file_bytes, "free_bytes",
					  (json_int_t)s->free_bytes, "journal", "samples",
					  (json_int_t)s->journal_samples, "bytes",
					  (json_int_t)s->journal_bytes, "tiers", tiers, "vms", vms),
				ret_text);
}

int jsonstorage(struct query *query, const struct expire_limits *limits, char **ret_text)
{
	struct storage storage;
	struct vms vms = { &storage, limits->vm_bytes, json_array() };
	int r = storage_read(query, &storage);

	if (r == 0)
		r = query_vms(query, add_vm, &vms);
	if (r == 0)
		r = finish(&storage, limits, vms.list, ret_text);
	else
		json_decref(vms.list);
	storage_done(&storage);
	return r > 0 ? -ENOMEM : r;
}
