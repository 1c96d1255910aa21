/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text into HTML and SVG. Non-logging. */
#ifndef DAEMON_HTML_H
#define DAEMON_HTML_H

#include <stdio.h>

/*
 * Write @text so that a browser shows it and takes nothing of it for markup, in an element or
 * in an attribute's quotes: a guest's or anybody's. What is no UTF-8, controls, and characters
 * that change the direction of what follows become '?'.
 */
void html_text(FILE *f, const char *untrusted_text);

/* A sentence of our own, in which a number and its unit ("4.2 s", "37 %") stay on one line. */
void html_sentence(FILE *f, const char *text);

#endif
