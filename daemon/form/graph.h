/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Graphs by gnuplot. The script is constant but for numbers and words of our own; data and the
 * labels of marks go in by file, as numbers and as text that is drawn as it is, so nothing
 * that a guest or a domain is called can be a command to gnuplot. Logging.
 */
#ifndef DAEMON_GRAPH_H
#define DAEMON_GRAPH_H

#include "daemon/query/series.h"

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

/*
 * Draw @series with the program @gnuplot. Takes up to twenty seconds, so not for a thread that
 * others wait for. Returns 0 with the picture, which is whole and which the caller frees;
 * -ETIMEDOUT, -ENOENT (no such program), -EIO (it failed) or -ENOMEM.
 */
int graph_draw(const char *gnuplot, const struct graph *graph, const struct series *series,
	       char **ret_data, size_t *ret_size);

void graph_done(struct graph *graph);

/* Its content type, and what a file's name ends in. */
const char *graph_type(enum graph_format format);
const char *graph_suffix(enum graph_format format);

#endif
