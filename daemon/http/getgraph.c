/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/apicurves.h"

#include <string.h>

#define GRAPH_WIDTH_DEFAULT 960
#define GRAPH_HEIGHT_DEFAULT 400

static void get_graph(struct apipart *c, enum graph_format format)
{
	struct answer *answer = c->answer;
	struct graph *g = &answer->graph;
	const char *theme = params_get(c->params, "theme");
	struct apicurves s;

	if (!apipart_known(c, "boot from to points source kind reason vcpu mode width height theme"))
		return;
	g->width = GRAPH_WIDTH_DEFAULT;
	g->height = GRAPH_HEIGHT_DEFAULT;
	if (params_uint(c->params, "width", GRAPH_SIZE_MIN, GRAPH_SIZE_MAX, &g->width) < 0 ||
	    params_uint(c->params, "height", GRAPH_SIZE_MIN, GRAPH_SIZE_MAX, &g->height) < 0) {
		answer_fail(answer, 400, "%s", c->params->error);
		return;
	}
	if (theme && strcmp(theme, "light") != 0 && strcmp(theme, "dark") != 0) {
		answer_fail(answer, 400, "theme = '%.40s' is neither 'light' nor 'dark'", theme);
		return;
	}
	if (!apicurves_select(c, 1, &s) || !apicurves_read(c, &s))
		return;
	g->format = format;
	g->dark = theme && *theme == 'd';
	g->key = s.selection.wants[0].key;
	g->cumulative = s.selection.options.cumulative;
	g->since_boot = s.boot.number != 0;
	g->origin = s.boot.opened_ns / 1e9;
	answer->series = s.series;
	answer->status = 200;
	answer->kind = ANSWER_GRAPH;
	answer->type = format == GRAPH_SVG ? "image/svg+xml" : "image/png";
}

void get_svg(struct apipart *c)
{
	get_graph(c, GRAPH_SVG);
}

void get_png(struct apipart *c)
{
	get_graph(c, GRAPH_PNG);
}
