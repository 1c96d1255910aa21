/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a report says, in sentences. No text of a guest or of libvirt is in them. Non-logging,
 * pure.
 */
#ifndef DAEMON_STORY_H
#define DAEMON_STORY_H

#include "daemon/report/reportdata.h"

#define STORY_MAX 800
#define STORY_LIMITS_MAX 12

/* The whole of it, in a few sentences. */
void story_summary(const struct report *report, char text[STORY_MAX]);

/* How steady the rate was, and what the figures mean. */
void story_stability(const struct report *report, char text[STORY_MAX]);

/* What limits what can be said, a line each; returns how many. */
size_t story_limits(const struct report *report, char texts[STORY_LIMITS_MAX][STORY_MAX]);

const char *story_stability_word(enum report_stability stability);

/* The name of a reason, or "reason N". */
#define STORY_NAME_MAX 64
const char *story_reason(char text[STORY_NAME_MAX], uint32_t namespace, uint32_t number);

#endif
