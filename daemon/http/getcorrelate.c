/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/form/jsoncorrelate.h"
#include "daemon/http/apicurves.h"

#define LIMIT_DEFAULT 200
#define LIMIT_MAX 10000
#define LAG_DEFAULT_S 10
#define LAG_MAX_S 3600
#define POINTS_MAX 2000
#define WORD_MAX 64

/* What is asked for, until it is made in a thread of its own. */
struct order {
	struct query_vm vm;
	uint32_t boot;			/* number; 0: a range over boots */
	uint32_t reason_namespace;
	struct query_filter filter;

	/* correlate */
	struct correlate_exits exits;
	unsigned int limit;

	/* scatter: x, y */
	struct aligned_want wants[2];
	char name[DETAIL_NAME_MAX];	/* of x */
	double lag_s;

	/* attribution */
	enum attribution_by by;
};

static bool refuse(struct apipart *c)
{
	answer_fail(c->answer, 400, "%s", c->params->error);
	return false;
}

/* False: answered already. */
static bool parse_order(struct apipart *c, struct order *o)
{
	struct boot boot;
	int r;

	memset(o, 0, sizeof(*o));
	if (!apipart_filter(c, true, &o->filter, &boot))
		return false;
	o->vm = c->vm;
	o->boot = boot.number;
	r = apicurves_namespace(c, &boot, &o->reason_namespace);
	if (r < 0)
		apipart_fail_reading(c, r);
	return r == 0;
}

/* Have @make answer what is ordered. */
static void order(struct apipart *c, const struct order *o,
		  void (*make)(struct answer *answer, struct query *query))
{
	struct order *copy = malloc(sizeof(*copy));

	if (!copy) {
		apipart_fail_reading(c, -ENOMEM);
		return;
	}
	*copy = *o;
	c->answer->kind = ANSWER_LATER;
	c->answer->later = make;
	c->answer->order = copy;
}

static void finish(struct answer *answer, int r)
{
	if (r == -ENOENT) {
		answer_fail(answer, 404,
			    "there are no exits in that range, or too few samples of them; /series shows "
			    "what there is");
	} else if (r < 0) {
		apipart_fail(answer, r);
	} else {
		answer->status = 200;
		answer->kind = ANSWER_TEXT;
		answer->type = ANSWER_JSON;
	}
}

/* The sources that were asked for, one after the other, until one has something. */
static bool next_source(const struct order *o, int r, struct jsoncorrelate *about, int *source)
{
	while (r == -ENOENT && ++*source < SOURCES) {
		if (o->filter.sources && !(o->filter.sources & 1 << *source))
			continue;
		*about = (struct jsoncorrelate){ &o->vm, o->boot, *source, o->reason_namespace };
		return true;
	}
	return false;
}

/* One kind that has no names. False: answered already. */
static bool parse_exits(struct apipart *c, struct key *ret_key)
{
	const char *word = params_get(c->params, "y");
	bool named;

	word = word ? word : "count";
	if (kind_parse(word, ret_key, &named) == 0 && !named) {
		struct key reason = *ret_key;

		if (kind_by_reason(&reason))
			return true;
	}
	answer_fail(c->answer, 400, "y = '%.40s' is not one of count, handling and away", word);
	return false;
}

/* False: answered already. */
static bool parse_reasons(struct apipart *c, uint32_t namespace, struct correlate_exits *exits)
{
	const char *list = params_get(c->params, "reason");
	char word[WORD_MAX];

	exits->most = list ? 0 : CORRELATE_REASONS;
	if (list && strcmp(list, "all") == 0) {
		exits->most = CORRELATE_REASONS_MAX;
		return true;
	}
	while (list && *list) {
		size_t len = strcspn(list, ",");

		if (exits->reasons_count == CORRELATE_REASONS_MAX) {
			answer_fail(c->answer, 400, "at most %d reasons can be named",
				    CORRELATE_REASONS_MAX);
			return false;
		}
		snprintf(word, sizeof(word), "%.*s", (int)len, list);
		if (selection_reason(c->params, namespace, word,
				     &exits->reasons[exits->reasons_count]) < 0)
			return refuse(c);
		exits->reasons_count++;
		list += len + (list[len] == ',');
	}
	return true;
}

static void make_correlate(struct answer *answer, struct query *query)
{
	struct order o = *(const struct order *)answer->order;
	struct jsoncorrelate about;
	struct correlate *correlate;
	int source = -1, r = -ENOENT;

	while (next_source(&o, r, &about, &source)) {
		o.exits.source = source;
		r = correlate_read(query, &o.filter, &o.exits, &correlate);
	}
	if (r == 0) {
		r = jsoncorrelate_pairs(&about, correlate, o.limit, &answer->text);
		correlate_free(correlate);
	}
	finish(answer, r);
}

void get_correlate(struct apipart *c)
{
	unsigned int lag_max = LAG_DEFAULT_S;
	struct order o;

	if (!apipart_known(c, "boot from to source y reason max_lag limit") || !parse_order(c, &o) ||
	    !parse_exits(c, &o.exits.kind) || !parse_reasons(c, o.reason_namespace, &o.exits))
		return;
	o.limit = LIMIT_DEFAULT;
	if (params_uint(c->params, "limit", 1, LIMIT_MAX, &o.limit) < 0 ||
	    params_uint(c->params, "max_lag", 0, LAG_MAX_S, &lag_max) < 0) {
		(void)refuse(c);
		return;
	}
	o.exits.lag_max_s = lag_max;
	order(c, &o, make_correlate);
}

/* False: answered already. */
static bool parse_workload(struct apipart *c, struct key *ret_key)
{
	const char *word = params_get(c->params, "x"), *name = params_get(c->params, "name");
	bool named;

	if (!word || kind_parse(word, ret_key, &named) < 0) {
		answer_fail(c->answer, 400, "x = '%.40s' is not known; there are %s", word ? word : "",
			    KIND_WORDS);
		return false;
	}
	if (named != (name != NULL)) {
		answer_fail(c->answer, 400, named ? "x = '%.40s' needs a name"
						  : "x = '%.40s' has no names", word);
		return false;
	}
	if (name && strlen(name) > DETAIL_NAME_MAX) {
		answer_fail(c->answer, 400, "name: at most %d characters", DETAIL_NAME_MAX);
		return false;
	}
	ret_key->name = name;
	ret_key->name_len = name ? strlen(name) : 0;
	return true;
}

/* Seconds, of either sign. False: answered already. */
static bool parse_lag(struct apipart *c, double *ret_lag_s)
{
	const char *text = params_get(c->params, "lag");
	char *end;

	*ret_lag_s = text ? strtod(text, &end) : 0;
	if (!text || (end != text && !*end && *ret_lag_s >= -LAG_MAX_S && *ret_lag_s <= LAG_MAX_S))
		return true;
	answer_fail(c->answer, 400, "lag = '%.40s' is not a number of seconds from -%d to %d", text,
		    LAG_MAX_S, LAG_MAX_S);
	return false;
}

static void make_scatter(struct answer *answer, struct query *query)
{
	struct order o = *(const struct order *)answer->order;
	struct correlate_scatter *scatter;
	struct jsoncorrelate about;
	int source = -1, r = -ENOENT;

	o.wants[0].key.name = o.name;
	while (next_source(&o, r, &about, &source)) {
		o.wants[1].source = source;
		r = correlate_scatter(query, &o.filter, o.wants, o.lag_s, POINTS_MAX, &scatter);
	}
	if (r == 0) {
		r = jsoncorrelate_scatter(&about, scatter, &answer->text);
		correlate_scatter_free(scatter);
	}
	finish(answer, r);
}

void get_scatter(struct apipart *c)
{
	const char *reason = params_get(c->params, "reason");
	struct order o;
	struct key *x = &o.wants[0].key, *y = &o.wants[1].key;

	if (!apipart_known(c, "boot from to source x name y reason lag") || !parse_order(c, &o) ||
	    !parse_workload(c, x) || !parse_exits(c, y) || !parse_lag(c, &o.lag_s))
		return;
	if (reason && (!kind_by_reason(y) ||
		       selection_reason(c->params, o.reason_namespace, reason, &y->id) < 0)) {
		(void)refuse(c);
		return;
	}
	o.wants[0].source = SOURCE_GUEST;
	if (x->name_len)
		memcpy(o.name, x->name, x->name_len);
	order(c, &o, make_scatter);
}

static void make_attribution(struct answer *answer, struct query *query)
{
	struct order o = *(const struct order *)answer->order;
	struct attribution *attribution;
	struct jsoncorrelate about;
	int source = -1, r = -ENOENT;

	while (next_source(&o, r, &about, &source))
		r = attribution_read(query, &o.filter, source, o.by, &attribution);
	if (r == 0) {
		r = jsoncorrelate_attribution(&about, o.by, attribution, &answer->text);
		attribution_free(attribution);
	}
	finish(answer, r);
}

void get_attribution(struct apipart *c)
{
	const char *word = params_get(c->params, "by");
	struct order o;

	if (!apipart_known(c, "boot from to source by") || !parse_order(c, &o))
		return;
	while (word && jsoncorrelate_by(o.by) && strcmp(jsoncorrelate_by(o.by), word) != 0)
		o.by++;
	if (!jsoncorrelate_by(o.by)) {
		answer_fail(c->answer, 400, "by = '%.40s' is not one of mark, process and unit", word);
		return;
	}
	order(c, &o, make_attribution);
}
