/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/apicurves.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/query/bootphase.h"
#include "daemon/query/eventquery.h"

#define WIDTH_DEFAULT 960
#define HEIGHT_DEFAULT 400

_Static_assert((int)BOOTPHASE_MAX <= (int)GRAPH_BANDS_MAX, "a boot's phases fit into its graph");

/* Whether @key is "yes". False: answered already. */
static bool parse_yes(struct apipart *c, const char *key, bool *ret_yes)
{
	const char *text = params_get(c->params, key);

	*ret_yes = text && strcmp(text, "yes") == 0;
	if (!text || *ret_yes || strcmp(text, "no") == 0)
		return true;
	answer_fail(c->answer, 400, "%s = '%.40s' is neither 'yes' nor 'no'", key, text);
	return false;
}

/* False: answered already. */
static bool parse_looks(struct apipart *c, struct graph *g, bool *ret_marks)
{
	const char *theme = params_get(c->params, "theme");

	g->width = WIDTH_DEFAULT;
	g->height = HEIGHT_DEFAULT;
	if (params_uint(c->params, "width", GRAPH_SIZE_MIN, GRAPH_SIZE_MAX, &g->width) < 0 ||
	    params_uint(c->params, "height", GRAPH_SIZE_MIN, GRAPH_SIZE_MAX, &g->height) < 0) {
		answer_fail(c->answer, 400, "%s", c->params->error);
		return false;
	}
	if (theme && strcmp(theme, "light") != 0 && strcmp(theme, "dark") != 0) {
		answer_fail(c->answer, 400, "theme = '%.40s' is neither 'light' nor 'dark'", theme);
		return false;
	}
	g->dark = theme && *theme == 'd';
	if (!parse_yes(c, "stacked", &g->stacked) || !parse_yes(c, "log", &g->logarithmic) ||
	    !parse_yes(c, "marks", ret_marks))
		return false;
	if (!g->stacked || !g->logarithmic)
		return true;
	answer_fail(c->answer, 400, "areas upon each other have no meaning on a logarithmic axis: "
				    "stacked or log, not both");
	return false;
}

/* The instants and begins of a boot's marks, the latest of them. */
static int add_mark(void *ctx, const struct mark *mark)
{
	struct graph *g = ctx;
	struct graph_mark *m;

	if (mark->kind != PROTO_MARK_INSTANT && mark->kind != PROTO_MARK_BEGIN)
		return 0;
	if (g->marks_count == GRAPH_MARKS_MAX)
		memmove(g->marks, g->marks + 1, --g->marks_count * sizeof(*g->marks));
	m = &g->marks[g->marks_count++];
	m->t = mark->t_ns / 1e9;
	snprintf(m->untrusted_label, sizeof(m->untrusted_label), "%s", mark->label);
	return 0;
}

/* False: answered already. */
static bool read_marks(struct apipart *c, const struct apicurves *s, struct graph *g)
{
	int r;

	if (!s->boot.number) {
		answer_fail(c->answer, 400, "marks are drawn in the graph of one boot: name it");
		return false;
	}
	g->marks = calloc(GRAPH_MARKS_MAX, sizeof(*g->marks));
	r = g->marks ? eventquery_marks(c->query, &s->boot, &s->filter, add_mark, g) : -ENOMEM;
	if (r < 0)
		apipart_fail_reading(c, r);
	return r == 0;
}

/* A boot of which nobody told the phases has none. False: answered already. */
static bool read_phases(struct apipart *c, const struct boot *boot, struct graph *g)
{
	struct bootphases phases;
	int r = bootphase_read(c->query, boot, &phases);

	if (r < 0) {
		apipart_fail_reading(c, r);
		return false;
	}
	for (size_t i = 0; i < phases.count && phases.count > 1; i++) {
		g->bands[i].from = phases.at[i].from_ns / 1e9;
		g->bands[i].to = i + 1 < phases.count ? phases.at[i + 1].from_ns / 1e9 : INFINITY;
		g->bands[i].name = bootphase_name(phases.at[i].name);
		g->bands_count++;
	}
	return true;
}

/* Areas are of one source: the guest's own where it has them. False: answered already. */
static bool read_stacked(struct apipart *c, struct apicurves *s)
{
	struct query_filter filter = s->filter;

	for (int source = 0; source < SOURCES; source++) {
		if (filter.sources && !(filter.sources & 1 << source))
			continue;
		s->filter.sources = 1 << source;
		if (!apicurves_read(c, s))
			return false;
		if (s->series)
			return true;
	}
	return true;
}

static void get_graph(struct apipart *c, enum graph_format format)
{
	struct answer *answer = c->answer;
	struct graph g = { .format = format };
	struct apicurves s;
	bool marks;

	if (!apipart_known(c, "boot from to points source kind reason vcpu mode width height theme "
			      "stacked log marks") ||
	    !parse_looks(c, &g, &marks) || !apicurves_select(c, 1, &s) ||
	    !(g.stacked ? read_stacked(c, &s) : apicurves_read(c, &s)))
		return;
	answer->series = s.series;
	if ((s.boot.number && !read_phases(c, &s.boot, &g)) || (marks && !read_marks(c, &s, &g))) {
		graph_done(&g);
		return;
	}
	g.key = s.selection.wants[0].key;
	g.cumulative = s.selection.options.cumulative;
	g.since_boot = s.boot.number != 0;
	g.origin = s.boot.opened_ns / 1e9;
	answer->graph = g;
	answer->status = 200;
	answer->kind = ANSWER_GRAPH;
	answer->type = graph_type(format);
}

void get_svg(struct apipart *c)
{
	get_graph(c, GRAPH_SVG);
}

void get_png(struct apipart *c)
{
	get_graph(c, GRAPH_PNG);
}

void get_pdf(struct apipart *c)
{
	get_graph(c, GRAPH_PDF);
}
