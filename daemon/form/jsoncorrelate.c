/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/jsoncorrelate.h"

#include <math.h>
#include <stdio.h>

#include "daemon/form/jsonparts.h"
#include "guest-agent/shared/reason.h"

#define WHY_MAX 160

static json_t *real_or_null(bool known, double value)
{
	return known && isfinite(value) ? json_real(value) : json_null();
}

/* What all answers begin with. */
static json_t *head_of(const struct jsoncorrelate *about, const struct aligned *a)
{
	const struct alignedgrid *grid = &a->grid;
	const struct alignedgrid_part *last = &grid->parts[grid->parts_count - 1];
	int64_t to_ns = last->from_ns +
			(int64_t)(last->cells.end - last->cells.begin) * grid->step_ns;

	return json_pack("{sososssfsoso}", "vm", jsonparts_vm(about->vm), "boot",
			 jsonparts_count(about->boot, about->boot), "source",
			 jsonparts_source(about->source), "step", grid->step_ns / 1e9, "from",
			 jsonparts_seconds(grid->parts[0].from_ns), "to", jsonparts_seconds(to_ns));
}

static json_t *name_of(const struct aligned_curve *c)
{
	return c->key.name_len ? json_stringn(c->name, c->key.name_len) : json_null();
}

static json_t *curve_of(const struct jsoncorrelate *about, const struct aligned_curve *c)
{
	bool by_reason = kind_is_by_reason(&c->key);
	const char *reason = by_reason ? reason_name(about->reason_namespace, c->key.id) : NULL;

	return json_pack("{sssssososo}", "kind", kind_name(&c->key), "unit",
			 kind_unit(&c->key, false), "reason", jsonparts_count(by_reason, c->key.id),
			 "reason_name", reason ? json_string(reason) : json_null(), "name",
			 name_of(c));
}

static size_t known_cells(const struct aligned *a, const struct aligned_curve *curve)
{
	size_t n = 0;

	for (size_t i = 0; i < a->grid.cells; i++)
		n += !isnan(curve->v[i]);
	return n;
}

static json_t *why_of(const struct aligned *a, const struct correlate_pair *p)
{
	char text[WHY_MAX];

	switch (p->correlation.why) {
	case CORRELATION_KNOWN:
		return json_null();
	case CORRELATION_NONE:
		if (known_cells(a, p->x) == 0)
			return json_string("nothing is known of the workload in that range");
		if (known_cells(a, p->y) == 0)
			return json_string("nothing is known of these exits in that range");
		return json_string("the two are never known at the same time");
	case CORRELATION_X_CONSTANT:
		return json_string("the workload did not change");
	case CORRELATION_Y_CONSTANT:
		return json_string("the exits did not change");
	default:
		snprintf(text, sizeof(text),
			 "both are known in %zu intervals of %g s; at least %d are needed",
			 p->correlation.n, p->step_s, CORRELATION_PAIRS_MIN);
		return json_string(text);
	}
}

static json_t *pair_of(const struct jsoncorrelate *about, const struct aligned *a,
		       const struct correlate_pair *p)
{
	const struct correlation *c = &p->correlation;
	bool known = c->why == CORRELATION_KNOWN;

	return json_pack("{sososososfsosIsososbso}", "y", curve_of(about, p->y), "x",
			 curve_of(about, p->x), "pearson", real_or_null(known, c->pearson), "spearman",
			 real_or_null(known, c->spearman), "step", p->step_s, "lag",
			 real_or_null(known, p->lag_s), "n", (json_int_t)c->n, "n_effective",
			 real_or_null(known, c->n_effective), "threshold",
			 real_or_null(known, p->threshold), "notable",
			 known && fabs(c->spearman) > p->threshold, "why", why_of(a, p));
}

int jsoncorrelate_pairs(const struct jsoncorrelate *about, const struct correlate *correlate,
			size_t limit, char **ret_text)
{
	const struct aligned *a = correlate->aligned;
	json_t *root = head_of(about, a), *list = json_array();

	for (size_t i = 0; i < correlate->count && i < limit; i++)
		(void)json_array_append_new(list, pair_of(about, a, &correlate->pairs[i]));
	(void)json_object_set_new(root, "n", json_integer(known_cells(a, &a->curves[0])));
	(void)json_object_set_new(root, "max_lag", json_real(correlate->lag_max_s));
	(void)json_object_set_new(root, "tests", json_integer(correlate->tests));
	(void)json_object_set_new(root, "pairs_total", json_integer(correlate->count));
	(void)json_object_set_new(root, "pairs", list);
	return jsonparts_finish(root, ret_text);
}

int jsoncorrelate_scatter(const struct jsoncorrelate *about,
			  const struct correlate_scatter *scatter, char **ret_text)
{
	const struct aligned *a = scatter->aligned;
	json_t *root = head_of(about, a), *list = json_array();

	for (size_t i = 0; i < scatter->count; i++) {
		const struct correlate_point *p = &scatter->points[i];

		(void)json_array_append_new(list, json_pack("[fff]", p->t, p->x, p->y));
	}
	(void)json_object_set_new(root, "step", json_real(scatter->step_s));
	(void)json_object_set_new(root, "x", curve_of(about, &a->curves[0]));
	(void)json_object_set_new(root, "y", curve_of(about, &a->curves[1]));
	(void)json_object_set_new(root, "lag", json_real(scatter->lag_s));
	(void)json_object_set_new(root, "n", json_integer(scatter->n));
	(void)json_object_set_new(root, "points", list);
	return jsonparts_finish(root, ret_text);
}

const char *jsoncorrelate_by(enum attribution_by by)
{
	static const char *const words[] = {
		[ATTRIBUTION_MARK] = "mark",
		[ATTRIBUTION_PROCESS] = "process",
		[ATTRIBUTION_UNIT] = "unit",
	};

	return by < sizeof(words) / sizeof(words[0]) ? words[by] : NULL;
}

static const char *const kinds[ATTRIBUTION_KINDS] = {
	[ATTRIBUTION_RATE] = "rate",
	[ATTRIBUTION_HANDLING] = "handling_share",
	[ATTRIBUTION_AWAY] = "away_share",
};

static json_t *value_of(const struct attribution_value *v)
{
	if (!v->known)
		return json_null();
	return json_pack("{sfsfsfsfsfsfsf}", "value", v->value.value, "low", v->value.low, "high",
			 v->value.high, "baseline", v->baseline, "difference", v->difference.value,
			 "difference_low", v->difference.low, "difference_high",
			 v->difference.high);
}

static json_t *row_of(const struct attribution_row *row)
{
	json_t *object = json_pack("{sssIsfsfsIsI}", "name", row->name, "intervals",
				   (json_int_t)row->intervals, "seconds", row->seconds, "step",
				   row->step_s, "n", (json_int_t)row->cells, "n_rest",
				   (json_int_t)row->rest);
	char why[WHY_MAX];

	for (size_t kind = 0; kind < ATTRIBUTION_KINDS; kind++)
		(void)json_object_set_new(object, kinds[kind], value_of(&row->values[kind]));
	snprintf(why, sizeof(why), "%s has exits in %zu intervals of %g s; at least %d are needed",
		 row->cells < BOOTSTRAP_VALUES_MIN ? "it" : "the rest of the range",
		 row->cells < BOOTSTRAP_VALUES_MIN ? row->cells : row->rest, row->step_s,
		 BOOTSTRAP_VALUES_MIN);
	(void)json_object_set_new(object, "why", row->values[ATTRIBUTION_RATE].known
							 ? json_null()
							 : json_string(why));
	return object;
}

int jsoncorrelate_attribution(const struct jsoncorrelate *about, enum attribution_by by,
			      const struct attribution *attribution, char **ret_text)
{
	const struct attribution *a = attribution;
	json_t *root = head_of(about, a->aligned), *list = json_array();
	json_t *baseline = json_pack("{sf}", "seconds", a->seconds);

	for (size_t kind = 0; kind < ATTRIBUTION_KINDS; kind++)
		(void)json_object_set_new(baseline, kinds[kind],
					  real_or_null(a->has_baseline[kind], a->baseline[kind]));
	for (size_t i = 0; i < a->count; i++)
		(void)json_array_append_new(list, row_of(&a->rows[i]));
	(void)json_object_set_new(root, "by", json_string(jsoncorrelate_by(by)));
	(void)json_object_set_new(root, "baseline", baseline);
	(void)json_object_set_new(root, "left_out", json_integer(a->left_out));
	(void)json_object_set_new(root, "rows", list);
	return jsonparts_finish(root, ret_text);
}
