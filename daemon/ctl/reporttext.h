/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A report's JSON as text for a terminal. Non-logging. */
#ifndef DAEMON_CTL_REPORTTEXT_H
#define DAEMON_CTL_REPORTTEXT_H

#include <jansson.h>
#include <stdio.h>

#define REPORTTEXT_WIDTH_MIN 40

/*
 * Write @root, an answer of /report.json, in lines of at most @width columns, but for what does
 * not break. What it lacks is left out. setlocale() has been called.
 */
void reporttext_write(FILE *f, json_t *root, int width);

#endif
