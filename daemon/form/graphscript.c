/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/graphscript.h"

#include <string.h>

#include "guest-agent/shared/reason.h"

#define DATA "'/proc/self/fd/4'"

/* Of the key beside the graph or above it. */
#define KEYS_ABOVE 3

#define MARK_ROWS 4

/* Pixels of a PDF's size to inches, as a browser takes them. */
#define PIXELS_PER_INCH 96.0

struct theme {
	const char *background, *text, *grid, *band, *mark, *guest, *host, *others;
	const char *palette[GRAPHSTACK_LAYERS];
};

/* The page's colours. */
static const struct theme light = {
	"#ffffff", "#333a45", "#d9dde3", "#eef2f7", "#5a6674", "#0b62c4", "#c2540a", "#9aa5b1",
	{ "#2166c2", "#d9730d", "#1b8a5a", "#8452cf", "#c23b78", "#a88600", "#0c8ca6", "#7d5a3c" },
};
static const struct theme dark = {
	"#14171c", "#c9d1db", "#333a45", "#1c222b", "#98a5b4", "#5fa8ff", "#ff9d52", "#6b7685",
	{ "#6ea8ff", "#ffa657", "#4cc38a", "#b794f6", "#f28cb8", "#e3c341", "#4fc9e0", "#c9a184" },
};

static const char *const dashes[] = { "1", "(8,4)", "(2,3)", "(10,3,2,3)", "(5,2,1,2,1,2)" };

#define DASHES (sizeof(dashes) / sizeof(dashes[0]))

static const struct theme *theme_of(const struct graphscript *g)
{
	return g->graph->dark ? &dark : &light;
}

/* A share of vCPUs' time, in the graph as per cent. */
static bool is_share(const struct graph *g)
{
	return kind_is_share(&g->key) && !g->cumulative;
}

static const char *y_label(const struct graph *g)
{
	const char *name = kind_name(&g->key);

	if (!is_share(g))
		return kind_unit(&g->key, g->cumulative);
	return strcmp(name, "handling") == 0 ? "share of vCPU time handling exits, %"
	       : strcmp(name, "away") == 0   ? "share of vCPU time away from the guest, %"
					     : "share of vCPU time idle, %";
}

static void write_terminal(FILE *f, const struct graphscript *g)
{
	const struct graph *graph = g->graph;
	const char *background = theme_of(g)->background;

	switch (graph->format) {
	case GRAPH_SVG:
		fprintf(f, "set terminal svg size %u,%u font 'sans-serif,13' background rgb '%s'\n",
			graph->width, graph->height, background);
		break;
	case GRAPH_PNG:
		fprintf(f, "set terminal pngcairo size %u,%u font 'sans,10' background rgb '%s'\n",
			graph->width, graph->height, background);
		break;
	case GRAPH_PDF:
		fprintf(f, "set terminal pdfcairo size %.3fin,%.3fin font 'sans,10' background rgb '%s'\n",
			graph->width / PIXELS_PER_INCH, graph->height / PIXELS_PER_INCH, background);
		break;
	}
}

static size_t curves(const struct graphscript *g)
{
	size_t n = 0;

	if (g->stack)
		return g->stack->layers + (g->stack->others > 0);
	for (const struct series *s = g->series; s && n < GRAPHSCRIPT_CURVES_MAX; s = s->next)
		n++;
	return n;
}

static void write_key(FILE *f, const struct graphscript *g)
{
	const char *text = theme_of(g)->text;

	if (g->stack)
		fprintf(f, "set key outside right top vertical reverse Left invert textcolor rgb '%s'\n",
			text);
	else if (curves(g) > KEYS_ABOVE)
		fprintf(f, "set key outside right top vertical reverse Left textcolor rgb '%s'\n", text);
	else
		fprintf(f, "set key outside top right horizontal reverse Left textcolor rgb '%s'\n", text);
}

/* A time on the x axis, as it stands in script and data. */
static double x_of(const struct graph *g, double t)
{
	return g->since_boot ? t - g->origin : t;
}

/* First begin and last end of what is drawn. */
static void extent(const struct graphscript *g, double *ret_from, double *ret_to)
{
	double from = 0, to = 0;
	bool any = false;

	for (const struct series *s = g->series; s; s = s->next) {
		if (!s->count)
			continue;
		if (!any || s->t[0] - s->dt[0] < from)
			from = s->t[0] - s->dt[0];
		if (!any || s->t[s->count - 1] > to)
			to = s->t[s->count - 1];
		any = true;
	}
	*ret_from = from;
	*ret_to = to;
}

/* What divides elapsed time well depends on how long it is. */
static void write_elapsed(FILE *f, double seconds, const char *text)
{
	if (seconds > 7200)
		fputs("set xtics time\nset format x '%tH:%tM' time\nset xlabel 'hours:minutes", f);
	else if (seconds > 300)
		fputs("set xtics time\nset format x '%tM:%tS' time\nset xlabel 'minutes:seconds", f);
	else
		fputs("set xlabel 'seconds", f);
	fprintf(f, " since the boot began' textcolor rgb '%s'\n", text);
}

static void write_x(FILE *f, const struct graphscript *g)
{
	const char *text = theme_of(g)->text;
	double from, to;

	extent(g, &from, &to);
	if (to > from)
		fprintf(f, "set xrange [%.6f:%.6f]\n", x_of(g->graph, from), x_of(g->graph, to));
	if (g->graph->since_boot)
		write_elapsed(f, to - from, text);
	else
		fprintf(f,
			"set xtics time\nset format x '%s' time\n"
			"set xlabel 'UTC' textcolor rgb '%s'\n",
			to - from > 2 * 86400 ? "%m-%d\\n%H:%M" : to - from > 600 ? "%H:%M" : "%H:%M:%S", text);
}

/* Nothing else has a place on a logarithmic axis. */
static bool is_above_zero(const struct graphscript *g)
{
	for (const struct series *s = g->series; s; s = s->next) {
		for (size_t i = 0; i < s->count; i++) {
			if (s->v[i] > 0)
				return true;
		}
	}
	return false;
}

static void write_y(FILE *f, const struct graphscript *g)
{
	fprintf(f, "set ylabel '%s' textcolor rgb '%s'\nset format y '%%.1s%%c'\n", y_label(g->graph),
		theme_of(g)->text);
	fputs(g->graph->logarithmic && is_above_zero(g) ? "set logscale y\n" : "set yrange [0:*]\n", f);
}

/* Every other band is shaded, all have their names on top. */
static void write_bands(FILE *f, const struct graphscript *g)
{
	const struct graph *graph = g->graph;
	double first, last;

	extent(g, &first, &last);
	for (size_t i = 0; i < graph->bands_count; i++) {
		const struct graph_band *band = &graph->bands[i];
		double from = band->from > first ? band->from : first;
		double to = band->to < last ? band->to : last;

		if (from >= to)
			continue;
		if (i % 2 == 0)
			fprintf(f,
				"set object %zu rectangle from first %.6f,graph 0 to first %.6f,graph 1 "
				"behind fillcolor rgb '%s' fillstyle solid noborder\n",
				i + 1, x_of(graph, from), x_of(graph, to), theme_of(g)->band);
		/* What is too narrow for its name goes without. */
		if ((to - from) * graph->width > (last - first) * (12 + 8 * strlen(band->name)))
			fprintf(f,
				"set label %zu '%s' at first %.6f,graph 0.97 offset character 0.6,0 left "
				"noenhanced front textcolor rgb '%s'\n",
				i + 1, band->name, x_of(graph, from), theme_of(g)->mark);
	}
}

/* What all curves have in common goes above them. */
struct common {
	bool boot, source;
};

static struct common common_of(const struct graphscript *g)
{
	struct common common = { true, true };

	for (const struct series *s = g->series; s; s = s->next) {
		common.boot &= s->boot.id == g->series->boot.id;
		common.source &= s->source == g->series->source;
	}
	return common;
}

static const char *source_word(const struct series *s)
{
	return s->source == SOURCE_GUEST ? "guest" : "host";
}

static void write_heading(FILE *f, const struct graphscript *g)
{
	struct common common = common_of(g);
	const struct key *key = &g->graph->key;

	fprintf(f, "set title \"%s%s", y_label(g->graph),
		kind_is_by_reason(key) ? " by exit reason" : kind_is_by_vcpu(key) ? " by vCPU" : "");
	if (common.source)
		fprintf(f, ", %s source", source_word(g->series));
	if (common.boot)
		fprintf(f, ", boot %u", g->series->boot.number);
	fprintf(f, "\" noenhanced offset graph 0,0 textcolor rgb '%s'\n", theme_of(g)->text);
}

/* Which of several curves it is, by words and numbers of our own. */
static void write_title(FILE *f, const struct graphscript *g, const struct series *s)
{
	struct common common = common_of(g);
	const char *reason = reason_name(s->boot.reason_namespace, s->key.id);
	const char *comma = "";

	fputs("title '", f);
	if (kind_is_by_reason(&s->key) && reason)
		fputs(reason, f), comma = ", ";
	else if (kind_is_by_reason(&s->key))
		fprintf(f, "reason %u", s->key.id), comma = ", ";
	else if (kind_is_by_vcpu(&s->key))
		fprintf(f, "vCPU %u", s->key.id), comma = ", ";
	if (!common.source || !*comma)
		fprintf(f, "%s%s", comma, source_word(s)), comma = ", ";
	if (!common.boot)
		fprintf(f, "%sboot %u", comma, s->boot.number);
	fputs("' noenhanced", f);
}

/* Curves of one reason or vCPU have one colour; sources then differ in dash. */
static void write_line(FILE *f, const struct graphscript *g, const struct series *s, size_t i)
{
	bool guest = s->source == SOURCE_GUEST;
	const struct theme *theme = theme_of(g);
	size_t n = 0;

	if (kind_is_by_reason(&s->key) || kind_is_by_vcpu(&s->key)) {
		for (const struct series *o = g->series; o != s && o->key.id != s->key.id; o = o->next)
			n++;
		fprintf(f, DATA " index %zu using 1:2 with fsteps lw 1.6 dt %s lc rgb '%s' ", i,
			guest ? dashes[n / GRAPHSTACK_LAYERS % DASHES] : "(6,3)",
			theme->palette[n % GRAPHSTACK_LAYERS]);
	} else {
		fprintf(f, DATA " index %zu using 1:2 with fsteps lw 1.6 dt %s lc rgb '%s' ", i,
			guest ? "1" : "(6,3)", guest ? theme->guest : theme->host);
	}
	write_title(f, g, s);
}

static void write_areas(FILE *f, const struct graphscript *g)
{
	const struct graphstack *s = g->stack;

	for (size_t i = 0; i < curves(g); i++) {
		fprintf(f, "%s" DATA " index %zu using 1:2:3 with filledcurves fs solid 0.85 noborder lc rgb '%s' ",
			i ? ", " : "", i, i < s->layers ? theme_of(g)->palette[i] : theme_of(g)->others);
		if (i < s->layers)
			write_title(f, g, s->layer[i]);
		else
			fprintf(f, "title '%zu others'", s->others);
	}
}

static void write_plot(FILE *f, const struct graphscript *g)
{
	size_t i = 0;

	fputs("plot ", f);
	if (g->stack) {
		write_areas(f, g);
		i = curves(g);
	} else {
		for (const struct series *s = g->series; s && i < curves(g); s = s->next, i++) {
			fputs(i ? ", " : "", f);
			write_line(f, g, s, i);
		}
	}
	if (g->graph->marks_count)
		fprintf(f,
			", " DATA " index %zu using 1:(1):(0):(-1) axes x1y2 with vectors nohead lw 1 dt (2,3) "
			"lc rgb '%s' notitle, " DATA " index %zu using 1:3:2 axes x1y2 with labels left "
			"rotate by 0 offset character 0.4,0 noenhanced font ',8' textcolor rgb '%s' notitle",
			i, theme_of(g)->mark, i, theme_of(g)->mark);
	fputs("\n", f);
}

void graphscript_script(FILE *f, const struct graphscript *g)
{
	const struct theme *theme = theme_of(g);

	write_terminal(f, g);
	fprintf(f,
		"set encoding utf8\n"
		"set border 3 lc rgb '%s'\n"
		"set tics nomirror textcolor rgb '%s'\n"
		"set grid lc rgb '%s' lw 1 dt 1\n"
		"set y2range [0:1]\n",
		theme->grid, theme->text, theme->grid);
	write_key(f, g);
	write_y(f, g);
	write_x(f, g);
	if (!g->series || (g->stack && !g->stack->count)) {
		fprintf(f,
			"set label 1 'no samples in this range' at graph 0.5,0.5 center "
			"textcolor rgb '%s'\nunset logscale\nset xrange [0:1]\nset yrange [0:1]\n"
			"plot NaN notitle\n",
			theme->text);
		return;
	}
	write_heading(f, g);
	write_bands(f, g);
	write_plot(f, g);
}

/* ---- data ---- */

/* An interval's value holds from its begin to its end; a blank line is a hole. */
static void write_lines(FILE *f, const struct graphscript *g, double scale)
{
	size_t n = 0;

	for (const struct series *s = g->series; s && n < curves(g); s = s->next, n++) {
		for (size_t i = 0; i < s->count; i++) {
			double begin = s->t[i] - s->dt[i];

			if (i > 0 && begin - s->t[i - 1] > 0.001)
				fputc('\n', f);
			if (i == 0 || begin - s->t[i - 1] > 0.001)
				fprintf(f, "%.6f %.9g\n", x_of(g->graph, begin), s->v[i] * scale);
			fprintf(f, "%.6f %.9g\n", x_of(g->graph, s->t[i]), s->v[i] * scale);
		}
		fputs("\n\n", f);
	}
}

static void write_layers(FILE *f, const struct graphscript *g, double scale)
{
	const struct graphstack *s = g->stack;
	size_t width = curves(g);

	for (size_t layer = 0; layer < width; layer++) {
		for (size_t i = 0; i < s->count; i++) {
			const double *top = s->top + i * width + layer;
			double low = layer ? top[-1] * scale : 0, high = *top * scale;

			if (i > 0 && s->from[i] - s->to[i - 1] > 0.001)
				fputc('\n', f);
			fprintf(f, "%.6f %.9g %.9g\n%.6f %.9g %.9g\n", x_of(g->graph, s->from[i]), low,
				high, x_of(g->graph, s->to[i]), low, high);
		}
		fputs("\n\n", f);
	}
}

/* As text in quotes, which has no quotes and no backslashes in it, so that it is drawn as it is. */
static void write_marks(FILE *f, const struct graph *g)
{
	for (size_t i = 0; i < g->marks_count; i++) {
		fprintf(f, "%.6f \"", x_of(g, g->marks[i].t));
		for (const char *p = g->marks[i].untrusted_label; *p; p++)
			fputc(*p == '"' ? '\'' : *p == '\\' || *p < ' ' || *p > '~' ? '/' : *p, f);
		/* Neighbours stand one below the other. */
		fprintf(f, "\" %.2f\n", 0.96 - i % MARK_ROWS * 0.07);
	}
}

void graphscript_data(FILE *f, const struct graphscript *g)
{
	double scale = is_share(g->graph) ? 100 : 1;

	if (g->stack)
		write_layers(f, g, scale);
	else
		write_lines(f, g, scale);
	write_marks(f, g->graph);
}
