/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/apipart.h"

#include <time.h>

#include "daemon/form/jsonrecent.h"

#define SECONDS_DEFAULT 600
#define POINTS_DEFAULT 60

/* Lines are of minutes; pages hear from the stream what is newer. */
#define GOOD_MS 2000

void get_sparklines(struct apipart *c)
{
	unsigned int seconds = SECONDS_DEFAULT, points = POINTS_DEFAULT, step_s;
	int64_t to_s;

	if (!apipart_known(c, "seconds points"))
		return;
	if (params_uint(c->params, "seconds", 2 * RECENT_STEP_S, RECENT_STEPS * RECENT_STEP_S,
			&seconds) < 0 ||
	    params_uint(c->params, "points", 2, JSONRECENT_POINTS_MAX, &points) < 0) {
		answer_fail(c->answer, 400, "%s", c->params->error);
		return;
	}
	/* Whole steps, as many as cover it. */
	step_s = (seconds + points * RECENT_STEP_S - 1) / (points * RECENT_STEP_S) * RECENT_STEP_S;
	points = (seconds + step_s - 1) / step_s;
	to_s = time(NULL) / RECENT_STEP_S * RECENT_STEP_S;
	apipart_json(c, jsonrecent(c->recent, to_s, step_s, points, &c->answer->text));
	c->answer->good_for_ms = GOOD_MS;
}
