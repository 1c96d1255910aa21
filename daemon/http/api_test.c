/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a request is answered: at once, or in a thread of its own. */
#include "daemon/http/api.c"

#include "daemon/query/testhistory.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

static int asked;

/* What its parameter says reading ends with, at first. */
static void get_x(struct apipart *c)
{
	const char *how = params_get(c->params, "how");

	if (c->stats->pending != 7)
		answer_fail(c->answer, 500, "without what it needs");
	else if (asked++ == 0 && strcmp(how, "slow") == 0)
		apipart_fail_reading(c, -ETIMEDOUT);
	else if (strcmp(how, "broken") == 0)
		apipart_fail_reading(c, -EIO);
	else if (strcmp(how, "many") == 0)
		apipart_fail_reading(c, -E2BIG);
	else if (apipart_known(c, "how"))
		apipart_json(c, (c->answer->text = strdup(c->vm.name)) ? 0 : -ENOMEM);
}

/* Where an answer was made, and its status and text. */
static bool is_answered(struct query *query, enum route_when when, const char *how, bool later,
			int status)
{
	struct params params = { .untrusted = { { "how", how } }, .count = 1 };
	const struct route route = { "x", when, get_x };
	struct answer answer = { 0 };
	struct store_stats stats = { .pending = 7 };
	struct apipart c = { .query = query, .params = &params, .answer = &answer,
			     .vm = { .name = "one" }, .stats = &stats };
	bool as_said;

	asked = 0;
	get_route(&c, &route);
	as_said = (answer.kind == ANSWER_LATER) == later;
	/* The thread has what it needs, whatever became of this. */
	memset(&params, 0, sizeof(params));
	memset(&c, 0, sizeof(c));
	memset(&stats, 0, sizeof(stats));
	if (answer.kind == ANSWER_LATER)
		answer.later(&answer, query);
	as_said &= answer.status == status && answer.text &&
		   (strcmp(answer.text, "one") == 0) == (status == 200);
	answer_done(&answer);
	return as_said;
}

int main(void)
{
	struct query *query;
	struct history h;

	log_init("api_test", LOG_ERROR - 1);
	history_make(&h, 1, 100);
	if (query_open(h.path, &query) < 0)
		abort();
	ok(is_answered(query, NOW, "fast", false, 200), "what takes no time is answered at once");
	ok(is_answered(query, LATER, "fast", true, 200), "what may take long is made in a thread");
	ok(is_answered(query, BRIEFLY, "fast", false, 200), "what mostly does not is tried at once");
	ok(is_answered(query, BRIEFLY, "slow", true, 200), "and made in a thread if it takes too long");
	ok(is_answered(query, BRIEFLY, "broken", false, 500), "not if it fails otherwise");
	ok(is_answered(query, LATER, "many", true, 400), "who asks for too much is told so");
	query_free(query);
	history_done(&h);
	return done_testing();
}
