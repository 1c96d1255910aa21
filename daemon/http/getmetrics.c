/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/apipart.h"

#include <string.h>

#include "daemon/form/metricspage.h"
#include "daemon/form/openmetrics.h"
#include "daemon/remote/remote.h"

/* Who scrapes does so every few seconds; several may at the same time. */
#define GOOD_MS 1000

/* False: answered already. */
static bool parse_format(struct apipart *c, bool *ret_open)
{
	const char *format = params_get(c->params, "format");

	*ret_open = format && strcmp(format, "openmetrics") == 0;
	if (!format || *ret_open || strcmp(format, "text") == 0)
		return true;
	answer_fail(c->answer, 400, "format = '%.40s' is neither 'openmetrics' nor 'text'", format);
	return false;
}

static struct figures_remote figures_of(struct remote *remote)
{
	struct figures_remote figures = { .on = remote };
	struct remote_stats stats;

	if (!remote)
		return figures;
	remote_get_stats(remote, &stats);
	figures.lag_s = stats.lag_s;
	figures.sent = stats.sent;
	figures.refused = stats.refused;
	figures.lost = stats.lost;
	figures.requests = stats.requests;
	figures.failures = stats.failures;
	return figures;
}

void get_metrics(struct apipart *c)
{
	struct metricspage page = {
		.vitals = c->vitals, .stats = c->stats, .remote = figures_of(c->remote),
	};
	int r;

	if (!apipart_known(c, "format") || !parse_format(c, &page.open))
		return;
	r = metricspage_make(c->query, &page, &c->answer->text);
	if (r < 0) {
		apipart_fail_reading(c, r);
		return;
	}
	c->answer->status = 200;
	c->answer->kind = ANSWER_TEXT;
	c->answer->type = page.open ? OPENMETRICS_TYPE : OPENMETRICS_TYPE_TEXT;
	c->answer->good_for_ms = GOOD_MS;
}
