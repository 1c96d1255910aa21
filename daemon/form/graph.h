/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Graphs by gnuplot. The script is constant but for numbers and words of our own; data and the
 * labels of marks go in by file, as numbers and as text that is drawn as it is, so nothing
 * that a guest or a domain is called can be a command to gnuplot. Logging.
 */
#ifndef DAEMON_GRAPH_H
#define DAEMON_GRAPH_H

#include "daemon/form/graphscript.h"

/*
 * Draw @series with the program @gnuplot. Takes up to twenty seconds, so not for a thread that
 * others wait for. Returns 0 with the picture, which is whole and which the caller frees;
 * -ETIMEDOUT, -ENOENT (no such program), -EIO (it failed), -ENOMEM or
 * another -errno.
 */
int graph_draw(const char *gnuplot, const struct graph *graph, const struct series *series,
	       char **ret_data, size_t *ret_size);

void graph_done(struct graph *graph);

/* Its content type. */
const char *graph_type(enum graph_format format);

#endif
