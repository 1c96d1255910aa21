/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/jsonseries.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/form/jsonparts.h"
#include "guest-agent/shared/reason.h"

/* JSON while it is written: a column as a tree of values would cost more than to read it. */
struct text {
	char *buf;
	size_t len, room;
	bool failed;			/* out of memory */
};

static char *make_room(struct text *t, size_t more)
{
	if (t->room - t->len < more) {
		size_t room = t->len + more > 2 * t->room ? t->len + more : 2 * t->room;
		char *buf = realloc(t->buf, room);

		t->failed |= !buf;
		if (!buf)
			return NULL;
		t->buf = buf;
		t->room = room;
	}
	return t->buf + t->len;
}

static void put(struct text *t, const char *s)
{
	size_t len = strlen(s);
	char *to = make_room(t, len);

	if (to) {
		memcpy(to, s, len);
		t->len += len;
	}
}

#define NUMBER_MAX 32
#define DECIMALS 1000000000ULL		/* so many parts of one are written */

/* Digits of @v, at least @least of them, in front of @end. Returns where they begin. */
static char *digits(char *end, uint64_t v, int least)
{
	for (; v || least > 0; v /= 10, least--)
		*--end = '0' + v % 10;
	return end;
}

/*
 * To nine decimals, or sixteen digits where these are fewer: what is exact in a double stays
 * near enough that sums over a series are.
 */
static size_t format(double v, char buf[NUMBER_MAX])
{
	char number[NUMBER_MAX], *end = number + sizeof(number), *p;
	double size = fabs(v);
	uint64_t whole, parts;

	if (size >= 1e9 || (size < 1e-3 && size > 0))
		return snprintf(buf, NUMBER_MAX, "%.16g", v);
	whole = size;
	parts = llround((size - whole) * DECIMALS);
	if (parts == DECIMALS) {
		parts = 0;
		whole++;
	}
	p = end;
	if (parts) {
		p = digits(p, parts, 9);
		*--p = '.';
		while (end[-1] == '0')
			end--;
	}
	p = digits(p, whole, 1);
	if (v < 0)
		*--p = '-';
	memcpy(buf, p, end - p);
	return end - p;
}

/* A time in microseconds, as everywhere. */
static size_t format_time(double v, char buf[NUMBER_MAX])
{
	char number[NUMBER_MAX], *end = number + sizeof(number), *p;
	uint64_t us = llround(fabs(v) * 1e6);

	p = digits(end, us % 1000000, 6);
	*--p = '.';
	p = digits(p, us / 1000000, 1);
	if (v < 0)
		*--p = '-';
	memcpy(buf, p, end - p);
	return end - p;
}

static void put_column(struct text *t, const char *head, const double *values, size_t count,
		       size_t (*write)(double v, char buf[NUMBER_MAX]), double less)
{
	char *to;

	put(t, head);
	to = make_room(t, count * (NUMBER_MAX + 1) + 1);
	for (size_t i = 0; to && i < count; i++) {
		to += write(values[i] - less, to);
		*to++ = i + 1 < count ? ',' : ']';
	}
	if (to)
		t->len = to - t->buf;
}

/* An object that is still open, which it takes ownership of. */
static void put_open(struct text *t, json_t *object)
{
	char *text = NULL;

	t->failed |= jsonparts_finish(object, &text) < 0;
	if (text) {
		text[strlen(text) - 1] = '\0';
		put(t, text);
	}
	free(text);
}

static json_t *reason_name_of(const struct series *s)
{
	const char *name = kind_is_by_reason(&s->key)
				   ? reason_name(s->boot.reason_namespace, s->key.id)
				   : NULL;

	return name ? json_string(name) : json_null();
}

static json_t *head_of(const struct series *s)
{
	return json_pack("{sIsosssssssosososo}", "boot", (json_int_t)s->boot.number, "opened",
			 jsonparts_seconds(s->boot.opened_ns), "source",
			 jsonparts_source(s->source), "kind", kind_name(&s->key), "unit",
			 kind_unit(&s->key, s->cumulative), "reason",
			 jsonparts_count(kind_is_by_reason(&s->key), s->key.id), "reason_name",
			 reason_name_of(s), "vcpu",
			 jsonparts_count(kind_is_by_vcpu(&s->key), s->key.id), "name",
			 s->key.name_len ? json_stringn(s->name, s->key.name_len) : json_null());
}

static void put_series(struct text *t, const struct series *s, double less)
{
	put_open(t, head_of(s));
	put_column(t, ",\"t\":[", s->t, s->count, format_time, less);
	put_column(t, ",\"dt\":[", s->dt, s->count, format, 0);
	put_column(t, ",\"v\":[", s->v, s->count, format, 0);
	put_column(t, ",\"min\":[", s->min, s->count, format, 0);
	put_column(t, ",\"max\":[", s->max, s->count, format, 0);
	put(t, "}");
}

/* Wall time of t = 0, or of what a page may count from. */
static json_t *origin_of(const struct jsonseries *about, double from)
{
	if (about->boot)
		return jsonparts_seconds(about->boot->opened_ns);
	if (about->since_boot)
		return json_null();
	return json_real(about->filter->from_ns ? about->filter->from_ns / 1e9 : from);
}

/* What the series are about; the times are all seconds. */
static json_t *frame_of(const struct jsonseries *about, const struct series *series)
{
	double from = 0, to = 0;

	for (const struct series *s = series; s; s = s->next) {
		double less = about->since_boot ? s->boot.opened_ns / 1e9 : 0;
		double begin = s->t[0] - s->dt[0] - less, end = s->t[s->count - 1] - less;

		from = s == series || begin < from ? begin : from;
		to = s == series || end > to ? end : to;
	}
	return json_pack("{sososssssososo}", "vm", jsonparts_vm(about->vm), "boot",
			 jsonparts_count(about->boot, about->boot ? about->boot->number : 0),
			 "mode", about->cumulative ? "cumulative" : "rate", "align",
			 about->since_boot ? "boot" : "wall", "origin", origin_of(about, from),
			 "from", series ? json_real(from) : json_null(), "to",
			 series ? json_real(to) : json_null());
}

int jsonseries_text(const struct jsonseries *about, const struct series *series,
		    char **ret_text)
{
	struct text t = { 0 };

	put_open(&t, frame_of(about, series));
	put(&t, ",\"series\":[");
	for (const struct series *s = series; s; s = s->next) {
		put_series(&t, s, about->since_boot ? s->boot.opened_ns / 1e9 : 0);
		put(&t, s->next ? "," : "]}");
	}
	if (!series)
		put(&t, "]}");
	(void)make_room(&t, 1);
	if (t.failed) {
		free(t.buf);
		return -ENOMEM;
	}
	t.buf[t.len] = '\0';
	*ret_text = t.buf;
	return 0;
}
