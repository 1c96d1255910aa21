/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/import/csvread.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define BUF 65536

/* What comes next. */
enum state {
	FIELD_BEGIN,			/* of a field that is not the record's first */
	RECORD_BEGIN,
	PLAIN,
	QUOTED,
	QUOTE,				/* behind a quote in a quoted field */
	RETURN,				/* behind a CR */
	RECORD_END,
};

struct csvread {
	csvread_source_fn source;
	void *ctx;
	uint64_t line, bytes;
	const char *error;
	size_t next, len;		/* in buf */
	size_t used;			/* of record */
	size_t count;
	const char *fields[CSVREAD_FIELDS_MAX];
	size_t lens[CSVREAD_FIELDS_MAX];
	char buf[BUF];
	char record[CSVREAD_RECORD_MAX];
};

struct csvread *csvread_new(csvread_source_fn source, void *ctx)
{
	struct csvread *r = malloc(sizeof(*r));

	if (!r)
		return NULL;
	r->source = source;
	r->ctx = ctx;
	r->line = 1;
	r->bytes = 0;
	r->error = "";
	r->next = r->len = 0;
	return r;
}

void csvread_free(struct csvread *reader)
{
	free(reader);
}

const char *csvread_error(const struct csvread *reader)
{
	return reader->error;
}

uint64_t csvread_bytes(const struct csvread *reader)
{
	return reader->bytes;
}

static int refuse(struct csvread *r, const char *error)
{
	r->error = error;
	return -EBADMSG;
}

static void begin_field(struct csvread *r)
{
	r->fields[r->count] = r->record + r->used;
}

static void end_field(struct csvread *r)
{
	r->lens[r->count] = r->record + r->used - r->fields[r->count];
	r->record[r->used++] = '\0';
	r->count++;
}

/* Behind what ends a field: a comma, a CR or a LF. */
static int end_with(struct csvread *r, char c, enum state *state)
{
	end_field(r);
	if (c == ',' && r->count == CSVREAD_FIELDS_MAX)
		return refuse(r, "there are too many fields");
	if (c == ',')
		begin_field(r);
	*state = c == ',' ? FIELD_BEGIN : c == '\r' ? RETURN : RECORD_END;
	return 0;
}

static int take(struct csvread *r, char c, enum state *state)
{
	bool ends = c == ',' || c == '\r' || c == '\n';

	if (c == '\0')
		return refuse(r, "there is a zero byte in it");
	switch (*state) {
	case RECORD_BEGIN:
	case FIELD_BEGIN:
		if (c == '"') {
			*state = QUOTED;
			return 0;
		}
		*state = PLAIN;
		/* Fall through. */
	case PLAIN:
		if (ends)
			return end_with(r, c, state);
		if (c == '"')
			return refuse(r, "there is a quote in a field that does not begin with one");
		break;
	case QUOTED:
		if (c == '"') {
			*state = QUOTE;
			return 0;
		}
		break;
	case QUOTE:
		if (ends)
			return end_with(r, c, state);
		if (c != '"')
			return refuse(r, "there is something behind a field's closing quote");
		*state = QUOTED;
		break;
	default:
		if (c != '\n')
			return refuse(r, "there is a CR that ends no line");
		*state = RECORD_END;
		return 0;
	}
	r->record[r->used++] = c;
	return 0;
}

static int refill(struct csvread *r)
{
	ssize_t n = r->source(r->ctx, r->buf, sizeof(r->buf));

	if (n < 0)
		return n;
	r->next = 0;
	r->len = n;
	r->bytes += n;
	return n > 0;
}

int csvread_next(struct csvread *reader, struct csvread_record *ret_record)
{
	struct csvread *r = reader;
	enum state state = RECORD_BEGIN;
	int e = 0;

	*ret_record = (struct csvread_record){ .line = r->line };
	r->used = r->count = 0;
	begin_field(r);
	while (state != RECORD_END && e == 0) {
		if (r->next == r->len) {
			int n = refill(r);

			if (n < 0)
				return n;
			if (n == 0 && state == RECORD_BEGIN)
				return 0;
			if (n == 0)
				return refuse(r, "it has no end: the file was cut short");
		}
		/* Room for the character and the zero behind the field. */
		if (r->used + 2 > sizeof(r->record))
			return refuse(r, "it is too long");
		r->line += r->buf[r->next] == '\n';
		e = take(r, r->buf[r->next++], &state);
	}
	if (e < 0)
		return e;
	ret_record->count = r->count;
	ret_record->fields = r->fields;
	ret_record->lens = r->lens;
	return 1;
}
