/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/host/hostplan.h"

#include <string.h>

#define LATE_NS 1000000000LL
#define USUAL_MAX_NS 10000000000LL	/* a call that takes longer was stuck, not slow */
#define MS 1000000LL

int64_t hostplan_interval(const struct hostplan_rates *rates, int64_t booted_wall_ns,
			  int64_t now_wall_ns)
{
	int64_t age_ns = now_wall_ns - booted_wall_ns;

	if (booted_wall_ns == 0 || age_ns < 0 || age_ns >= rates->boot_ns ||
	    rates->boot_interval_ns > rates->interval_ns)
		return rates->interval_ns;
	return rates->boot_interval_ns;
}

int64_t hostplan_next(int64_t due_ns, int64_t now_ns, int64_t interval_ns)
{
	int64_t next_ns = due_ns + interval_ns;

	if (next_ns > now_ns && next_ns <= now_ns + interval_ns)
		return next_ns;
	/* Behind the next of the grid's points, or ahead of it after a change of rate. */
	if (next_ns > now_ns)
		return now_ns + interval_ns;
	return next_ns + ((now_ns - next_ns) / interval_ns + 1) * interval_ns;
}

bool hostplan_is_late(int64_t begun_ns, int64_t now_ns, int64_t usual_ns)
{
	return now_ns - begun_ns > LATE_NS + 2 * usual_ns;
}

int64_t hostplan_usual(int64_t usual_ns, int64_t took_ns)
{
	int64_t decayed_ns = usual_ns - usual_ns / 8;

	return took_ns > decayed_ns && took_ns < USUAL_MAX_NS ? took_ns : decayed_ns;
}

int64_t hostplan_stuck(int64_t since_wall_ns, enum virtstats_answer answer, int64_t occupied_ms,
		       int64_t now_wall_ns)
{
	switch (answer) {
	case VIRTSTATS_OCCUPIED:
		if (occupied_ms * MS < HOSTPLAN_STUCK_NS)
			return 0;
		/* What was said first stays: later differences are only those of clocks. */
		return since_wall_ns ? since_wall_ns : now_wall_ns - occupied_ms * MS;
	case VIRTSTATS_BROKEN:
		return since_wall_ns ? since_wall_ns : now_wall_ns;
	case VIRTSTATS_ANSWERS:
		return 0;
	case VIRTSTATS_UNKNOWN:
		break;
	}
	return since_wall_ns;
}

int64_t hostplan_halted(int64_t since_wall_ns, char state, int64_t *halted_wall_ns,
			int64_t now_wall_ns)
{
	/* Stopped, being traced, waiting for a disk that does not answer. */
	if (!strchr("TtD", state)) {
		*halted_wall_ns = 0;
		return 0;
	}
	if (*halted_wall_ns == 0)
		*halted_wall_ns = now_wall_ns;
	if (since_wall_ns == 0 && now_wall_ns - *halted_wall_ns >= HOSTPLAN_STUCK_NS)
		return *halted_wall_ns;
	return since_wall_ns;
}
