/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Graphs by gnuplot. The script is constant but for numbers and words of our own;
 * data goes in by file, so no text of a guest or a domain reaches gnuplot.
 * Logging.
 */
#ifndef DAEMON_GRAPH_H
#define DAEMON_GRAPH_H

#include "daemon/query/series.h"

#define GRAPH_SIZE_MIN 200
#define GRAPH_SIZE_MAX 4000

enum graph_format { GRAPH_SVG, GRAPH_PNG };

struct graph {
	enum graph_format format;
	unsigned int width, height;	/* pixels, GRAPH_SIZE_MIN to GRAPH_SIZE_MAX */
	bool dark;
	struct key key;			/* of one curve: what all are of, by kind.h */
	bool cumulative;
	double origin;			/* t = 0, seconds since the epoch */
	bool since_boot;		/* else the x axis shows the time of day */
};

/*
 * Draw @series with the program @gnuplot. Takes up to ten seconds, so not for a
 * thread that others wait for. Returns 0 with the picture, which the caller
 * frees; -ETIMEDOUT, -ENOENT (no such program), -EIO (it failed) or -ENOMEM.
 */
int graph_draw(const char *gnuplot, const struct graph *graph, const struct series *series,
	       char **ret_data, size_t *ret_size);

#endif
