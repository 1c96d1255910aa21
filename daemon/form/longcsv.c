/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line a value: all that is stored of a boot. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/form/exportform.h"
#include "daemon/store/chunk.h"
#include "guest-agent/shared/reason.h"

/* A line's end behind the sequence, but for the value. */
struct series {
	const char *text;		/* ",kind,id,name," */
	size_t len;
	const char *unit;		/* ",unit" CR LF */
	size_t unit_len;
};

struct longcsv {
	struct exportform_of of;
	struct digits_day day;
	char vm[CELLS_CSV_MAX(RECORD_KEY_MAX) + 1];
	size_t vm_len;
	const struct boot *boot;
	enum sample_source source;
	struct exportindex index;
	struct series *series;
	struct cells texts;		/* that the series point to */
	const struct exportwalk_at *at;
};

static int begin(const struct exportform_of *of, void **ret_form)
{
	struct longcsv *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->of = *of;
	l->vm_len = cells_put_csv(l->vm, of->vm->key, strlen(of->vm->key)) - l->vm;
	*ret_form = l;
	return 0;
}

static void end(void *form)
{
	struct longcsv *l = form;

	exportindex_done(&l->index);
	cells_done(&l->texts);
	free(l->series);
	free(l);
}

static void header(void *form)
{
	static const char text[] = "time,epoch,vm,boot,source,sequence,kind,id,name,value,unit\r\n";

	cells_add(((struct longcsv *)form)->of.out, text, sizeof(text) - 1);
}

/* Bytes of a line at most, without kind, name and unit. */
#define PREFIX_MAX (2 * DIGITS_TIME_MAX + CELLS_CSV_MAX(RECORD_KEY_MAX) + 2 * DIGITS_MAX + 16)

/* "time,epoch,vm,boot,source,sequence"; without @source, of the boot itself. */
static char *put_prefix(struct longcsv *l, char *p, int64_t t_ns, const char *source,
			uint64_t sequence)
{
	p = digits_put_time(p, t_ns, 9, &l->day);
	*p++ = ',';
	p = digits_put_epoch(p, t_ns, 9);
	*p++ = ',';
	memcpy(p, l->vm, l->vm_len);
	p += l->vm_len;
	*p++ = ',';
	p = digits_put(p, l->boot->number);
	*p++ = ',';
	p = stpcpy(p, source);
	*p++ = ',';
	return *source ? digits_put(p, sequence) : p;
}

/* A line of something that is no sample's. */
struct line {
	int64_t t_ns;
	const char *source;
	uint64_t sequence;
	const char *kind, *name, *unit;
	bool has_id, has_value;
	uint64_t id, value;
	bool is_signed;
};

static void put_line(struct longcsv *l, const struct line *line)
{
	size_t name_len = strlen(line->name);
	char *buf = cells_room(l->of.out, PREFIX_MAX + strlen(line->kind) + strlen(line->unit) +
						  CELLS_CSV_MAX(name_len) + 2 * DIGITS_MAX + 16);
	char *p;

	if (!buf)
		return;
	p = put_prefix(l, buf, line->t_ns, line->source, line->sequence);
	*p++ = ',';
	p = stpcpy(p, line->kind);
	*p++ = ',';
	if (line->has_id)
		p = digits_put(p, line->id);
	*p++ = ',';
	p = cells_put_csv(p, line->name, name_len);
	*p++ = ',';
	if (line->has_value)
		p = line->is_signed ? digits_put_signed(p, line->value)
				    : digits_put(p, line->value);
	*p++ = ',';
	p = stpcpy(p, line->unit);
	p = stpcpy(p, "\r\n");
	l->of.out->len = p - l->of.out->buf;
}

/* ---- of a boot ---- */

static void boot_text(struct longcsv *l, const char *kind, const char *name)
{
	if (*name)
		put_line(l, &(struct line){ .t_ns = l->boot->opened_ns, .source = "",
					    .kind = kind, .name = name, .unit = "" });
}

static void boot_value(struct longcsv *l, const char *kind, const char *name, bool known,
		       uint64_t value, const char *unit)
{
	if (known)
		put_line(l, &(struct line){ .t_ns = l->boot->opened_ns, .source = "",
					    .kind = kind, .name = name, .has_value = true,
					    .value = value, .unit = unit });
}

/* A time; 0 is not known. */
static void boot_time(struct longcsv *l, const char *kind, int64_t t_ns)
{
	if (t_ns)
		put_line(l, &(struct line){ .t_ns = l->boot->opened_ns, .source = "",
					    .kind = kind, .name = "", .has_value = true,
					    .value = t_ns, .unit = "ns", .is_signed = true });
}

static void hex(const uint8_t *bytes, size_t len, char *to)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*to++ = digits[bytes[i] >> 4];
		*to++ = digits[bytes[i] & 15];
	}
	*to = '\0';
}

static void put_boot(void *form, const struct boot *boot)
{
	struct longcsv *l = form;
	const char *cause = exportform_cause(boot->cause);
	char id[2 * PROTO_BOOT_ID_SIZE + 1] = "";

	l->boot = boot;
	if (boot->has_guest_boot_id)
		hex(boot->guest_boot_id, PROTO_BOOT_ID_SIZE, id);
	boot_value(l, "boot_cause", cause ? cause : "", true, boot->cause, "");
	boot_text(l, "vm_name", l->of.vm->name);
	boot_text(l, "boot_life", boot->life);
	boot_time(l, "boot_closed_ns", boot->closed_ns);
	boot_time(l, "boot_created_ns", boot->created_ns);
	boot_value(l, "boot_generation", "", boot->has_generation, boot->generation, "");
	boot_text(l, "guest_boot_id", id);
	boot_text(l, "kernel", boot->kernel);
	boot_text(l, "agent", boot->agent);
	boot_value(l, "vcpus", "", boot->vcpus, boot->vcpus, "1");
	boot_value(l, "tsc_khz", "", boot->tsc_khz, boot->tsc_khz, "kHz");
	boot_value(l, "reason_namespace", exportform_namespace(boot->reason_namespace),
		   boot->reason_namespace, boot->reason_namespace, "");
}

/* ---- marks, gaps, what is quarantined ---- */

static const char *name_of(enum sample_source source)
{
	return source == SOURCE_GUEST ? "guest" : "host";
}

static void event_value(struct longcsv *l, const struct line *first, const char *kind,
			bool known, uint64_t value, const char *unit)
{
	struct line line = *first;

	if (!known)
		return;
	line.kind = kind;
	line.name = "";
	line.has_id = false;
	line.has_value = true;
	line.value = value;
	line.unit = unit;
	put_line(l, &line);
}

static void event_time(struct longcsv *l, const struct line *first, const char *kind, int64_t t_ns)
{
	struct line line = *first;

	line.is_signed = true;
	event_value(l, &line, kind, true, t_ns, "ns");
}

static void put_mark(struct longcsv *l, struct line *line, const struct mark *mark)
{
	line->kind = "mark";
	line->id = mark->kind;
	line->name = mark->label;
	line->value = mark->t_boot_ns;
	line->unit = "ns";
	put_line(l, line);
	event_value(l, line, "mark_begin", mark->begin, mark->begin, "");
	event_value(l, line, "mark_uid", true, mark->uid, "");
	event_value(l, line, "mark_status", mark->has_status, mark->status, "");
}

static void put_range(struct longcsv *l, struct line *line, const struct range *range, bool is_gap)
{
	line->kind = is_gap ? "gap" : "quarantine";
	line->id = range->cause;
	line->value = range->to;
	put_line(l, line);
	event_time(l, line, is_gap ? "gap_to_ns" : "quarantine_to_ns", range->to_ns);
	event_value(l, line, is_gap ? "gap_samples" : "quarantine_samples", range->count >= 0,
		    range->count, "1");
}

static void put_claim(struct longcsv *l, const struct line *line, const struct sample *claim)
{
	event_value(l, line, "claim_generation", claim->has & SAMPLE_HAS_GENERATION,
		    claim->generation, "");
	event_value(l, line, "claim_exits", claim->has & SAMPLE_HAS_EXITS, claim->exits, "1");
	event_value(l, line, "claim_handling_cycles", claim->has & SAMPLE_HAS_HANDLING,
		    claim->handling_cycles, "cycles");
	event_value(l, line, "claim_away_cycles", claim->has & SAMPLE_HAS_AWAY,
		    claim->away_cycles, "cycles");
	event_value(l, line, "claim_idle_cycles", claim->has & SAMPLE_HAS_AWAY,
		    claim->idle_cycles, "cycles");
}

static void put_event(void *form, const struct exportwalk_at *at, const struct exportevent *event)
{
	struct longcsv *l = form;
	struct line line = {
		.t_ns = event->t_ns,
		.source = name_of(at->source),
		.sequence = event->sequence,
		.name = "",
		.unit = "",
		.has_id = true,
		.has_value = true,
	};

	l->boot = at->boot;
	if (event->kind == EXPORTEVENT_MARK) {
		put_mark(l, &line, &event->mark);
		return;
	}
	put_range(l, &line, &event->range, event->kind == EXPORTEVENT_GAP);
	if (event->kind == EXPORTEVENT_QUARANTINE)
		put_claim(l, &line, &event->claim);
}

/* ---- samples ---- */

static bool has_id(const struct key *key)
{
	return key->kind != KEY_FIELD && key->kind != KEY_WORKLOAD && key->kind != KEY_INTERRUPT &&
	       key->kind != KEY_UNIT;
}

/* What is stored of a sample without being a series; NULL: it stands in another column. */
static const char *kind_of(const struct key *key)
{
	if (key->kind == KEY_FIELD && key->id == FIELD_LISTS)
		return "lists";
	if (key->kind == KEY_FIELD && key->id == FIELD_GAP)
		return "after_gap";
	return key_kind_name(key);
}

static bool is_reason(const struct key *key)
{
	return key->kind >= KEY_REASON_COUNT && key->kind <= KEY_REASON_AWAY;
}

static void add_series_text(struct longcsv *l, const struct key *key)
{
	const char *kind = kind_of(key);
	const char *reason = is_reason(key) ? reason_name(l->boot->reason_namespace, key->id) : NULL;
	char id[DIGITS_MAX + DIGITS_SLACK];

	cells_add(&l->texts, ",", 1);
	cells_add(&l->texts, kind, strlen(kind));
	cells_add(&l->texts, ",", 1);
	if (has_id(key))
		cells_add(&l->texts, id, digits_put(id, key->id) - id);
	cells_add(&l->texts, ",", 1);
	if (reason)
		cells_add_csv(&l->texts, reason, strlen(reason));
	else
		cells_add_csv(&l->texts, key->name, key->name_len);
	cells_add(&l->texts, ",", 1);
}

/* The texts of all series, one behind the other; then where each is. */
static int make_series(struct longcsv *l)
{
	size_t count = l->index.count, at = 0;
	struct series *series = realloc(l->series, (count ? count : 1) * sizeof(*series));

	if (!series)
		return -ENOMEM;
	l->series = series;
	l->texts.len = 0;
	for (size_t i = 0; i < count; i++) {
		const struct key *key = &l->index.keys[i];
		size_t begin = l->texts.len;

		series[i] = (struct series){ 0 };
		if (!kind_of(key))
			continue;
		add_series_text(l, key);
		series[i].len = l->texts.len - begin;
		series[i].unit = key_unit(key);
		series[i].unit_len = strlen(series[i].unit);
	}
	if (l->texts.failed)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		series[i].text = l->texts.buf + at;
		at += series[i].len;
	}
	return 0;
}

static int enter(void *form, const struct exportwalk_at *at)
{
	struct longcsv *l = form;
	int r;

	exportindex_done(&l->index);
	r = exportindex_make(&l->index, at->chunk);
	l->boot = at->boot;
	l->source = at->source;
	l->at = at;
	return r < 0 ? r : make_series(l);
}

/* What stands in another column already, and that there are no lists. */
static bool is_left_out(const struct longcsv *l, const struct exportvalue *v)
{
	const struct key *key = &l->index.keys[v->series];

	return !l->series[v->series].len ||
	       (v->value == 0 && key->kind == KEY_FIELD && key->id == FIELD_LISTS);
}

static void put_row(void *form, uint32_t row)
{
	struct longcsv *l = form;
	const struct exportvalue *v = l->index.values + l->index.begin[row];
	const struct exportvalue *end = l->index.values + l->index.begin[row + 1];
	char prefix[PREFIX_MAX + DIGITS_SLACK];
	size_t len = put_prefix(l, prefix, l->at->t_ns[row], name_of(l->source),
				l->at->sequence[row]) - prefix;

	for (; v < end; v++) {
		const struct series *s = &l->series[v->series];
		char *p;

		if (is_left_out(l, v))
			continue;
		p = cells_room(l->of.out, len + s->len + DIGITS_MAX + s->unit_len + 3);
		if (!p)
			return;
		memcpy(p, prefix, len);
		memcpy(p + len, s->text, s->len);
		p = digits_put(p + len + s->len, v->value);
		*p++ = ',';
		memcpy(p, s->unit, s->unit_len);
		p += s->unit_len;
		*p++ = '\r';
		*p++ = '\n';
		l->of.out->len = p - l->of.out->buf;
	}
}

const struct exportform longcsv = {
	.type = "text/csv; charset=utf-8; header=present",
	.suffix = "long.csv",
	.wants_events = true,
	.begin = begin,
	.end = end,
	.header = header,
	.boot = put_boot,
	.event = put_event,
	.enter = enter,
	.row = put_row,
};
