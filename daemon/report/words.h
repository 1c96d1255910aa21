/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers as people read them. Non-logging, pure. */
#ifndef DAEMON_WORDS_H
#define DAEMON_WORDS_H

#include <stdbool.h>
#include <stdint.h>

/* Room for any of them. */
#define WORDS_MAX 48

/* Each fills @text and returns it. */

/* 1,234,567 */
const char *words_count(char text[WORDS_MAX], uint64_t count);

/* Three digits at least: 0.012, 1.23, 45.6, 789, 12,345. */
const char *words_number(char text[WORDS_MAX], double value);

/* Of a share, 1 is 100 %: "0.03 %", "4.2 %", "57 %". */
const char *words_share(char text[WORDS_MAX], double share);

/* "80 ms", "4.2 s", "57 s", "2 min 5 s", "3 h 20 min", "2 d 4 h" */
const char *words_seconds(char text[WORDS_MAX], double seconds);

/* An instant, UTC: "2026-11-23 05:00:00"; with tenths of a second if @tenths. */
const char *words_time(char text[WORDS_MAX], double epoch, int tenths);

/*
 * Whether the blank at @blank in @text stands between a number and its unit ("4.2 s", "37 %"),
 * and no line is to end there.
 */
bool words_keeps(const char *text, const char *blank);

#endif
