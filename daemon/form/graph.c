/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/graph.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/form/gnuplot.h"
#include "daemon/form/graphscript.h"
#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

static int make_script(const struct graphscript *g, char **ret_text, size_t *ret_len)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return -ENOMEM;
	graphscript_script(f, g);
	if (fclose(f) != 0) {
		free(text);
		return -ENOMEM;
	}
	*ret_text = text;
	*ret_len = len;
	return 0;
}

static int make_data(const struct graphscript *g)
{
	int fd = memfd_create("data", MFD_CLOEXEC);
	FILE *f;
	int copy;

	if (fd < 0)
		return -errno;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	f = copy >= 0 ? fdopen(copy, "w") : NULL;
	if (!f) {
		if (copy >= 0)
			close(copy);
		close(fd);
		return -ENOMEM;
	}
	graphscript_data(f, g);
	if (fclose(f) != 0) {
		close(fd);
		return -ENOMEM;
	}
	return fd;
}

/* Whether it has an end, as a picture that was cut short has not. */
static bool is_whole(enum graph_format format, const char *data, size_t size)
{
	static const char *const ends[] = {
		[GRAPH_SVG] = "</svg>", [GRAPH_PNG] = "IEND", [GRAPH_PDF] = "%%EOF",
	};
	size_t last = size < 64 ? size : 64;

	return memmem(data + size - last, last, ends[format], strlen(ends[format]));
}

static int draw(const char *gnuplot, const struct graphscript *g, char **ret_data, size_t *ret_size)
{
	_cleanup_close_ int data = make_data(g);
	_cleanup_free_ char *script = NULL;
	char *picture = NULL;
	size_t len, size = 0;
	int r = data < 0 ? -ENOMEM : make_script(g, &script, &len);

	if (r == 0)
		r = gnuplot_run(gnuplot, script, len, data, &picture, &size);
	if (r == 0 && !is_whole(g->graph->format, picture, size)) {
		free(picture);
		r = -EIO;
	}
	if (r < 0) {
		log_warning("'%s' drew no graph: %s", gnuplot,
			    r == -ETIMEDOUT ? "it took too long" : strerror(-r));
		return r;
	}
	*ret_data = picture;
	*ret_size = size;
	return 0;
}

int graph_draw(const char *gnuplot, const struct graph *graph, const struct series *series,
	       char **ret_data, size_t *ret_size)
{
	struct graphscript g = { .graph = graph, .series = series };
	struct graphstack stack;
	int r = 0;

	if (graph->stacked) {
		r = graphstack_make(series, &stack);
		if (r < 0)
			return r;
		g.stack = &stack;
	}
	r = draw(gnuplot, &g, ret_data, ret_size);
	if (g.stack)
		graphstack_done(&stack);
	return r;
}

void graph_done(struct graph *graph)
{
	free(graph->marks);
	graph->marks = NULL;
	graph->marks_count = 0;
}

const char *graph_type(enum graph_format format)
{
	return format == GRAPH_SVG ? "image/svg+xml" : format == GRAPH_PNG ? "image/png" : "application/pdf";
}
