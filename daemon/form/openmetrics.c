/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/openmetrics.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/form/digits.h"
#include "daemon/form/jsonparts.h"

/* A line without its labels: names and a label's word of ours, a number. */
#define LINE_MAX_BYTES 256

void openmetrics_done(struct openmetrics *out)
{
	for (size_t i = 0; i < METRICS_COUNT; i++)
		free(out->part[i].text);
	memset(out, 0, sizeof(*out));
}

/* @text, from a guest's owner, between quotation marks; returns its end. */
static char *put_label(char *to, const char *name, const char *text)
{
	json_t *utf8 = jsonparts_text(text);
	const char *s = utf8 ? json_string_value(utf8) : "?";

	to = stpcpy(to, name);
	for (; *s; s++) {
		if (*s == '\\' || *s == '"' || *s == '\n')
			*to++ = '\\';
		*to++ = *s == '\n' ? 'n' : (unsigned char)*s < ' ' || *s == 0x7f ? '?' : *s;
	}
	json_decref(utf8);
	*to++ = '"';
	*to = '\0';
	return to;
}

void openmetrics_begin(struct openmetrics *out, const struct query_vm *vm, const char *source)
{
	char *p = out->labels;

	*p = '\0';
	out->created_s = 0;
	if (!vm)
		return;
	p = put_label(p, "vm=\"", vm->key);
	p = put_label(p, ",name=\"", vm->name);
	if (source)
		(void)put_label(p, ",source=\"", source);
}

/* Room for another line of @metric. */
static char *room_for(struct openmetrics *out, enum metrics_id id)
{
	size_t need = LINE_MAX_BYTES + OPENMETRICS_LABELS_MAX;

	if (out->part[id].room - out->part[id].len < need) {
		size_t room = 2 * out->part[id].room + 2 * need;
		char *text = realloc(out->part[id].text, room);

		if (!text)
			return NULL;
		out->part[id].text = text;
		out->part[id].room = room;
	}
	return out->part[id].text + out->part[id].len;
}

/* A large number has no more digits behind the point than a double tells. */
#define LARGE 1e6

/* Without a fraction as it is, else to the nanosecond or microsecond, without zeros behind it. */
static char *put_value(char *p, double v)
{
	double whole = floor(v);
	uint32_t ns;

	if (!(v >= 0 && v < 0x1p63))
		return p + sprintf(p, "%.17g", v);
	ns = v < LARGE ? lround((v - whole) * 1e9) : 1000 * lround((v - whole) * 1e6);
	if (ns == 1000000000) {
		whole++;
		ns = 0;
	}
	p = digits_put(p, whole);
	if (ns == 0)
		return p;
	p = digits_put_fraction(p, ns, 9);
	while (p[-1] == '0')
		p--;
	return p;
}

static char *put_line(struct openmetrics *out, char *p, const struct metric *metric,
		      const char *suffix, const char *label, double value)
{
	p = stpcpy(stpcpy(p, metric->name), suffix);
	if (out->labels[0] || label) {
		*p++ = '{';
		p = stpcpy(p, out->labels);
		if (label) {
			p = stpcpy(stpcpy(p, out->labels[0] ? "," : ""), metric->label);
			p = stpcpy(stpcpy(stpcpy(p, "=\""), label), "\"");
		}
		*p++ = '}';
	}
	*p++ = ' ';
	p = put_value(p, value);
	*p++ = '\n';
	return p;
}

int openmetrics_put(void *ctx, const struct metric *metric, const char *label, double value)
{
	struct openmetrics *out = ctx;
	bool counter = metric->type == METRICS_COUNTER;
	char *p = room_for(out, metric->id), *end;

	if (!p)
		return -ENOMEM;
	end = put_line(out, p, metric, counter ? METRICS_TOTAL : "", label, value);
	/* Of reasons it would double what there is, and say nothing else. */
	if (out->open && counter && metric->of == METRICS_OF_VM && !metric->label &&
	    out->created_s > 0) {
		out->part[metric->id].len += end - p;
		out->bytes += end - p;
		p = room_for(out, metric->id);
		if (!p)
			return -ENOMEM;
		end = put_line(out, p, metric, "_created", NULL, out->created_s);
	}
	out->part[metric->id].len += end - p;
	out->bytes += end - p;
	return 0;
}

/* What stands in front of a family. */
static char *put_head(const struct openmetrics *out, char *p, const struct metric *metric)
{
	static const char *const types[] = {
		[METRICS_COUNTER] = "counter", [METRICS_GAUGE] = "gauge",
	};
	const char *end = !out->open && metric->type == METRICS_COUNTER ? METRICS_TOTAL : "";

	p += sprintf(p, "# HELP %s%s %s\n# TYPE %s%s %s\n", metric->name, end, metric->help,
		     metric->name, end, types[metric->type]);
	if (out->open && metric->unit[0])
		p += sprintf(p, "# UNIT %s %s\n", metric->name, metric->unit);
	return p;
}

static size_t head_max(const struct metric *metric)
{
	return 3 * strlen(metric->name) + strlen(metric->help) + strlen(metric->unit) + 64;
}

int openmetrics_finish(const struct openmetrics *out, char **ret_text)
{
	size_t size = out->bytes + 64;
	char *text, *p;

	for (size_t i = 0; i < METRICS_COUNT; i++)
		size += head_max(&metrics[i]);
	p = text = malloc(size);
	if (!text)
		return -ENOMEM;
	for (size_t i = 0; i < METRICS_COUNT; i++) {
		if (out->part[i].len == 0)
			continue;
		p = put_head(out, p, &metrics[i]);
		memcpy(p, out->part[i].text, out->part[i].len);
		p += out->part[i].len;
	}
	strcpy(p, out->open ? "# EOF\n" : "");
	*ret_text = text;
	return 0;
}
