/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/jsonstats.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/form/jsonparts.h"
#include "guest-agent/shared/reason.h"

static json_t *boot_of(const struct jsonstats *about)
{
	return jsonparts_count(about->boot, about->boot ? about->boot->number : 0);
}

static json_t *real_or_null(bool known, double value)
{
	return known ? json_real(value) : json_null();
}

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? 1 : a > b ? -1 : 0;
}

static int by_count(const void *a, const void *b)
{
	const struct totals_reason *x = a, *y = b;
	int r = compare(x->count, y->count);

	return r ? r : compare(x->away_cycles, y->away_cycles);
}

static int by_handling(const void *a, const void *b)
{
	const struct totals_reason *x = a, *y = b;
	int r = compare(x->handling_cycles, y->handling_cycles);

	return r ? r : by_count(a, b);
}

static int by_away(const void *a, const void *b)
{
	const struct totals_reason *x = a, *y = b;
	int r = compare(x->away_cycles, y->away_cycles);

	return r ? r : by_count(a, b);
}

static json_t *reason_of(const struct totals *t, const struct totals_reason *r)
{
	const char *name = reason_name(t->reason_namespace, r->number);
	bool shares = t->has_times && t->vcpu_s > 0;

	return json_pack("{sIsosIsIsI so so so so so}", "number", (json_int_t)r->number, "name",
			 name ? json_string(name) : json_null(), "count", (json_int_t)r->count,
			 "handling_cycles", (json_int_t)r->handling_cycles, "away_cycles",
			 (json_int_t)r->away_cycles, "handling",
			 real_or_null(t->has_times, r->handling_s), "away",
			 real_or_null(t->has_times, r->away_s), "count_share",
			 real_or_null(t->exits, (double)r->count / (t->exits ? t->exits : 1)),
			 "handling_share", real_or_null(shares, shares ? r->handling_s / t->vcpu_s : 0),
			 "away_share", real_or_null(shares, shares ? r->away_s / t->vcpu_s : 0));
}

int jsonstats_reasons(const struct jsonstats *about, struct totals *totals,
		      enum jsonstats_sort sort, size_t limit, char **ret_text)
{
	static int (*const orders[])(const void *, const void *) = {
		[JSONSTATS_COUNT] = by_count,
		[JSONSTATS_HANDLING] = by_handling,
		[JSONSTATS_AWAY] = by_away,
	};
	json_t *list = json_array();

	if (totals->count)
		qsort(totals->reasons, totals->count, sizeof(*totals->reasons), orders[sort]);
	for (size_t i = 0; i < totals->count && i < limit; i++) {
		const struct totals_reason *r = &totals->reasons[i];

		if (r->count || r->handling_cycles || r->away_cycles)
			(void)json_array_append_new(list, reason_of(totals, r));
	}
	return jsonparts_finish(
		json_pack("{sososssososososo}", "vm", jsonparts_vm(about->vm), "boot",
			  boot_of(about), "source", jsonparts_source(about->source), "from",
			  real_or_null(totals->covered_s > 0, totals->from_ns / 1e9), "to",
			  real_or_null(totals->covered_s > 0, totals->to_ns / 1e9), "covered",
			  json_real(totals->covered_s), "count",
			  json_integer((json_int_t)totals->exits), "reasons", list),
		ret_text);
}

static json_t *quantiles_of(const struct distribution *d)
{
	static const char *const names[] = {
#define X(name, quantile) #name,
		DISTRIBUTION_QUANTILES(X)
#undef X
	};
	json_t *object = json_object();

	for (size_t i = 0; i < DISTRIBUTION_QUANTILES_COUNT; i++)
		(void)json_object_set_new(object, names[i], json_real(d->quantile[i]));
	return object;
}

static json_t *bins_of(const struct distribution *d)
{
	json_t *list = json_array();

	for (size_t i = 0; i < d->bins_count; i++)
		(void)json_array_append_new(list, json_pack("{sfsfsf}", "from", d->bins[i].from, "to",
							    d->bins[i].to, "seconds",
							    d->bins[i].seconds));
	return list;
}

int jsonstats_distribution(const struct jsonstats *about, const struct key *key,
			   const struct distribution *distribution, char **ret_text)
{
	const struct distribution *d = distribution;
	char resolution[32] = "samples";
	const char *name = kind_is_by_reason(key) && about->boot
				   ? reason_name(about->boot->reason_namespace, key->id)
				   : NULL;

	if (d->resolution_ns)
		snprintf(resolution, sizeof(resolution), "%lld s",
			 (long long)(d->resolution_ns / 1000000000));
	return jsonparts_finish(
		json_pack("{sososs ssss sososo so sfsfsf ss sI so sf so sf so}", "vm",
			  jsonparts_vm(about->vm), "boot", boot_of(about), "source",
			  jsonparts_source(about->source), "kind", kind_name(key), "unit",
			  kind_unit(key, false), "reason",
			  jsonparts_count(kind_is_by_reason(key), key->id), "reason_name",
			  name ? json_string(name) : json_null(), "vcpu",
			  jsonparts_count(kind_is_by_vcpu(key), key->id), "name",
			  key->name_len ? json_stringn(key->name, key->name_len) : json_null(),
			  "from", d->from, "to", d->to, "seconds", d->seconds, "resolution",
			  resolution, "values", (json_int_t)d->count, "quantiles",
			  quantiles_of(d), "mean", d->mean, "dispersion",
			  real_or_null(d->has_dispersion, d->dispersion), "zero_seconds",
			  d->zero_seconds, "histogram", bins_of(d)),
		ret_text);
}
