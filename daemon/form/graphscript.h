/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What gnuplot is told, and the data that it reads: files 3 and 4 of its process. For graph.c.
 * Non-logging.
 */
#ifndef DAEMON_GRAPHSCRIPT_H
#define DAEMON_GRAPHSCRIPT_H

#include <stdio.h>

#include "daemon/form/graph.h"
#include "daemon/form/graphstack.h"

/* So many curves are drawn as lines. */
#define GRAPHSCRIPT_CURVES_MAX 64

struct graphscript {
	const struct graph *graph;
	const struct series *series;
	const struct graphstack *stack;		/* of graph->stacked, else NULL */
};

void graphscript_script(FILE *f, const struct graphscript *g);
void graphscript_data(FILE *f, const struct graphscript *g);

#endif
