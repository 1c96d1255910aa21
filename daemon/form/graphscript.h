/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a graph is, what gnuplot is told of it, and the data that it reads: files 3 and 4 of its
 * process. For graph.c. Non-logging.
 */
#ifndef DAEMON_GRAPHSCRIPT_H
#define DAEMON_GRAPHSCRIPT_H

#include <stdio.h>

#include "daemon/form/graphstack.h"

#define GRAPH_SIZE_MIN 200
#define GRAPH_SIZE_MAX 4000
#define GRAPH_BANDS_MAX 8
#define GRAPH_MARKS_MAX 24

enum graph_format { GRAPH_SVG, GRAPH_PNG, GRAPH_PDF };

/* A stretch of the time axis that has a name. */
struct graph_band {
	double from, to;		/* seconds since the epoch */
	const char *name;		/* a constant of ours, without quotes */
};

struct graph_mark {
	double t;
	char untrusted_label[PROTO_LABEL_MAX + 1];
};

struct graph {
	enum graph_format format;
	unsigned int width, height;	/* pixels, GRAPH_SIZE_MIN to GRAPH_SIZE_MAX */
	bool dark;
	struct key key;			/* of one curve: what all are of, by kind.h */
	bool cumulative;
	bool stacked;			/* areas upon each other: the largest few, and the others */
	bool logarithmic;		/* y axis; not of what is stacked */
	double origin;			/* t = 0, seconds since the epoch */
	bool since_boot;		/* else the x axis shows the time of day */
	struct graph_band bands[GRAPH_BANDS_MAX];
	size_t bands_count;
	struct graph_mark *marks;	/* GRAPH_MARKS_MAX at most; graph_done() frees them */
	size_t marks_count;
};

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
