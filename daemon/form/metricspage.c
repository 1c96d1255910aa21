/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/metricspage.h"

#include <errno.h>
#include <time.h>

#include "daemon/form/openmetrics.h"
#include "daemon/query/eventquery.h"
#include "daemon/query/storage.h"
#include "daemon/version.h"

#define FRESH_NS (METRICSPAGE_FRESH_S * 1000000000LL)
#define FRESH_MOST_NS (METRICSPAGE_FRESH_MOST_S * 1000000000LL)

struct making {
	struct query *query;
	const struct metricspage *page;
	int64_t now_ns;
	struct figures_daemon daemon;
	struct openmetrics out;
};

/* Whether it is of now: some intervals are longer than what is old otherwise. */
static bool is_fresh(const struct making *m, const struct row_pair *pair)
{
	const struct sample *s = &pair->row.sample;
	int64_t age_ns = m->now_ns - (int64_t)s->t_wall_ns, interval_ns = 0;

	if (pair->has_before && !(s->has & SAMPLE_AFTER_GAP))
		interval_ns = s->t_wall_ns - pair->before.t_wall_ns;
	return age_ns < FRESH_NS || (age_ns < FRESH_MOST_NS && age_ns < 3 * interval_ns);
}

/* What the latest sample of a source says. */
static int add_source(struct making *m, const struct query_vm *vm, const struct boot *boot,
		      enum sample_source source)
{
	struct row_pair pair;
	int r = query_latest_lists(m->query, boot, source, &pair);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	openmetrics_begin(&m->out, vm, metrics_source(source));
	m->out.created_s = boot->created_ns / 1e9;
	if (is_fresh(m, &pair))
		return metrics_of_row(&pair, openmetrics_put, &m->out);
	return openmetrics_put(&m->out, &metrics[METRICS_SAMPLE_TIME], NULL,
			       pair.row.sample.t_wall_ns / 1e9);
}

/* What is known of a VM beside its samples. */
static int add_record(struct making *m, const struct query_vm *vm, const struct boot *boot)
{
	struct range gap = { 0 }, quarantined = { 0 };
	struct figures_record record = { .vm = vm, .boot = boot };
	struct vital vital;
	int r;

	vitals_get(m->page->vitals, vm->key, &vital);
	record.vital = &vital;
	if (boot) {
		r = eventquery_last_gap(m->query, boot, &gap);
		if (r < 0 && r != -ENOENT)
			return r;
		record.has_gap = r == 0;
		record.gap_to_ns = gap.to_ns;
		r = eventquery_quarantined(m->query, boot, &quarantined);
		if (r < 0)
			return r;
		record.quarantined = quarantined.count > 0 ? quarantined.count : 0;
	}
	openmetrics_begin(&m->out, vm, NULL);
	return figures_of_record(&record, openmetrics_put, &m->out);
}

static int add_vm(void *ctx, const struct query_vm *vm)
{
	struct making *m = ctx;
	struct boot boot;
	int r;

	m->daemon.vms++;
	if (m->daemon.vms > METRICSPAGE_VMS_MAX || m->out.bytes > METRICSPAGE_BYTES_MAX) {
		m->daemon.vms_left_out++;
		return 0;
	}
	r = query_boot(m->query, vm->id, 0, &boot);
	if (r == -ENOENT)
		return add_record(m, vm, NULL);
	for (int source = 0; source < SOURCES && r == 0 && vm->state != VM_STOPPED; source++)
		r = add_source(m, vm, &boot, source);
	return r < 0 ? r : add_record(m, vm, &boot);
}

static int add_daemon(struct making *m)
{
	struct figures_daemon *d = &m->daemon;

	d->version = VMEXIT_VERSION;
	d->stats = m->page->stats;
	d->remote = m->page->remote;
	d->has_disk = storage_disk(m->query, &d->size_bytes, &d->free_bytes) == 0;
	d->has_process = figures_process(&d->process) == 0;
	openmetrics_begin(&m->out, NULL, NULL);
	return figures_of_daemon(d, openmetrics_put, &m->out);
}

int metricspage_make(struct query *query, const struct metricspage *page, char **ret_text)
{
	struct making m = {
		.query = query,
		.page = page,
		.now_ns = time(NULL) * 1000000000LL,
		.out.open = page->open,
	};
	int r = query_vms(query, add_vm, &m);

	if (r == 0)
		r = add_daemon(&m);
	if (r == 0)
		r = openmetrics_finish(&m.out, ret_text);
	openmetrics_done(&m.out);
	return r;
}
