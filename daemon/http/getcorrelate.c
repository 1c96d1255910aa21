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

/* What all three ask for. */
struct asked {
	struct query_filter filter;
	struct boot boot;
	struct jsoncorrelate about;
};

static bool refuse(struct apipart *c)
{
	answer_fail(c->answer, 400, "%s", c->params->error);
	return false;
}

/* False: answered already. */
static bool parse_asked(struct apipart *c, struct asked *a)
{
	int r;

	if (!apipart_filter(c, true, &a->filter, &a->boot))
		return false;
	a->about = (struct jsoncorrelate){ .vm = &c->vm, .boot = a->boot.number };
	r = apicurves_namespace(c, &a->boot, &a->about.reason_namespace);
	if (r < 0)
		apipart_fail_reading(c, r);
	return r == 0;
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

static void fail_empty(struct apipart *c, int r)
{
	if (r == -ENOENT)
		answer_fail(c->answer, 404,
			    "there are no exits in that range; /series shows what there is");
	else
		apipart_json(c, r);
}

/* The sources that were asked for, one after the other, until one has something. */
static bool next_source(const struct asked *a, int r, int *source)
{
	while (r == -ENOENT && ++*source < SOURCES) {
		if (!a->filter.sources || a->filter.sources & 1 << *source)
			return true;
	}
	return false;
}

void get_correlate(struct apipart *c)
{
	unsigned int limit = LIMIT_DEFAULT, lag_max = LAG_DEFAULT_S;
	struct correlate_exits exits = { .most = 0 };
	struct correlate *correlate;
	int source = -1, r = -ENOENT;
	struct asked a;

	if (!apipart_known(c, "boot from to source y reason max_lag limit") || !parse_asked(c, &a) ||
	    !parse_exits(c, &exits.kind) ||
	    !parse_reasons(c, a.about.reason_namespace, &exits))
		return;
	if (params_uint(c->params, "limit", 1, LIMIT_MAX, &limit) < 0 ||
	    params_uint(c->params, "max_lag", 0, LAG_MAX_S, &lag_max) < 0) {
		(void)refuse(c);
		return;
	}
	exits.lag_max_s = lag_max;
	while (next_source(&a, r, &source)) {
		exits.source = a.about.source = source;
		r = correlate_read(c->query, &a.filter, &exits, &correlate);
	}
	if (r == 0) {
		r = jsoncorrelate_pairs(&a.about, correlate, limit, &c->answer->text);
		correlate_free(correlate);
	}
	fail_empty(c, r);
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

void get_scatter(struct apipart *c)
{
	struct aligned_want wants[2] = { { .source = SOURCE_GUEST } };
	const char *reason = params_get(c->params, "reason");
	struct correlate_scatter *scatter;
	int source = -1, r = -ENOENT;
	struct asked a;
	double lag_s;

	if (!apipart_known(c, "boot from to source x name y reason lag") || !parse_asked(c, &a) ||
	    !parse_workload(c, &wants[0].key) || !parse_exits(c, &wants[1].key) ||
	    !parse_lag(c, &lag_s))
		return;
	if (reason && (!kind_by_reason(&wants[1].key) ||
		       selection_reason(c->params, a.about.reason_namespace, reason,
					&wants[1].key.id) < 0)) {
		(void)refuse(c);
		return;
	}
	while (next_source(&a, r, &source)) {
		wants[1].source = a.about.source = source;
		r = correlate_scatter(c->query, &a.filter, wants, lag_s, POINTS_MAX, &scatter);
	}
	if (r == 0) {
		r = jsoncorrelate_scatter(&a.about, scatter, &c->answer->text);
		correlate_scatter_free(scatter);
	}
	fail_empty(c, r);
}

void get_attribution(struct apipart *c)
{
	const char *word = params_get(c->params, "by");
	struct attribution *attribution;
	enum attribution_by by = ATTRIBUTION_MARK;
	int source = -1, r = -ENOENT;
	struct asked a;

	if (!apipart_known(c, "boot from to source by") || !parse_asked(c, &a))
		return;
	while (word && jsoncorrelate_by(by) && strcmp(jsoncorrelate_by(by), word) != 0)
		by++;
	if (!jsoncorrelate_by(by)) {
		answer_fail(c->answer, 400, "by = '%.40s' is not one of mark, process and unit", word);
		return;
	}
	while (next_source(&a, r, &source)) {
		a.about.source = source;
		r = attribution_read(c->query, &a.filter, source, by, &attribution);
	}
	if (r == 0) {
		r = jsoncorrelate_attribution(&a.about, by, attribution, &c->answer->text);
		attribution_free(attribution);
	}
	fail_empty(c, r);
}
