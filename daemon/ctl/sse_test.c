/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/sse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest-agent/shared/tap.h"

static char seen[4096];
static size_t biggest;

static void note(void *ctx, const char *name, const char *data)
{
	size_t len = strlen(seen);

	(void)ctx;
	if (strlen(data) > biggest)
		biggest = strlen(data);
	(void)snprintf(seen + len, sizeof(seen) - len, "%s=%.40s;", name, data);
}

/* The events of @text, fed in pieces of @step bytes. */
static const char *events(const char *text, size_t step)
{
	struct sse sse = { .fn = note };
	size_t len = strlen(text);

	*seen = '\0';
	for (size_t i = 0; i < len; i += step) {
		if (sse_feed(&sse, text + i, len - i < step ? len - i : step) < 0)
			return "failed";
	}
	sse_done(&sse);
	return seen;
}

static bool is(const char *text, const char *wanted)
{
	for (size_t step = 1; step < 12; step++) {
		if (strcmp(events(text, step), wanted) != 0) {
			printf("# in pieces of %zu: '%s'\n", step, seen);
			return false;
		}
	}
	return true;
}

static void test_long(void)
{
	struct sse sse = { .fn = note };
	size_t len = SSE_DATA_MAX + 5000;
	char *line = malloc(len);

	memset(line, 'x', len);
	memcpy(line, "data: ", 6);
	*seen = '\0';
	(void)sse_feed(&sse, line, len);
	(void)sse_feed(&sse, "\n\ndata: next\n\n", 14);
	ok(strcmp(seen, "message=next;") == 0 && sse.dropped == 1, "an endless line is dropped, and counted");
	*seen = '\0';
	for (int i = 0; i < 300; i++) {
		(void)sse_feed(&sse, line, 5000);
		(void)sse_feed(&sse, "\n", 1);
	}
	(void)sse_feed(&sse, "\ndata: next\n\n", 13);
	ok(strcmp(seen, "message=next;") == 0 && sse.dropped == 2, "and endless lines");
	ok(sse.line_size + sse.data_size <= 6u * SSE_DATA_MAX, "and take no more room than that");
	(void)sse_feed(&sse, "data: lost", 10);
	sse_reset(&sse);
	*seen = '\0';
	(void)sse_feed(&sse, "data: kept\n\n", 12);
	ok(strcmp(seen, "message=kept;") == 0, "another stream begins anew");
	sse_done(&sse);
	free(line);
}

int main(void)
{
	ok(is("event: sample\ndata: {}\n\n", "sample={};"), "an event");
	ok(is("retry: 2000\nid: 5\nevent: a\ndata: 1\n\n:\n\nevent: b\ndata: 2\n\n", "a=1;b=2;"), "others, among what is none");
	ok(is("data: 1\ndata: 2\n\n", "message=1\n2;"), "lines of data");
	ok(is("data: 1\r\n\r\ndata:2\r\rdata\n\n", "message=1;message=2;message=;"), "all line ends");
	ok(is("event: a\n\ndata: 1\n\n", "message=1;"), "without data it is none");
	ok(is("data: 1\n", ""), "nor without an end");
	ok(is("database: 1\ndata x\n\n", ""), "another field");
	ok(is("event: 0123456789012345678901234567890123456789\ndata: 1\n\n", "0123456789012345678901234567890=1;"), "a long name is cut");
	test_long();
	return done_testing();
}
