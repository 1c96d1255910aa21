/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/jsonrecent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/form/digits.h"
#include "daemon/form/jsonparts.h"
#include "guest-agent/shared/cleanup.h"

struct lines {
	FILE *file;
	unsigned int points;
	bool any, failed;
};

/* Small rates with three digits, others as integers: a line has no more to show. */
static void put_rate(FILE *file, double rate)
{
	char text[DIGITS_MAX + DIGITS_SLACK];
	char *end = text;

	if (rate < 0)
		fputs("null", file);
	else if (rate < 100 && rate > 0)
		fprintf(file, "%.3g", rate);
	else {
		end = digits_put(text, rate < 1e18 ? (uint64_t)(rate + 0.5) : (uint64_t)1e18);
		fwrite(text, 1, end - text, file);
	}
}

static void put_line(void *ctx, const char *key, enum sample_source source, const double *rates)
{
	struct lines *l = ctx;
	json_t *string = jsonparts_text(key);
	_cleanup_free_ char *id = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;

	json_decref(string);
	if (!id) {
		l->failed = true;
		return;
	}
	fprintf(l->file, "%s%s:{\"source\":\"%s\",\"v\":[", l->any ? "," : "", id,
		jsonparts_source(source));
	for (unsigned int i = 0; i < l->points; i++) {
		if (i)
			putc_unlocked(',', l->file);
		put_rate(l->file, rates[i]);
	}
	fputs("]}", l->file);
	l->any = true;
}

int jsonrecent(struct recent *recent, int64_t to_s, unsigned int step_s, unsigned int points,
	       char **ret_text)
{
	char *text = NULL;
	size_t size;
	struct lines l = { .file = open_memstream(&text, &size), .points = points };

	if (!l.file)
		return -ENOMEM;
	fprintf(l.file, "{\"from\":%lld,\"to\":%lld,\"step\":%u,\"vms\":{",
		(long long)(to_s - (int64_t)step_s * points), (long long)to_s, step_s);
	recent_walk(recent, to_s * 1000000000LL, step_s, points, put_line, &l);
	fputs("}}", l.file);
	l.failed |= ferror(l.file);
	if (fclose(l.file) != 0 || l.failed) {
		free(text);
		return -ENOMEM;
	}
	*ret_text = text;
	return 0;
}
