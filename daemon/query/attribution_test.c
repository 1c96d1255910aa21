/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest that marks what it does, with known rates; and one that marks too much. */
#include "daemon/query/attribution.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "daemon/query/testhistory.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

#define S 1000000000LL
#define SAMPLES 200
#define LABELS 1500			/* of the other one */

static bool near(double a, double b)
{
	return fabs(a - b) <= 1e-6 * fabs(b);
}

static uint64_t mark(struct store *store, struct boot *boot, enum proto_mark_kind kind,
		     uint64_t begin, const char *label, int64_t t_ns)
{
	struct mark m = {
		.sequence = boot->last_sequence[SOURCE_GUEST] + 1,
		.t_ns = t_ns, .kind = kind, .begin = begin,
	};

	snprintf(m.label, sizeof(m.label), "%s", label);
	if (store_add_mark(store, boot, &m) < 0)
		abort();
	return m.sequence;
}

/* 300 exits a second while the job is on, else 100; now and then two more. */
static int rate_at(int i)
{
	return (i > 50 && i <= 80 ? 300 : 100) + (i % 5 == 0 ? 2 : 0);
}

static void tell(struct store *store, struct vm *vm)
{
	struct boot *boot = store_boot(store, vm, BOOT_CREATED, "1", HISTORY_T0);
	uint64_t exits = 0, job = 0, again = 0, brief = 0;

	boot->vcpus = 2;
	boot->tsc_khz = 2000000;
	store_boot_changed(store, boot);
	for (int i = 1; i <= SAMPLES; i++) {
		struct sample sample = testsample(10 * i, exits += rate_at(i));
		int64_t t_ns = HISTORY_T0 + i * S;

		sample.t_wall_ns = t_ns;
		if (store_add(store, boot, SOURCE_GUEST, &sample) < 0)
			abort();
		if (i == 10)
			brief = mark(store, boot, PROTO_MARK_BEGIN, 0, "brief", t_ns);
		if (i == 15)
			mark(store, boot, PROTO_MARK_END, brief, "brief", t_ns);
		/* It begins and ends within cells, is over for a while, and nested. */
		if (i == 50)
			job = mark(store, boot, PROTO_MARK_BEGIN, 0, "job", t_ns + S / 2);
		if (i == 60)
			mark(store, boot, PROTO_MARK_END, job, "job", t_ns);
		if (i == 65)
			job = mark(store, boot, PROTO_MARK_BEGIN, 0, "job", t_ns);
		if (i == 70)
			again = mark(store, boot, PROTO_MARK_BEGIN, 0, "job", t_ns);
		if (i == 72)
			mark(store, boot, PROTO_MARK_END, again, "job", t_ns);
		if (i == 80)
			mark(store, boot, PROTO_MARK_END, job, "job", t_ns - S / 4);
		if (i == 150)
			mark(store, boot, PROTO_MARK_BEGIN, 0, "still on", t_ns);
		/* Nobody knows when that began. */
		if (i == 160)
			mark(store, boot, PROTO_MARK_END, 3, "no begin", t_ns);
		if (i == 161)
			mark(store, boot, PROTO_MARK_INSTANT, 0, "instant", t_ns);
	}
	history_flush(store, HISTORY_T0 + 300 * S);
}

static void tell_hostile(struct store *store, struct vm *vm)
{
	struct boot *boot = store_boot(store, vm, BOOT_CREATED, "1", HISTORY_T0);

	for (int i = 1; i <= SAMPLES; i++) {
		struct sample sample = testsample(10000 * i, 100 * i);

		sample.t_wall_ns = HISTORY_T0 + i * S;
		if (store_add(store, boot, SOURCE_GUEST, &sample) < 0)
			abort();
		for (int k = 0; k < LABELS && i == 100; k++) {
			char label[PROTO_LABEL_MAX + 1];

			snprintf(label, sizeof(label), "%0*d", PROTO_LABEL_MAX, k);
			mark(store, boot, PROTO_MARK_BEGIN, 0, label, HISTORY_T0 + i * S);
		}
	}
	history_flush(store, HISTORY_T0 + 300 * S);
}

static struct query *begin(struct history *h, void (*fill)(struct store *store, struct vm *vm))
{
	struct query *query;
	struct store *store;
	struct vm *vm;

	*h = (struct history){ .dir = "/tmp/vmexit-attribution-XXXXXX" };
	if (!mkdtemp(h->dir))
		abort();
	snprintf(h->path, sizeof(h->path), "%s/v.db", h->dir);
	if (store_open(h->path, &store) < 0)
		abort();
	vm = store_vm(store, "uuid", "vm");
	fill(store, vm);
	h->vm_id = vm->id;
	store_free(store);
	if (query_open(h->path, &query) < 0)
		abort();
	return query;
}

static const struct attribution_row *row_of(const struct attribution *a, const char *name)
{
	static const struct attribution_row none;

	for (size_t i = 0; i < a->count; i++) {
		if (strcmp(a->rows[i].name, name) == 0)
			return &a->rows[i];
	}
	return &none;
}

static void test_job(const struct attribution *a)
{
	const struct attribution_row *job = row_of(a, "job");
	const struct attribution_value *v = &job->values[ATTRIBUTION_RATE];
	double inside = 0, rest = 0;
	int n = 0;

	for (int i = 1; i <= SAMPLES; i++) {
		bool cut = i == 51 || i == 80;
		bool in = (i > 51 && i <= 60) || (i > 65 && i < 80);

		inside += in ? rate_at(i) : 0;
		rest += !in && !cut ? rate_at(i) : 0;
		n += in;
	}
	ok(&a->rows[0] == job, "what made the greatest difference is first");
	ok(job->intervals == 3 && near(job->seconds, 9.5 + 14.75 + 2), "its intervals and their time");
	ok(job->cells == 23 && n == 23 && job->rest == SAMPLES - 25,
	   "cells that are cut are neither in it nor outside");
	ok(v->known && near(v->value.value, inside / 23) && near(v->baseline, rest / (SAMPLES - 25)) &&
		   near(v->difference.value, inside / 23 - rest / (SAMPLES - 25)),
	   "its rate beside that of the rest");
	ok(v->value.low > 299 && v->value.high < 303 && v->difference.low > 150 &&
		   v->difference.high < 205 && v->value.low < v->value.value &&
		   v->value.high > v->value.value,
	   "and how well they are known");
	ok(!job->values[ATTRIBUTION_HANDLING].known && !job->values[ATTRIBUTION_AWAY].known,
	   "of what nobody measured nothing is");
}

static void test_others(const struct attribution *a)
{
	const struct attribution_row *brief = row_of(a, "brief"), *on = row_of(a, "still on");

	ok(a->count == 3, "an instant and an end without begin are no intervals");
	ok(!brief->values[ATTRIBUTION_RATE].known && brief->cells == 5 && &a->rows[2] == brief,
	   "five cells tell nothing, and come last");
	ok(on->values[ATTRIBUTION_RATE].known && on->intervals == 1 && on->cells == 50 &&
		   near(on->seconds, 50),
	   "what has no end is on until now");
	ok(near(a->baseline[ATTRIBUTION_RATE], (100 * 170 + 300 * 30 + 2 * 40) / 200.0) &&
		   near(a->seconds, SAMPLES) && !a->has_baseline[ATTRIBUTION_AWAY],
	   "the whole range's rate");
}

static void test_range(struct query *query, int64_t vm_id)
{
	struct query_filter filter = { .vm_id = vm_id, .from_ns = HISTORY_T0 + 55 * S,
				       .to_ns = HISTORY_T0 + 155 * S };
	struct attribution *a;

	if (!ok(attribution_read(query, &filter, SOURCE_GUEST, ATTRIBUTION_MARK, &a) == 0, "a range"))
		return;
	ok(row_of(a, "job")->cells == 19 && near(row_of(a, "job")->seconds, 5 + 14.75 + 2),
	   "has what began before it");
	ok(row_of(a, "still on")->cells == 5 && row_of(a, "brief")->cells == 0,
	   "and of what goes on its part");
	attribution_free(a);
	ok(attribution_read(query, &filter, SOURCE_HOST, ATTRIBUTION_MARK, &a) == -ENOENT,
	   "without exits of that source there is nothing");
	ok(attribution_read(query, &filter, SOURCE_GUEST, ATTRIBUTION_UNIT, &a) == 0 && a->count == 0,
	   "no lists, no units");
	attribution_free(a);
}

int main(void)
{
	struct query_filter filter;
	struct attribution *a;
	struct query *query;
	struct history h;

	log_init("attribution_test", LOG_ERROR - 1);
	query = begin(&h, tell);
	filter = (struct query_filter){ .vm_id = h.vm_id };
	if (ok(attribution_read(query, &filter, SOURCE_GUEST, ATTRIBUTION_MARK, &a) == 0,
	       "marked intervals are read")) {
		test_job(a);
		test_others(a);
		attribution_free(a);
	}
	test_range(query, h.vm_id);
	query_free(query);
	history_done(&h);

	query = begin(&h, tell_hostile);
	filter = (struct query_filter){ .vm_id = h.vm_id };
	if (ok(attribution_read(query, &filter, SOURCE_GUEST, ATTRIBUTION_MARK, &a) == 0,
	       "of very many labels")) {
		ok(a->count == ATTRIBUTION_ROWS_MAX && a->left_out == 1024 - ATTRIBUTION_ROWS_MAX,
		   "some are answered, and how many are not");
		ok(strlen(a->rows[0].name) == PROTO_LABEL_MAX, "however long they are");
		attribution_free(a);
	}
	query_free(query);
	history_done(&h);
	return done_testing();
}
