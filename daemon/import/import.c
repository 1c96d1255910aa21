/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/import/import.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PROGRESS_RECORDS 1024

static const struct importform *const forms[] = { &importlong, &importwide };

#define FORMS (sizeof(forms) / sizeof(forms[0]))

int import_source(struct rebuild *rebuild, const char *name, enum sample_source *ret_source)
{
	bool is_host = strcmp(name, "host") == 0;

	if (!is_host && strcmp(name, "guest") != 0)
		return rebuild_refuse(rebuild, "source '%.40s' is neither 'guest' nor 'host'", name);
	*ret_source = is_host ? SOURCE_HOST : SOURCE_GUEST;
	return 0;
}

/* The form that the header line is one's. */
static int find_form(struct rebuild *rebuild, const struct csvread_record *header,
		     const struct importform **ret_form, void **ret_state)
{
	int r = -ENOENT;

	for (size_t i = 0; i < FORMS && r == -ENOENT; i++) {
		r = forms[i]->begin(rebuild, header, ret_state);
		*ret_form = forms[i];
	}
	if (r == -ENOENT)
		r = rebuild_refuse(rebuild, "this is no header line of vmexit's CSV, wide or long");
	return r;
}

/* Columns that a line lacks, or has too many of. */
static int check_count(struct rebuild *rebuild, const struct csvread_record *record, size_t count)
{
	if (record->count == count)
		return 0;
	return rebuild_refuse(rebuild, "%zu fields, the header line has %zu", record->count, count);
}

static int read_all(struct csvread *reader, struct rebuild *rebuild, import_progress_fn progress,
		    void *ctx, struct csvread_record *record)
{
	const struct importform *form = NULL;
	void *state = NULL;
	size_t count = 0;
	int r;

	for (uint64_t n = 0; (r = csvread_next(reader, record)) > 0; n++) {
		if (n == 0) {
			r = find_form(rebuild, record, &form, &state);
			count = record->count;
		} else {
			r = check_count(rebuild, record, count);
			if (r == 0)
				r = form->record(state, record);
		}
		if (r == 0 && progress && n % PROGRESS_RECORDS == 0)
			r = progress(ctx, csvread_bytes(reader));
		if (r < 0)
			break;
	}
	if (r == 0)
		r = state ? form->end(state) : rebuild_refuse(rebuild, "there is nothing in it");
	if (state)
		form->free(state);
	return r;
}

int import_csv(struct csvread *reader, struct rebuild *rebuild, import_progress_fn progress,
	       void *ctx, char *error, size_t error_size)
{
	struct csvread_record record = { .line = 1 };
	int r = read_all(reader, rebuild, progress, ctx, &record);

	if (r == 0)
		r = rebuild_finish(rebuild);
	else if (r == -EINVAL || r == -EBADMSG)
		snprintf(error, error_size, "line %" PRIu64 ": %s", record.line,
			 r == -EINVAL ? rebuild_error(rebuild) : csvread_error(reader));
	return r == -EBADMSG ? -EINVAL : r;
}
