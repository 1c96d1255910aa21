/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/remote/remoteframe.h"

#include <assert.h>
#include <errno.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/room.h"
#include "daemon/remote/remote.pb-c.h"

/* Key, name and host of a VM, and some labels. */
#define TEXT_OF_SERIES 4096

/* Texts are offsets until all are there: their memory may move. */
struct label {
	size_t name, value;
};

struct series {
	size_t first_label, labels;
	size_t samples;			/* of the request under way; and where its next one goes */
	size_t at;
};

struct point {
	int series;
	double value;
	int64_t t_ms;
};

struct remoteframe {
	struct series *series;
	size_t series_count, series_room;
	struct label *labels;
	size_t labels_count, labels_room;
	struct point *points;
	size_t points_count, points_room;
	char *text;
	size_t text_len, text_room;
	void *scratch;			/* messages of protobuf-c and pointers to them */
	size_t scratch_room;
	uint8_t *raw, *packed;
	size_t raw_room, packed_room;
};

int remoteframe_new(struct remoteframe **ret_frame)
{
	struct remoteframe *frame = calloc(1, sizeof(*frame));

	if (!frame)
		return -ENOMEM;
	*ret_frame = frame;
	return 0;
}

void remoteframe_free(struct remoteframe *frame)
{
	if (!frame)
		return;
	free(frame->series);
	free(frame->labels);
	free(frame->points);
	free(frame->text);
	free(frame->scratch);
	free(frame->raw);
	free(frame->packed);
	free(frame);
}

void remoteframe_clear(struct remoteframe *frame)
{
	frame->series_count = frame->labels_count = frame->points_count = frame->text_len = 0;
}

bool remoteframe_has_room(const struct remoteframe *frame, size_t series, size_t samples)
{
	return frame->series_count + series <= REMOTEFRAME_SERIES_MAX &&
	       frame->points_count + samples <= REMOTEFRAME_SAMPLES_MAX &&
	       frame->text_len + series * TEXT_OF_SERIES <= REMOTEFRAME_TEXT_MAX;
}

size_t remoteframe_samples(const struct remoteframe *frame)
{
	return frame->points_count;
}

void remoteframe_cut(struct remoteframe *frame, size_t samples)
{
	if (samples < frame->points_count)
		frame->points_count = samples;
}

/* Bytes of the UTF-8 character at @s, 0 if it is none: too long forms and surrogates are none. */
static size_t utf8_len(const unsigned char *s)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
	uint32_t c = len < 2 ? s[0] : s[0] & (0x7f >> len);

	for (size_t i = 1; i < len; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	return len > 1 && (c < least[len] || c > 0x10ffff || c >> 11 == 0x1b) ? 0 : len;
}

/* Append @text and its end; there is room. Returns where it is. */
static size_t put_text(struct remoteframe *f, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t at = f->text_len;

	while (*s) {
		size_t len = utf8_len(s);

		if (len == 0)
			f->text[f->text_len++] = '?';
		else
			memcpy(f->text + f->text_len, s, len);
		f->text_len += len;
		s += len ? len : 1;
	}
	f->text[f->text_len++] = '\0';
	return at;
}

/* See to it that there are @more bytes behind the texts. */
static int make_text_room(struct remoteframe *f, size_t more)
{
	size_t room = f->text_room ? f->text_room : 4096;
	char *text;

	if (more > REMOTEFRAME_TEXT_MAX || f->text_len + more > REMOTEFRAME_TEXT_MAX)
		return -ENOBUFS;
	while (room < f->text_len + more)
		room *= 2;
	if (room == f->text_room)
		return 0;
	text = realloc(f->text, room);
	if (!text)
		return -ENOMEM;
	f->text = text;
	f->text_room = room;
	return 0;
}

/* Indices of what is a label, by name. Returns how many, and the bytes of their texts. */
static size_t sort_labels(const struct remoteframe_label *labels, size_t count, size_t *order,
			  size_t *ret_bytes)
{
	size_t n = 0;

	*ret_bytes = 0;
	for (size_t i = 0; i < count; i++) {
		size_t k = n;

		if (!*labels[i].value)
			continue;
		for (; k > 0 && strcmp(labels[order[k - 1]].name, labels[i].name) > 0; k--)
			order[k] = order[k - 1];
		order[k] = i;
		n++;
		*ret_bytes += strlen(labels[i].name) + strlen(labels[i].value) + 2;
	}
	return n;
}

int remoteframe_series(struct remoteframe *frame, const struct remoteframe_label *labels,
		       size_t count)
{
	size_t order[REMOTEFRAME_LABELS_MAX], bytes, n;
	struct remoteframe *f = frame;
	int r;

	if (count > REMOTEFRAME_LABELS_MAX)
		return -EINVAL;
	if (f->series_count == REMOTEFRAME_SERIES_MAX)
		return -ENOBUFS;
	n = sort_labels(labels, count, order, &bytes);
	r = make_text_room(f, bytes);
	if (r < 0)
		return r;
	if (!room_for_one(&f->series, f->series_count, &f->series_room, sizeof(*f->series)))
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (!room_for_one(&f->labels, f->labels_count + i, &f->labels_room, sizeof(*f->labels)))
			return -ENOMEM;
	}
	f->series[f->series_count] = (struct series){ .first_label = f->labels_count, .labels = n };
	for (size_t i = 0; i < n; i++) {
		struct label *label = &f->labels[f->labels_count++];

		label->name = put_text(f, labels[order[i]].name);
		label->value = put_text(f, labels[order[i]].value);
	}
	return f->series_count++;
}

int remoteframe_sample(struct remoteframe *frame, int series, double value, int64_t t_ms)
{
	struct remoteframe *f = frame;

	assert(series >= 0 && (size_t)series < f->series_count);
	if (f->points_count == REMOTEFRAME_SAMPLES_MAX)
		return -ENOBUFS;
	if (!room_for_one(&f->points, f->points_count, &f->points_room, sizeof(*f->points)))
		return -ENOMEM;
	f->points[f->points_count++] = (struct point){ series, value, t_ms };
	return 0;
}

/* The messages, one array of each kind and one of pointers to it. */
struct messages {
	Remote__TimeSeries *series, **series_at;
	Remote__Label *labels, **labels_at;
	Remote__Sample *samples, **samples_at;
};

static int make_room(void **memory, size_t *room, size_t size)
{
	void *more;

	if (size <= *room)
		return 0;
	more = realloc(*memory, size);
	if (!more)
		return -ENOMEM;
	*memory = more;
	*room = size;
	return 0;
}

/* @count elements of @size bytes from @at on, which goes behind them. */
static void *part(char **at, size_t count, size_t size)
{
	void *p = *at;

	*at += (count * size + 15) / 16 * 16;
	return p;
}

static int make_messages(struct remoteframe *f, struct messages *m)
{
	size_t size = f->series_count * (sizeof(*m->series) + sizeof(*m->series_at)) +
		      f->labels_count * (sizeof(*m->labels) + sizeof(*m->labels_at)) +
		      f->points_count * (sizeof(*m->samples) + sizeof(*m->samples_at)) + 6 * 16;
	char *at;

	if (make_room(&f->scratch, &f->scratch_room, size) < 0)
		return -ENOMEM;
	at = f->scratch;
	m->series = part(&at, f->series_count, sizeof(*m->series));
	m->series_at = part(&at, f->series_count, sizeof(*m->series_at));
	m->labels = part(&at, f->labels_count, sizeof(*m->labels));
	m->labels_at = part(&at, f->labels_count, sizeof(*m->labels_at));
	m->samples = part(&at, f->points_count, sizeof(*m->samples));
	m->samples_at = part(&at, f->points_count, sizeof(*m->samples_at));
	return 0;
}

/* Points came in turns; protobuf has those of a series together. */
static void set_samples(struct remoteframe *f, const struct messages *m, size_t from, size_t to)
{
	size_t at = 0;

	for (size_t i = 0; i < f->series_count; i++)
		f->series[i].samples = 0;
	for (size_t i = from; i < to; i++)
		f->series[f->points[i].series].samples++;
	for (size_t i = 0; i < f->series_count; i++) {
		f->series[i].at = at;
		at += f->series[i].samples;
	}
	for (size_t i = from; i < to; i++) {
		const struct point *p = &f->points[i];
		Remote__Sample *sample = &m->samples[f->series[p->series].at++];

		remote__sample__init(sample);
		sample->value = p->value;
		sample->timestamp = p->t_ms;
	}
	for (size_t i = 0; i < at; i++)
		m->samples_at[i] = &m->samples[i];
}

static void set_labels(struct remoteframe *f, const struct messages *m, const struct series *s)
{
	for (size_t i = s->first_label; i < s->first_label + s->labels; i++) {
		remote__label__init(&m->labels[i]);
		m->labels[i].name = f->text + f->labels[i].name;
		m->labels[i].value = f->text + f->labels[i].value;
		m->labels_at[i] = &m->labels[i];
	}
}

/* Those that have samples. Returns how many. */
static size_t set_series(struct remoteframe *f, const struct messages *m)
{
	size_t n = 0;

	for (size_t i = 0; i < f->series_count; i++) {
		const struct series *s = &f->series[i];
		Remote__TimeSeries *t = &m->series[n];

		if (s->samples == 0)
			continue;
		set_labels(f, m, s);
		remote__time_series__init(t);
		t->n_labels = s->labels;
		t->labels = m->labels_at + s->first_label;
		t->n_samples = s->samples;
		t->samples = m->samples_at + s->at - s->samples;
		m->series_at[n++] = t;
	}
	return n;
}

int remoteframe_encode(struct remoteframe *frame, size_t from, size_t to,
		       const uint8_t **ret_bytes, size_t *ret_len, size_t *ret_raw_len)
{
	Remote__WriteRequest request = REMOTE__WRITE_REQUEST__INIT;
	struct remoteframe *f = frame;
	size_t raw_len, len;
	struct messages m;

	assert(from <= to && to <= f->points_count);
	if (make_messages(f, &m) < 0)
		return -ENOMEM;
	set_samples(f, &m, from, to);
	request.n_timeseries = set_series(f, &m);
	request.timeseries = m.series_at;
	raw_len = remote__write_request__get_packed_size(&request);
	len = snappy_max_compressed_length(raw_len);
	if (make_room((void **)&f->raw, &f->raw_room, raw_len) < 0 ||
	    make_room((void **)&f->packed, &f->packed_room, len) < 0)
		return -ENOMEM;
	(void)remote__write_request__pack(&request, f->raw);
	if (snappy_compress((const char *)f->raw, raw_len, (char *)f->packed, &len) != SNAPPY_OK)
		return -ENOMEM;
	*ret_bytes = f->packed;
	*ret_len = len;
	if (ret_raw_len)
		*ret_raw_len = raw_len;
	return 0;
}
