/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages to stderr, one line each, for a person or for journald.
 *
 * When stderr is the journal ($JOURNAL_STREAM), lines carry a "<N>" syslog
 * prefix; otherwise the program's name and, below notice, the level's name.
 */
#ifndef GUEST_AGENT_SHARED_LOG_H
#define GUEST_AGENT_SHARED_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR = 3, LOG_WARNING = 4, LOG_NOTICE = 5, LOG_INFO = 6, LOG_DEBUG = 7 };

/* @program is kept, not copied. Lines above @max_level are dropped. */
void log_init(const char *program, int max_level);

/* Write one line; @fmt has no newline at its end. */
void log_line(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* @fn gets each line that is written, too, as it is; NULL: nobody does. */
void log_also(void (*fn)(int level, const char *line));

/* Until it is NULL again, @fn gets each line instead of stderr. */
void log_divert(void (*fn)(int level, const char *line));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

/* A budget for lines that a peer can cause. Zero-initialise. */
struct log_limit {
	uint64_t window_s;
	unsigned int lines;
};

/*
 * True if another line may be written: at most five in ten seconds. @now_s is
 * any monotonic clock in seconds.
 */
bool log_limit_ok(struct log_limit *limit, uint64_t now_s);

#endif
