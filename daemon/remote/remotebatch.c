/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/remote/remotebatch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/room.h"
#include "guest-agent/shared/detail.h"

/* A value of the sample that is added, before it is known that all of them have room. */
struct value {
	size_t series;			/* index into the stream's */
	double value;
	bool has_zero;
	int64_t zero_ms;
};

struct remotebatch {
	struct remotebatch_settings settings;
	struct remoteframe *frame;
	uint64_t number;		/* of the request */
	struct remotebatch_row *rows;
	size_t count, room;

	/* Of the sample under way. */
	struct remotestream *stream;
	const struct boot *boot;
	bool is_first;			/* of its boot */
	int64_t zero_ms;		/* of the boot's begin, if any counter began there */
	struct value values[METRICS_OF_ROW_MAX];
	size_t values_count;
	uint64_t sample;		/* its number */
	size_t again;			/* of them that the one before had, too */
};

int remotebatch_new(const struct remotebatch_settings *settings, struct remotebatch **ret_batch)
{
	struct remotebatch *b = calloc(1, sizeof(*b));
	int r = b ? remoteframe_new(&b->frame) : -ENOMEM;

	if (r < 0) {
		free(b);
		return r;
	}
	b->settings = *settings;
	b->number = b->sample = 1;
	*ret_batch = b;
	return 0;
}

void remotebatch_free(struct remotebatch *batch)
{
	if (!batch)
		return;
	remoteframe_free(batch->frame);
	free(batch->rows);
	free(batch);
}

void remotebatch_clear(struct remotebatch *batch)
{
	remoteframe_clear(batch->frame);
	batch->number++;
	batch->count = 0;
}

bool remotebatch_is_full(const struct remotebatch *batch)
{
	return !remoteframe_has_room(batch->frame, METRICS_OF_ROW_MAX, 2 * METRICS_OF_ROW_MAX);
}

const struct remotebatch_row *remotebatch_rows(const struct remotebatch *batch, size_t *ret_count)
{
	*ret_count = batch->count;
	return batch->rows;
}

struct remoteframe *remotebatch_frame(struct remotebatch *batch)
{
	return batch->frame;
}

/* The stream's series, made if there is none; -1 without memory. They come in order mostly. */
static ssize_t find_series(struct remotestream *s, const struct metric *metric, const char *label)
{
	size_t at = s->series_next;

	for (size_t i = 0; i < s->series_count; i++, at++) {
		if (at >= s->series_count)
			at = 0;
		if (s->series[at].metric == metric && s->series[at].label == label) {
			s->series_next = at + 1;
			return at;
		}
	}
	if (!room_for_one(&s->series, s->series_count, &s->series_room, sizeof(*s->series)))
		return -1;
	s->series[s->series_count] = (struct remoteseries){ .metric = metric, .label = label };
	s->series_next = s->series_count + 1;
	return s->series_count++;
}

/* A guest's own counters began with its kernel, unless it came with them. */
static bool guest_is_new(const struct boot *boot)
{
	return boot->cause == BOOT_CREATED || boot->cause == BOOT_REBOOT || boot->cause == BOOT_GUEST;
}

/* Whether a counter that @metric is of began at zero with the boot. */
static bool begins(const struct boot *boot, const struct metric *metric)
{
	if (metric->type != METRICS_COUNTER)
		return false;
	return metric->of == METRICS_OF_VM	? metrics_from_zero(boot)
	       : metric->of == METRICS_OF_GUEST ? guest_is_new(boot)
						: false;
}

static int note(void *ctx, const struct metric *metric, const char *label, double value)
{
	struct remotebatch *b = ctx;
	struct remotestream *s = b->stream;
	ssize_t at = find_series(s, metric, label);
	struct value *v = &b->values[b->values_count];
	bool is_listed = metric->of == METRICS_OF_VM && metric->label;

	if (at < 0 || b->values_count == METRICS_OF_ROW_MAX)
		return -ENOMEM;
	*v = (struct value){ .series = at, .value = value };
	if (b->is_first && begins(b->boot, metric)) {
		v->has_zero = true;
		v->zero_ms = b->zero_ms;
	} else if (is_listed && s->has_list && s->series[at].life != s->life) {
		v->has_zero = true;
		v->zero_ms = s->list_ms;
	}
	s->series[at].life = s->life;
	b->again += s->series[at].sample == b->sample - 1;
	s->series[at].sample = b->sample;
	b->values_count++;
	return 0;
}

static int add_series(struct remotebatch *b, const struct metric *metric, const char *label,
		      const struct remotestream *s)
{
	struct remoteframe_label labels[REMOTEFRAME_LABELS_MAX];
	char name[96];
	size_t n = 0;

	snprintf(name, sizeof(name), "%s%s", metric->name,
		 metric->type == METRICS_COUNTER ? METRICS_TOTAL : "");
	labels[n++] = (struct remoteframe_label){ "__name__", name };
	labels[n++] = (struct remoteframe_label){ "host", b->settings.host };
	if (s) {
		labels[n++] = (struct remoteframe_label){ "vm", s->key };
		labels[n++] = (struct remoteframe_label){ "name", s->name };
		labels[n++] = (struct remoteframe_label){ "source", metrics_source(s->source) };
	}
	if (label)
		labels[n++] = (struct remoteframe_label){ metric->label, label };
	for (size_t i = 0; i < b->settings.labels_count; i++)
		labels[n++] = b->settings.labels[i];
	return remoteframe_series(b->frame, labels, n);
}

static int add_value(struct remotebatch *b, const struct value *v, double value, int64_t t_ms)
{
	struct remoteseries *series = &b->stream->series[v->series];

	if (series->batch != b->number) {
		int r = add_series(b, series->metric, series->label, b->stream);

		if (r < 0)
			return r;
		series->batch = b->number;
		series->number = r;
	}
	return remoteframe_sample(b->frame, series->number, value, t_ms);
}

/* What the sample has, into b->values; and what is known of its VM from now on. */
static int collect(struct remotebatch *b, struct remotestream *s, const struct row_pair *pair)
{
	const struct boot *boot = pair->row.boot;

	b->stream = s;
	b->boot = boot;
	b->values_count = b->again = 0;
	b->sample++;
	s->series_next = 0;
	/* Another KVM VM: what is known of the last one's reasons says nothing. */
	if (strcmp(s->life_text, boot->life) != 0) {
		s->life++;
		s->has_list = false;
		snprintf(s->life_text, sizeof(s->life_text), "%s", boot->life);
	}
	return metrics_of_row(pair, note, b);
}

static void note_list(struct remotestream *s, const struct sample *sample, int64_t t_ms)
{
	struct detail_iter iter;

	if (detail_find(sample->detail, sample->detail_len, DETAIL_REASONS, &iter)) {
		s->has_list = true;
		s->list_ms = t_ms;
	}
}

int remotebatch_add_before(struct remotebatch *batch, struct remotestream *stream,
			   const struct row_pair *pair)
{
	int r;

	batch->is_first = false;
	r = collect(batch, stream, pair);
	note_list(stream, &pair->row.sample, stream->read.t_ms);
	return r;
}

/*
 * When the boot began, and the sample's timestamp behind that: behind what was sent of the
 * boot before, and before the sample, where there is time between.
 */
static int64_t stamp(struct remotebatch *b, const struct remotestream *s, const struct row_pair *pair)
{
	int64_t last_ms = s->read.t_ms, t_ns = pair->row.sample.t_wall_ns;
	int64_t t_ms = remotestream_stamp(last_ms, t_ns);

	if (!b->is_first)
		return t_ms;
	b->zero_ms = remotestream_stamp(last_ms, pair->row.boot->opened_ns);
	if (b->zero_ms >= t_ms && t_ms - 1 > last_ms)
		b->zero_ms = t_ms - 1;
	return remotestream_stamp(b->zero_ms, t_ns);
}

/* The row in front of this one is of the same time, and has nothing else: only its zeros stay. */
static bool is_same_time(const struct remotebatch *b, const struct remotestream *s, int64_t t_ms)
{
	const struct remotebatch_row *last = b->count ? &b->rows[b->count - 1] : NULL;
	int64_t width = b->settings.resolution_ms;

	return last && width && last->stream == s && !b->is_first &&
	       last->at.t_ms / width == t_ms / width && b->again == last->to - last->own;
}

static int add_values(struct remotebatch *b, struct remotebatch_row *row)
{
	int r = 0;

	for (size_t i = 0; i < b->values_count && r == 0; i++) {
		if (b->values[i].has_zero)
			r = add_value(b, &b->values[i], 0, b->values[i].zero_ms);
	}
	row->own = remoteframe_samples(b->frame);
	for (size_t i = 0; i < b->values_count && r == 0; i++)
		r = add_value(b, &b->values[i], b->values[i].value, row->at.t_ms);
	row->to = remoteframe_samples(b->frame);
	return r;
}

int remotebatch_add(struct remotebatch *batch, struct remotestream *stream,
		    const struct row_pair *pair)
{
	struct remotebatch *b = batch;
	const struct boot *boot = pair->row.boot;
	struct remotebatch_row row = { .stream = stream, .samples = 1 };
	int r;

	if (!room_for_one(&b->rows, b->count, &b->room, sizeof(*b->rows)))
		return -ENOMEM;
	b->is_first = stream->read.boot != boot->number || stream->read.sequence == 0;
	row.at = (struct sent_at){ boot->number, pair->row.sample.sequence, stamp(b, stream, pair) };
	r = collect(b, stream, pair);
	if (r < 0)
		return r;
	row.from = remoteframe_samples(b->frame);
	if (is_same_time(b, stream, row.at.t_ms)) {
		const struct remotebatch_row *last = &b->rows[--b->count];

		row.from = last->from;
		row.samples += last->samples;
		remoteframe_cut(b->frame, last->own);
	}
	r = add_values(b, &row);
	if (r < 0)
		return r;
	note_list(stream, &pair->row.sample, row.at.t_ms);
	stream->read = row.at;
	b->rows[b->count++] = row;
	return 0;
}

int remotebatch_add_own(struct remotebatch *batch, enum metrics_id id, const char *label,
			double value, int64_t t_ms)
{
	struct remotebatch_row row = { .from = remoteframe_samples(batch->frame) };
	int r;

	if (!room_for_one(&batch->rows, batch->count, &batch->room, sizeof(*batch->rows)))
		return -ENOMEM;
	r = add_series(batch, &metrics[id], label, NULL);
	if (r >= 0)
		r = remoteframe_sample(batch->frame, r, value, t_ms);
	if (r < 0)
		return r;
	row.own = row.from;
	row.to = remoteframe_samples(batch->frame);
	batch->rows[batch->count++] = row;
	return 0;
}
