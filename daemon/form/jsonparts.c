/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/jsonparts.h"

#include <errno.h>

#include "guest-agent/shared/detail.h"

/* Microseconds of the epoch need 16 digits; more only show how binary fractions print. */
#define FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(16))

int jsonparts_finish(json_t *root, char **ret_text)
{
	char *text = root ? json_dumps(root, FLAGS) : NULL;

	json_decref(root);
	if (!text)
		return -ENOMEM;
	*ret_text = text;
	return 0;
}

json_t *jsonparts_text(const char *s)
{
	json_t *string = json_string(s);
	char ascii[RECORD_NAME_MAX + 1];
	size_t i;

	if (string)
		return string;
	for (i = 0; s[i] && i < sizeof(ascii) - 1; i++)
		ascii[i] = s[i] & 0x80 ? '?' : s[i];
	ascii[i] = '\0';
	return json_string(ascii);
}

json_t *jsonparts_text_or_null(const char *s)
{
	return *s ? jsonparts_text(s) : json_null();
}

json_t *jsonparts_seconds(int64_t ns)
{
	return json_real(ns / 1000 / 1e6);
}

json_t *jsonparts_count(bool known, uint64_t value)
{
	return known ? json_integer((json_int_t)value) : json_null();
}

json_t *jsonparts_rate(const struct row_pair *pair, enum rate_kind kind, double *ret_dt)
{
	double dt, amount;

	if (!rate_interval(pair->row.boot, pair->has_before ? &pair->before : NULL,
			   &pair->row.sample, kind, &dt, &amount) ||
	    dt < (pair->has_before ? RATE_LEAST_S : RATE_LEAST_FIRST_S))
		return json_null();
	*ret_dt = dt;
	return json_real(amount / dt);
}

json_t *jsonparts_vm(const struct query_vm *vm)
{
	return json_pack("{soso}", "id", jsonparts_text(vm->key), "name", jsonparts_text(vm->name));
}

const char *jsonparts_source(enum sample_source source)
{
	static const char *const sources[SOURCES] = { "guest", "host" };

	return NAME_OF(sources, source);
}

const char *jsonparts_gap_cause(int cause)
{
	static const char *const gap_causes[] = {
		[GAP_UNKNOWN] = "unknown",
		[GAP_FULL] = "full",
		[GAP_MISSED] = "missed",
		[GAP_MOVED] = "moved",
		[GAP_RESTART] = "restart",
		[GAP_LIMIT] = "limit",
		[GAP_LOST] = "lost",
		[GAP_DISK] = "disk",
	};

	return NAME_OF(gap_causes, cause);
}

const char *jsonparts_quarantine_cause(int cause)
{
	static const char *const quarantine_causes[] = {
		[QUARANTINE_NONE] = "none",
		[QUARANTINE_FELL] = "fell",
		[QUARANTINE_CYCLES] = "cycles",
		[QUARANTINE_SUM] = "sum",
		[QUARANTINE_CLOCK] = "clock",
		[QUARANTINE_HOST] = "host",
		[QUARANTINE_LIVES] = "lives",
		[QUARANTINE_OFTEN] = "often",
	};

	return NAME_OF(quarantine_causes, cause);
}

int jsonparts_by_weight(const void *a, const void *b)
{
	const struct detail_entry *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? 1 : -1;
	return x->away_cycles < y->away_cycles ? 1 : x->away_cycles > y->away_cycles ? -1 : 0;
}
