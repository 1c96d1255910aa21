/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The long CSV back: the records of one sample, mark, gap or boot stand together. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/form/cells.h"
#include "daemon/form/exportform.h"
#include "daemon/import/import.h"
#include "daemon/import/numbers.h"

enum { TIME, EPOCH, VM, BOOT, SOURCE, SEQUENCE, KIND, ID, NAME, VALUE, UNIT, FIELDS_COUNT };

static const char *const names[FIELDS_COUNT] = { "time", "epoch", "vm", "boot", "source", "sequence",
						 "kind", "id", "name", "value", "unit" };

/* What is under way. */
enum what { NOTHING, SAMPLE, MARK, GAP, QUARANTINE };

struct long_form {
	struct rebuild *rebuild;
	enum what what;
	enum sample_source source;
	uint64_t sequence;
	int64_t t_ns;
	struct mark mark;
	struct range range;
	struct sample claim;
};

/* A record, taken apart. */
struct line {
	const char *vm, *source, *kind, *name;
	size_t name_len;
	uint32_t boot;
	int64_t t_ns;
	uint64_t sequence;
	bool has_id, has_value;
	uint64_t id, value;		/* the latter may be signed */
};

static void end(void *form)
{
	free(form);
}

static int begin(struct rebuild *rebuild, const struct csvread_record *header, void **ret_form)
{
	struct long_form *f;

	if (header->count != FIELDS_COUNT)
		return -ENOENT;
	for (size_t i = 0; i < FIELDS_COUNT; i++) {
		if (strcmp(header->fields[i], names[i]) != 0)
			return -ENOENT;
	}
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->rebuild = rebuild;
	*ret_form = f;
	return 0;
}

/* "1763874000.123456789", perhaps with a '-'. */
static int parse_epoch(const char *text, size_t len, int64_t *ret_ns)
{
	bool minus = *text == '-';
	uint64_t ns;

	if (numbers_seconds(text + minus, len - minus, &ns) < 0 || ns > (uint64_t)INT64_MAX + minus)
		return -EINVAL;
	*ret_ns = minus ? (int64_t)-ns : (int64_t)ns;
	return 0;
}

static int parse_value(const char *text, size_t len, uint64_t *ret_value)
{
	int64_t value;

	if (*text != '-')
		return numbers_u64(text, len, ret_value);
	if (numbers_s64(text, len, &value) < 0)
		return -EINVAL;
	*ret_value = value;
	return 0;
}

static int parse(struct long_form *f, const struct csvread_record *record, struct line *line)
{
	const char *const *s = record->fields;
	const size_t *len = record->lens;
	size_t vm_len = len[VM];
	uint64_t boot;
	int bad = -1;

	*line = (struct line){ .source = s[SOURCE], .kind = s[KIND], .name_len = len[NAME] };
	line->vm = cells_unguard(s[VM], &vm_len);
	line->name = cells_unguard(s[NAME], &line->name_len);
	line->has_id = len[ID] > 0;
	line->has_value = len[VALUE] > 0;
	if (parse_epoch(s[EPOCH], len[EPOCH], &line->t_ns) < 0)
		bad = EPOCH;
	else if (numbers_u64(s[BOOT], len[BOOT], &boot) < 0)
		bad = BOOT;
	else if (*s[SOURCE] ? numbers_u64(s[SEQUENCE], len[SEQUENCE], &line->sequence) < 0
			    : len[SEQUENCE] > 0)
		bad = SEQUENCE;
	else if (line->has_id && numbers_u64(s[ID], len[ID], &line->id) < 0)
		bad = ID;
	else if (line->has_value && parse_value(s[VALUE], len[VALUE], &line->value) < 0)
		bad = VALUE;
	if (bad >= 0)
		return rebuild_refuse(f->rebuild, "%s '%.40s' is not such a number", names[bad], s[bad]);
	return rebuild_u32(f->rebuild, "boot", boot, &line->boot);
}

/* What was under way is whole. */
static int finish(void *form)
{
	struct long_form *f = form;
	enum what what = f->what;

	f->what = NOTHING;
	switch (what) {
	case SAMPLE:
		return rebuild_end(f->rebuild);
	case MARK:
		return rebuild_mark(f->rebuild, &f->mark);
	case GAP:
	case QUARANTINE:
		return rebuild_range(f->rebuild, what == GAP ? RANGE_GAP : RANGE_QUARANTINE,
				     f->source, &f->range, &f->claim);
	default:
		return 0;
	}
}

/* ---- of a boot ---- */

static int begin_boot(struct long_form *f, const struct line *line)
{
	struct rebuild_boot boot = {
		.vm = line->vm,
		.number = line->boot,
		.opened_ns = line->t_ns,
		.cause = line->value,
	};

	if (!line->has_value || line->value > INT32_MAX)
		return rebuild_refuse(f->rebuild, "boot_cause has no such value");
	return rebuild_begin(f->rebuild, &boot);
}

static int set_guest_boot_id(struct long_form *f, const struct line *line)
{
	struct boot *boot = rebuild_current(f->rebuild);

	if (line->name_len != 2 * PROTO_BOOT_ID_SIZE ||
	    strspn(line->name, "0123456789abcdef") != line->name_len)
		return rebuild_refuse(f->rebuild, "guest_boot_id '%.40s' is none", line->name);
	for (size_t i = 0; i < PROTO_BOOT_ID_SIZE; i++) {
		char digits[3] = { line->name[2 * i], line->name[2 * i + 1] };

		boot->guest_boot_id[i] = strtoul(digits, NULL, 16);
	}
	boot->has_guest_boot_id = true;
	return 0;
}

/* A text of a boot or its VM: -ENOENT if @line is none of these. */
static int set_boot_text(struct long_form *f, const struct line *line)
{
	struct boot *boot = rebuild_current(f->rebuild);
	struct vm *vm = rebuild_vm(f->rebuild);
	const struct {
		const char *kind;
		char *to;
		size_t size;
	} texts[] = {
		{ "vm_name", vm->name, sizeof(vm->name) },
		{ "boot_life", boot->life, sizeof(boot->life) },
		{ "kernel", boot->kernel, sizeof(boot->kernel) },
		{ "agent", boot->agent, sizeof(boot->agent) },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcmp(texts[i].kind, line->kind) != 0)
			continue;
		vm->dirty |= i == 0;
		return rebuild_text(f->rebuild, line->kind, line->name, texts[i].to, texts[i].size);
	}
	return strcmp(line->kind, "guest_boot_id") == 0 ? set_guest_boot_id(f, line) : -ENOENT;
}

static int set_boot_value(struct long_form *f, const struct line *line)
{
	struct boot *boot = rebuild_current(f->rebuild);
	const char *kind = line->kind;

	if (!line->has_value)
		return rebuild_refuse(f->rebuild, "%.40s has no value", kind);
	if (strcmp(kind, "vcpus") == 0)
		return rebuild_u32(f->rebuild, kind, line->value, &boot->vcpus);
	if (strcmp(kind, "tsc_khz") == 0)
		return rebuild_u32(f->rebuild, kind, line->value, &boot->tsc_khz);
	if (strcmp(kind, "reason_namespace") == 0)
		return rebuild_u32(f->rebuild, kind, line->value, &boot->reason_namespace);
	if (strcmp(kind, "boot_closed_ns") == 0)
		boot->closed_ns = line->value;
	else if (strcmp(kind, "boot_created_ns") == 0)
		boot->created_ns = line->value;
	else if (strcmp(kind, "boot_generation") == 0)
		boot->generation = line->value;
	else
		return rebuild_refuse(f->rebuild, "kind '%.40s' of a boot is not known", kind);
	boot->has_generation |= strcmp(kind, "boot_generation") == 0;
	return 0;
}

static int take_boot(struct long_form *f, const struct line *line)
{
	int r;

	if (strcmp(line->kind, "boot_cause") == 0)
		return begin_boot(f, line);
	if (!rebuild_is_current(f->rebuild, line->vm, line->boot))
		return rebuild_refuse(f->rebuild, "a boot begins with its boot_cause");
	r = set_boot_text(f, line);
	if (r == -ENOENT)
		r = set_boot_value(f, line);
	if (r == 0)
		rebuild_changed(f->rebuild);
	return r;
}

/* ---- marks, gaps, what is quarantined ---- */

static int begin_event(struct long_form *f, const struct line *line, enum what what)
{
	f->what = what;
	if (!line->has_id || line->id > INT32_MAX || !line->has_value)
		return rebuild_refuse(f->rebuild, "%s needs an id and a value", line->kind);
	if (what != GAP && f->source != SOURCE_GUEST)
		return rebuild_refuse(f->rebuild, "%s is of a guest only", line->kind);
	f->claim = (struct sample){ 0 };
	f->range = (struct range){ .from = line->sequence, .from_ns = line->t_ns,
				   .to = line->value, .to_ns = line->t_ns, .count = -1,
				   .cause = line->id };
	f->mark = (struct mark){ .sequence = line->sequence, .t_ns = line->t_ns,
				 .t_boot_ns = line->value, .kind = line->id };
	return what != MARK ? 0
			    : rebuild_text(f->rebuild, "a label", line->name, f->mark.label,
					   sizeof(f->mark.label));
}

static int set_claim(struct long_form *f, const char *kind, uint64_t value)
{
	static const struct {
		const char *kind;
		uint32_t has;
		size_t offset;
	} claims[] = {
		{ "claim_generation", SAMPLE_HAS_GENERATION, offsetof(struct sample, generation) },
		{ "claim_exits", SAMPLE_HAS_EXITS, offsetof(struct sample, exits) },
		{ "claim_handling_cycles", SAMPLE_HAS_HANDLING,
		  offsetof(struct sample, handling_cycles) },
		{ "claim_away_cycles", SAMPLE_HAS_AWAY, offsetof(struct sample, away_cycles) },
		{ "claim_idle_cycles", SAMPLE_HAS_AWAY, offsetof(struct sample, idle_cycles) },
	};

	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		if (strcmp(claims[i].kind, kind) != 0)
			continue;
		f->claim.has |= claims[i].has;
		memcpy((char *)&f->claim + claims[i].offset, &value, sizeof(value));
		return 0;
	}
	return -ENOENT;
}

/* More of what is under way: -ENOENT if it is none of that. */
static int add_to_event(struct long_form *f, const struct line *line)
{
	const char *prefix = f->what == GAP ? "gap_" : "quarantine_";
	const char *kind = line->kind;

	if (f->what == MARK && strcmp(kind, "mark_begin") == 0) {
		f->mark.begin = line->value;
		return 0;
	}
	if (f->what == MARK && strcmp(kind, "mark_uid") == 0)
		return rebuild_u32(f->rebuild, kind, line->value, &f->mark.uid);
	if (f->what == MARK && strcmp(kind, "mark_status") == 0) {
		f->mark.has_status = true;
		return rebuild_u32(f->rebuild, kind, line->value, &f->mark.status);
	}
	if (f->what == MARK)
		return -ENOENT;
	if (strncmp(kind, prefix, strlen(prefix)) == 0) {
		kind += strlen(prefix);
		if (strcmp(kind, "to_ns") == 0)
			f->range.to_ns = line->value;
		else if (strcmp(kind, "samples") == 0)
			f->range.count = line->value;
		else
			return -ENOENT;
		return 0;
	}
	return f->what == QUARANTINE ? set_claim(f, kind, line->value) : -ENOENT;
}

/* ---- samples ---- */

static int key_of(struct long_form *f, const struct line *line, struct key *ret_key)
{
	bool any;

	if (strcmp(line->kind, "lists") == 0 || strcmp(line->kind, "after_gap") == 0) {
		*ret_key = (struct key){ .kind = KEY_FIELD, .id = *line->kind == 'l' ? FIELD_LISTS
										      : FIELD_GAP };
		return 0;
	}
	if (key_kind_parse(line->kind, ret_key, &any) < 0)
		return rebuild_refuse(f->rebuild, "kind '%.40s' is not known", line->kind);
	if (!any)
		return 0;
	if (line->id > UINT32_MAX)
		return rebuild_refuse(f->rebuild, "id is out of range");
	ret_key->id = line->id;
	/* A reason's name is there for people. */
	if (ret_key->kind < KEY_INTERRUPT)
		return 0;
	if (line->name_len > DETAIL_NAME_MAX)
		return rebuild_refuse(f->rebuild, "a name is longer than %d bytes", DETAIL_NAME_MAX);
	ret_key->name = line->name;
	ret_key->name_len = line->name_len;
	return 0;
}

static int add_value(struct long_form *f, const struct line *line)
{
	struct key key;
	int r;

	if (!line->has_value)
		return rebuild_refuse(f->rebuild, "%.40s has no value", line->kind);
	r = key_of(f, line, &key);
	return r < 0 ? r : rebuild_value(f->rebuild, &key, line->value);
}

static enum what event_of(const char *kind)
{
	return strcmp(kind, "mark") == 0	 ? MARK
	       : strcmp(kind, "gap") == 0	 ? GAP
	       : strcmp(kind, "quarantine") == 0 ? QUARANTINE
						 : NOTHING;
}

/* The first record of a sample, mark, gap or quarantine. */
static int begin_one(struct long_form *f, const struct line *line)
{
	enum what event = event_of(line->kind);
	int r = finish(f);

	if (r == 0 && !rebuild_is_current(f->rebuild, line->vm, line->boot))
		r = rebuild_refuse(f->rebuild, "a boot begins with its boot_cause");
	if (r == 0)
		r = import_source(f->rebuild, line->source, &f->source);
	if (r < 0)
		return r;
	f->sequence = line->sequence;
	f->t_ns = line->t_ns;
	if (event != NOTHING)
		return begin_event(f, line, event);
	r = rebuild_sample(f->rebuild, f->source, line->sequence, line->t_ns);
	if (r == 0)
		f->what = SAMPLE;
	return r < 0 ? r : add_value(f, line);
}

static bool goes_on(const struct long_form *f, const struct line *line)
{
	return f->what != NOTHING && f->sequence == line->sequence && f->t_ns == line->t_ns &&
	       rebuild_is_current(f->rebuild, line->vm, line->boot) &&
	       strcmp(line->source, f->source == SOURCE_HOST ? "host" : "guest") == 0 &&
	       event_of(line->kind) == NOTHING;
}

static int record_of(void *form, const struct csvread_record *record)
{
	struct long_form *f = form;
	struct line line;
	int r = parse(f, record, &line);

	if (r < 0)
		return r;
	if (!*line.source) {
		r = finish(f);
		return r < 0 ? r : take_boot(f, &line);
	}
	if (!goes_on(f, &line))
		return begin_one(f, &line);
	if (f->what == SAMPLE)
		return add_value(f, &line);
	if (!line.has_value)
		return rebuild_refuse(f->rebuild, "%.40s has no value", line.kind);
	r = add_to_event(f, &line);
	if (r == -ENOENT)
		r = rebuild_refuse(f->rebuild, "kind '%.40s' has no place here", line.kind);
	return r;
}

const struct importform importlong = {
	.begin = begin,
	.record = record_of,
	.end = finish,
	.free = end,
};
