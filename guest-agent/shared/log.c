/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/shared/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIMIT_WINDOW_S 10
#define LIMIT_LINES 5

static const char *log_program = "vmexit";
static int log_max_level = LOG_NOTICE;
static bool log_to_journal;
static void (*log_listener)(int level, const char *line);
static void (*log_diverted)(int level, const char *line);

/* A child inherits the variable, but may have another stderr: it names device and inode. */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return false;
	snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, own) == 0;
}

void log_init(const char *program, int max_level)
{
	log_program = program;
	log_max_level = max_level;
	log_to_journal = is_journal();
}

void log_also(void (*fn)(int level, const char *line))
{
	log_listener = fn;
}

void log_divert(void (*fn)(int level, const char *line))
{
	log_diverted = fn;
}

void log_line(int level, const char *fmt, ...)
{
	static const char *const names[] = {
		[LOG_ERROR] = "error: ",
		[LOG_WARNING] = "warning: ",
		[LOG_DEBUG] = "debug: ",
	};
	char line[1024];
	va_list ap;

	if (level > log_max_level)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (log_diverted) {
		log_diverted(level, line);
		return;
	}
	/* One call, so that lines of several threads do not mix. */
	if (log_to_journal)
		fprintf(stderr, "<%d>%s\n", level, line);
	else
		fprintf(stderr, "%s: %s%s\n", log_program, names[level] ? names[level] : "", line);
	if (log_listener)
		log_listener(level, line);
}

bool log_limit_ok(struct log_limit *limit, uint64_t now_s)
{
	uint64_t window_s = now_s / LIMIT_WINDOW_S + 1;

	if (limit->window_s != window_s) {
		limit->window_s = window_s;
		limit->lines = 0;
	}
	return limit->lines++ < LIMIT_LINES;
}
