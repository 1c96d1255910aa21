/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One JSON object a line and sample, with its lists. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/form/exportform.h"
#include "daemon/store/chunk.h"
#include "guest-agent/shared/reason.h"

/* The arrays of an object, which stand behind its plain members. */
enum list { LIST_NONE, LIST_REASONS, LIST_VCPUS, LIST_INTERRUPTS, LIST_PROCESSES, LIST_UNITS };

struct series {
	enum list list;
	uint32_t entry;			/* the same for all values of one entry of a list */
	const char *head;		/* of the entry, up to its first value; else NULL */
	size_t head_len;
	const char *text;		/* "\"exits\":" */
	size_t len;
};

struct jsonlines {
	struct exportform_of of;
	struct digits_day day;
	struct cells of_boot;		/* "vm":...,"boot":...,"source":... */
	struct exportindex index;
	struct series *series;
	struct cells texts;		/* that the series point to */
	const struct exportwalk_at *at;
};

static int begin(const struct exportform_of *of, void **ret_form)
{
	struct jsonlines *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->of = *of;
	*ret_form = j;
	return 0;
}

static void end(void *form)
{
	struct jsonlines *j = form;

	exportindex_done(&j->index);
	cells_done(&j->texts);
	cells_done(&j->of_boot);
	free(j->series);
	free(j);
}

static void add_text(struct cells *cells, const char *text)
{
	cells_add(cells, text, strlen(text));
}

static void add_number(struct cells *cells, const char *before, uint64_t number)
{
	char digits[DIGITS_MAX + DIGITS_SLACK];

	add_text(cells, before);
	cells_add(cells, digits, digits_put(digits, number) - digits);
}

static enum list list_of(const struct key *key)
{
	switch (key->kind) {
	case KEY_REASON_COUNT:
	case KEY_REASON_HANDLING:
	case KEY_REASON_AWAY:
		return LIST_REASONS;
	case KEY_VCPU_COUNT:
	case KEY_VCPU_HANDLING:
		return LIST_VCPUS;
	case KEY_INTERRUPT:
		return LIST_INTERRUPTS;
	case KEY_PROCESS:
		return LIST_PROCESSES;
	case KEY_UNIT:
		return LIST_UNITS;
	default:
		return LIST_NONE;
	}
}

/* What an entry of a list is called in it. */
static void add_head(struct jsonlines *j, const struct key *key, enum list list)
{
	const char *name;

	switch (list) {
	case LIST_REASONS:
		name = reason_name(j->at->boot->reason_namespace, key->id);
		add_number(&j->texts, "{\"number\":", key->id);
		add_text(&j->texts, ",\"name\":");
		if (name)
			cells_add_json(&j->texts, name, strlen(name));
		else
			add_text(&j->texts, "null");
		break;
	case LIST_VCPUS:
		add_number(&j->texts, "{\"vcpu\":", key->id);
		break;
	case LIST_PROCESSES:
		add_number(&j->texts, "{\"pid\":", key->id);
		add_text(&j->texts, ",\"command\":");
		cells_add_json(&j->texts, key->name, key->name_len);
		break;
	default:
		add_text(&j->texts, list == LIST_UNITS ? "{\"unit\":" : "{\"source\":");
		cells_add_json(&j->texts, key->name, key->name_len);
	}
}

static const char *member_of(const struct key *key)
{
	static const char *const members[KEY_KINDS] = {
		[KEY_REASON_COUNT] = "exits",	 [KEY_REASON_HANDLING] = "handling_cycles",
		[KEY_REASON_AWAY] = "away_cycles", [KEY_VCPU_COUNT] = "exits",
		[KEY_VCPU_HANDLING] = "handling_cycles", [KEY_INTERRUPT] = "count",
		[KEY_PROCESS] = "cpu_us",	 [KEY_UNIT] = "cpu_us",
	};

	return members[key->kind] ? members[key->kind] : key_kind_name(key);
}

static bool is_same_entry(const struct key *a, const struct key *b)
{
	return list_of(a) == list_of(b) && a->id == b->id && a->name_len == b->name_len &&
	       (a->name_len == 0 || memcmp(a->name, b->name, a->name_len) == 0);
}

/* Offsets in texts stand in for pointers as long as it grows. */
static void make_one(struct jsonlines *j, size_t i)
{
	const struct key *key = &j->index.keys[i];
	struct series *s = &j->series[i];
	const char *member = member_of(key);
	size_t begin = j->texts.len;

	*s = (struct series){ .list = list_of(key), .entry = i };
	if (!member)
		return;
	if (i > 0 && s->list != LIST_NONE && is_same_entry(key, key - 1))
		s->entry = j->series[i - 1].entry;
	if (s->list != LIST_NONE)
		add_head(j, key, s->list);
	s->head_len = j->texts.len - begin;
	add_text(&j->texts, ",\"");
	add_text(&j->texts, member);
	add_text(&j->texts, "\":");
	s->len = j->texts.len - begin - s->head_len;
}

static int make_series(struct jsonlines *j)
{
	size_t count = j->index.count, at = 0;
	struct series *series = realloc(j->series, (count ? count : 1) * sizeof(*series));

	if (!series)
		return -ENOMEM;
	j->series = series;
	j->texts.len = 0;
	for (size_t i = 0; i < count; i++)
		make_one(j, i);
	if (j->texts.failed)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		series[i].head = j->texts.buf + at;
		series[i].text = j->texts.buf + at + series[i].head_len;
		at += series[i].head_len + series[i].len;
	}
	return 0;
}

static void set_boot(struct jsonlines *j, const struct exportwalk_at *at)
{
	const char *cause = exportform_cause(at->boot->cause);

	j->of_boot.len = 0;
	add_text(&j->of_boot, "\",\"vm\":");
	cells_add_json(&j->of_boot, j->of.vm->key, strlen(j->of.vm->key));
	add_text(&j->of_boot, ",\"vm_name\":");
	cells_add_json(&j->of_boot, j->of.vm->name, strlen(j->of.vm->name));
	add_number(&j->of_boot, ",\"boot\":", at->boot->number);
	add_text(&j->of_boot, ",\"boot_cause\":\"");
	add_text(&j->of_boot, cause ? cause : "");
	add_text(&j->of_boot, at->source == SOURCE_GUEST ? "\",\"source\":\"guest\""
							  : "\",\"source\":\"host\"");
	if (at->boot->tsc_khz)
		add_number(&j->of_boot, ",\"tsc_khz\":", at->boot->tsc_khz);
	if (at->boot->vcpus)
		add_number(&j->of_boot, ",\"vcpus\":", at->boot->vcpus);
	add_text(&j->of_boot, ",\"sequence\":");
}

static int enter(void *form, const struct exportwalk_at *at)
{
	struct jsonlines *j = form;
	int r;

	exportindex_done(&j->index);
	r = exportindex_make(&j->index, at->chunk);
	j->at = at;
	set_boot(j, at);
	if (r == 0 && j->of_boot.failed)
		r = -ENOMEM;
	return r < 0 ? r : make_series(j);
}

static char *put(char *p, const char *text, size_t len)
{
	memcpy(p, text, len);
	return p + len;
}

/* Both times, and whose sample it is. */
static char *put_head(struct jsonlines *j, char *p, uint32_t row)
{
	p = stpcpy(p, "{\"time\":\"");
	p = digits_put_time(p, j->at->t_ns[row], 9, &j->day);
	p = put(p, j->of_boot.buf, j->of_boot.len);
	p = digits_put(p, j->at->sequence[row]);
	p = stpcpy(p, ",\"t_ns\":");
	return digits_put_signed(p, j->at->t_ns[row]);
}

static char *close_list(char *p, const struct series *before)
{
	return before && before->list != LIST_NONE ? stpcpy(p, "}]") : p;
}

/* A value, whatever must be closed and opened in front of it. */
static char *put_value(const struct jsonlines *j, char *p, const struct series *before,
		       const struct exportvalue *v)
{
	static const char *const opening[] = {
		[LIST_REASONS] = ",\"reasons\":[",	 [LIST_VCPUS] = ",\"by_vcpu\":[",
		[LIST_INTERRUPTS] = ",\"interrupt_sources\":[",
		[LIST_PROCESSES] = ",\"processes\":[", [LIST_UNITS] = ",\"units\":[",
	};
	const struct series *s = &j->series[v->series];

	if (s->list != LIST_NONE && (!before || before->list != s->list)) {
		p = close_list(p, before);
		p = stpcpy(p, opening[s->list]);
		p = put(p, s->head, s->head_len);
	} else if (s->list != LIST_NONE && before->entry != s->entry) {
		p = stpcpy(p, "},");
		p = put(p, s->head, s->head_len);
	}
	p = put(p, s->text, s->len);
	return digits_put(p, v->value);
}

/* Of what is no number of its own: the gap before a sample, and which lists there are. */
static bool is_gap(const struct key *key)
{
	return key->kind == KEY_FIELD && key->id == FIELD_GAP;
}

static void put_row(void *form, uint32_t row)
{
	struct jsonlines *j = form;
	const struct exportvalue *v = j->index.values + j->index.begin[row];
	const struct exportvalue *end = j->index.values + j->index.begin[row + 1];
	const struct series *before = NULL;
	size_t max = j->of_boot.len + 4 * DIGITS_TIME_MAX + 64;
	char *p;

	for (const struct exportvalue *i = v; i < end; i++)
		max += j->series[i->series].head_len + j->series[i->series].len + DIGITS_MAX + 32;
	p = cells_room(j->of.out, max);
	if (!p)
		return;
	p = put_head(j, p, row);
	for (; v < end; v++) {
		const struct series *s = &j->series[v->series];

		if (is_gap(&j->index.keys[v->series]))
			p = stpcpy(p, ",\"after_gap\":true");
		if (!s->len)
			continue;
		p = put_value(j, p, before, v);
		before = s;
	}
	p = close_list(p, before);
	*p++ = '}';
	*p++ = '\n';
	j->of.out->len = p - j->of.out->buf;
}

const struct exportform jsonlines = {
	.type = "application/x-ndjson",
	.suffix = "jsonl",
	.begin = begin,
	.end = end,
	.enter = enter,
	.row = put_row,
};
