/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sums by exit reason of random histories, beside those of their samples. */
#include "daemon/query/totals.h"

#include <errno.h>
#include <math.h>

#include "daemon/query/testhistory.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

static uint64_t slow_sum(const struct history *h, enum key_kind kind, uint32_t number,
			 int64_t from_ns, int64_t to_ns)
{
	struct key key = { .kind = kind, .id = number };
	uint64_t sum = 0;

	for (size_t i = 0; i < h->count; i++) {
		struct history_step step = history_step(h, i, &key);
		int64_t t_ns = h->samples[i].sample.t_wall_ns;

		sum += step.known && t_ns >= from_ns && t_ns <= to_ns ? step.increase : 0;
	}
	return sum;
}

/* Whether @totals are those of the samples. */
static bool agree(const struct history *h, const struct query_filter *filter,
		  const struct totals *totals)
{
	int64_t from_ns = filter->from_ns ? filter->from_ns : INT64_MIN;
	int64_t to_ns = filter->to_ns ? filter->to_ns : INT64_MAX;
	uint64_t exits = 0;

	for (size_t i = 0; i < totals->count; i++) {
		const struct totals_reason *r = &totals->reasons[i];

		exits += r->count;
		if (r->count != slow_sum(h, KEY_REASON_COUNT, r->number, from_ns, to_ns) ||
		    r->handling_cycles != slow_sum(h, KEY_REASON_HANDLING, r->number, from_ns, to_ns) ||
		    r->away_cycles != slow_sum(h, KEY_REASON_AWAY, r->number, from_ns, to_ns) ||
		    fabs(r->away_s - r->away_cycles / 2e9) > 1e-6 ||
		    (i > 0 && r->number <= totals->reasons[i - 1].number))
			return false;
	}
	return exits == totals->exits && totals->has_times &&
	       fabs(totals->vcpu_s - 2 * totals->covered_s) < 1e-6;
}

int main(void)
{
	int wrong = 0, empty = 0, ranges = 0;
	struct query_filter filter;
	struct totals totals;
	struct query *query;
	struct history h;

	log_init("totals_test", LOG_ERROR - 1);
	for (unsigned int seed = 70; seed < 74; seed++) {
		history_make(&h, seed, 2500);
		if (query_open(h.path, &query) < 0)
			abort();
		filter = (struct query_filter){ .vm_id = h.vm_id, .boot = h.boot_number };
		for (int i = 0; i < 30; i++, ranges++) {
			int64_t a = history_time(&h), b = history_time(&h);
			int r;

			filter.from_ns = i ? a < b ? a : b : 0;
			filter.to_ns = i ? a < b ? b : a : 0;
			r = totals_read(query, &filter, SOURCE_GUEST, &totals);
			empty += r == -ENOENT;
			wrong += r != -ENOENT && (r < 0 || !agree(&h, &filter, &totals));
			if (r == 0)
				totals_done(&totals);
		}
		query_free(query);
		history_done(&h);
	}
	ok(wrong == 0 && empty < ranges / 2, "sums by reason of %d ranges are exact", ranges);

	history_make(&h, 75, 300);
	if (query_open(h.path, &query) < 0)
		abort();
	filter = (struct query_filter){ .vm_id = h.vm_id };
	ok(totals_read(query, &filter, SOURCE_HOST, &totals) == -ENOENT, "a source without samples has none");
	filter.to_ns = 1;
	ok(totals_read(query, &filter, SOURCE_GUEST, &totals) == -ENOENT, "nor has a time before all");
	filter.to_ns = 0;
	ok(totals_read(query, &filter, SOURCE_GUEST, &totals) == 0 && !totals.has_times,
	   "with a boot whose clock rate is not known there are no shares of time");
	totals_done(&totals);
	query_free(query);
	history_done(&h);
	return done_testing();
}
