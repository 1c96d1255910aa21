/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/reportsvg.h"

#include <math.h>

#include "daemon/form/html.h"
#include "daemon/report/words.h"

/* In units of the picture; a browser scales it to the page's width. */
#define WIDTH 960
#define LEFT 58
#define RIGHT 948
#define TOP 34
#define BOTTOM 244
#define AXIS 266			/* the x axis' labels */
#define LANES_TOP 278
#define LANE 20
#define LANES 3
#define COLUMN 2.0			/* width of what the curve is made of */
#define LETTER 6.6			/* a letter's width, about */

struct plot {
	double from, to;		/* seconds since the epoch */
	double top;			/* the highest rate shown */
};

static double x_of(const struct plot *p, double t)
{
	double x = LEFT + (t - p->from) / (p->to - p->from) * (RIGHT - LEFT);

	return fmin(fmax(x, LEFT), RIGHT);
}

static double y_of(const struct plot *p, double rate)
{
	return BOTTOM - fmin(rate / p->top, 1) * (BOTTOM - TOP);
}

/* 1, 2 or 5 times a power of ten, so that @range has at most @ticks of them. */
static double nice_step(double range, int ticks)
{
	double power = pow(10, floor(log10(range / ticks)));
	double part = range / ticks / power;

	return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

/* Seconds that people count in. */
static double time_step(double range, int ticks)
{
	static const double steps[] = { 60,   120,  300,   600,	  900,	 1800,	3600,
					7200, 10800, 21600, 43200, 86400 };

	if (range / ticks <= 30)
		return range / ticks > 20 ? 30 : nice_step(range, ticks);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (range / ticks <= steps[i])
			return steps[i];
	}
	return 86400 * nice_step(range / 86400, ticks);
}

static void write_rate_label(FILE *f, double rate)
{
	double scaled = rate >= 1e6 ? rate / 1e6 : rate >= 1000 ? rate / 1000 : rate;

	fprintf(f, "%.4g%s", scaled, rate >= 1e6 ? " M" : rate >= 1000 ? " k" : "");
}

static void write_axes(FILE *f, const struct plot *p)
{
	double y_step = nice_step(p->top, 5), seconds = p->to - p->from;
	double x_step = time_step(seconds, 8);
	char text[WORDS_MAX];

	for (int i = 0; i * y_step <= p->top; i++) {
		double y = y_of(p, i * y_step);

		fprintf(f, "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text class=\"y\" x=\"%d\" y=\"%.1f\">",
			LEFT, y, RIGHT, LEFT - 6, y + 4);
		write_rate_label(f, i * y_step);
		fputs("</text>", f);
	}
	for (int i = 0; i * x_step <= seconds; i++) {
		double x = x_of(p, p->from + i * x_step);

		fprintf(f, "<path class=\"tick\" d=\"M%.1f %dv5\"/><text class=\"x\" x=\"%.1f\" y=\"%d\">%s</text>",
			x, BOTTOM, x, AXIS - 4, i ? words_seconds(text, i * x_step) : "0");
	}
	fprintf(f, "<path class=\"tick\" d=\"M%d %dH%d\"/>", LEFT, BOTTOM, RIGHT);
	fprintf(f, "<text class=\"unit\" x=\"%d\" y=\"12\">exits a second</text>", LEFT);
}

static void write_phases(FILE *f, const struct report *r, const struct plot *p)
{
	for (size_t i = 0; r->has_phases && i < r->phases.count; i++) {
		const struct phases_part *part = &r->phases.parts[i];
		double x = x_of(p, part->from_ns / 1e9), end = x_of(p, part->to_ns / 1e9);
		const char *name = bootphase_name(part->name);

		fprintf(f, "<rect class=\"p%zu\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>", i % 2,
			x, TOP, end - x, BOTTOM - TOP);
		if (end - x > LETTER * strlen(name) + 8)
			fprintf(f, "<text class=\"phase\" x=\"%.1f\" y=\"%d\">%s</text>", x + 4, TOP + 14,
				name);
	}
}

/* All of them as a line below; those that the report looks into as areas with a number. */
static void write_bursts(FILE *f, const struct report *r, const struct plot *p)
{
	double last = 0;

	for (size_t i = 0; i < r->burst_count; i++) {
		const struct burst *b = &r->burst[i].burst;
		double x = x_of(p, b->from), width = fmax(x_of(p, b->to) - x, 1.5);

		fprintf(f, "<rect class=\"burst\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>", x, TOP,
			width, BOTTOM - TOP);
		/* Where several are side by side the first of them has its number. */
		if (x + width / 2 - last < 1.5 * LETTER)
			continue;
		last = x + width / 2;
		fprintf(f, "<text class=\"number\" x=\"%.1f\" y=\"%d\">%zu</text>", last, TOP - 4, i + 1);
	}
	fputs("<path class=\"bursts\" d=\"", f);
	for (size_t i = 0; i < r->bursts.count; i++) {
		double x = x_of(p, r->bursts.list[i].from);

		fprintf(f, "M%.1f %dh%.1f", x, BOTTOM - 1,
			fmax(x_of(p, r->bursts.list[i].to) - x, 1));
	}
	fputs("\"/>", f);
}

/* Lowest and highest rate of a column; intervals from *@at on are looked at. */
static bool extremes(const struct ratecurve *c, double from, double to, size_t *at, double *ret_min,
		     double *ret_max)
{
	double min = INFINITY, max = -INFINITY;

	while (*at < c->count && c->intervals[*at].end <= from)
		(*at)++;
	for (size_t i = *at; i < c->count && c->intervals[i].begin < to; i++) {
		const struct bursts_interval *x = &c->intervals[i];
		double rate = x->end > x->begin ? x->count / (x->end - x->begin) : 0;

		min = fmin(min, rate);
		max = fmax(max, rate);
	}
	*ret_min = min;
	*ret_max = max;
	return max >= min;
}

static void write_band(FILE *f, const struct report *r, const struct plot *p)
{
	double step = COLUMN / (RIGHT - LEFT) * (p->to - p->from), min, max;
	size_t at = 0;

	fputs("<path class=\"band\" d=\"", f);
	for (int i = 0; i < (RIGHT - LEFT) / COLUMN; i++) {
		double from = p->from + i * step;

		if (!extremes(&r->curve, from, from + step, &at, &min, &max) || max <= min)
			continue;
		fprintf(f, "M%g %.1fV%.1f", LEFT + (i + 0.5) * COLUMN, y_of(p, min), y_of(p, max));
	}
	fputs("\"/>", f);
}

static void write_line(FILE *f, const struct report *r, const struct plot *p)
{
	double step = COLUMN / (RIGHT - LEFT) * (p->to - p->from);
	bool on = false;

	fputs("<path class=\"line\" d=\"", f);
	for (int i = 0; i < (RIGHT - LEFT) / COLUMN; i++) {
		double from = p->from + i * step;
		struct ratecurve_part part = ratecurve_between(&r->curve, from, from + step);

		if (part.seconds < step / 1000) {
			on = false;
			continue;
		}
		fprintf(f, "%s%g %.1f", on ? "L" : "M", LEFT + (i + 0.5) * COLUMN,
			y_of(p, part.events / part.seconds));
		/* One by itself is seen, too. */
		fputs(on ? "" : "h.5", f);
		on = true;
	}
	fputs("\"/>", f);
}

/* A lane below for each of what was marked, -1 where none is free; returns how many are used. */
static int place_marks(const struct report *r, const struct plot *p, int lanes[REPORT_INTERVALS])
{
	double busy[LANES] = { 0 };
	int used = 0;

	for (size_t i = 0; i < r->intervals_count; i++) {
		const struct report_mark *mark = r->intervals[i];
		double x = x_of(p, mark->from);
		int lane = 0;

		while (lane < LANES && busy[lane] > x + 0.01)
			lane++;
		lanes[i] = lane < LANES ? lane : -1;
		if (lane == LANES)
			continue;
		busy[lane] = x + fmax(x_of(p, mark->to) - x, 2);
		used = lane + 1 > used ? lane + 1 : used;
	}
	return used;
}

/* Each with its label where that fits. */
static void write_marks(FILE *f, const struct report *r, const struct plot *p,
			const int lanes[REPORT_INTERVALS])
{
	for (size_t i = 0; i < r->intervals_count; i++) {
		const struct report_mark *mark = r->intervals[i];
		double x = x_of(p, mark->from), width = fmax(x_of(p, mark->to) - x, 2);

		if (lanes[i] < 0)
			continue;
		fprintf(f, "<rect class=\"mark\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"><title>", x,
			LANES_TOP + lanes[i] * LANE, fmax(width - 1, 1), LANE - 4);
		html_text(f, mark->label);
		fputs("</title></rect>", f);
		if (width < LETTER * strlen(mark->label) + 6)
			continue;
		fprintf(f, "<text class=\"label\" x=\"%.1f\" y=\"%d\">", x + 4,
			LANES_TOP + lanes[i] * LANE + 12);
		html_text(f, mark->label);
		fputs("</text>", f);
	}
}

static void begin(FILE *f, const char *id, const char *title, int height)
{
	fprintf(f, "<svg class=\"graph\" viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"%s\">"
		   "<title id=\"%s\">%s</title>", WIDTH, height, id, id, title);
}

void reportsvg_rate(FILE *f, const struct report *report)
{
	const struct report *r = report;
	struct plot p = { r->from, r->to, r->curve.distribution.quantile[DISTRIBUTION_max] };
	int lanes[REPORT_INTERVALS], used;

	p.top = p.top > 0 ? p.top * 1.04 : 1;
	used = place_marks(r, &p, lanes);
	begin(f, "rate-title", "Exits a second over the time", used ? LANES_TOP + used * LANE : AXIS);
	write_phases(f, r, &p);
	write_bursts(f, r, &p);
	write_axes(f, &p);
	write_band(f, r, &p);
	write_line(f, r, &p);
	write_marks(f, r, &p, lanes);
	fputs("</svg>\n", f);
}

/* From the bottom to the top of layer @layer; `count` is the others' layer. */
static double height_of(const struct stack *s, const struct stack_column *c, size_t layer)
{
	double sum = 0;

	for (size_t i = 0; i <= layer && i < s->count; i++)
		sum += c->reasons[i];
	return layer == s->count ? fmax(sum, c->all) : sum;
}

/* Columns @first to @end - 1, which are all covered, as one area. */
static void write_area(FILE *f, const struct stack *s, const struct plot *p, size_t layer,
		       size_t first, size_t end)
{
	double width = (double)(RIGHT - LEFT) / STACK_COLUMNS;

	fprintf(f, "M%.1f %.1f", LEFT + first * width, (double)y_of(p, height_of(s, &s->columns[first], layer)));
	for (size_t i = first; i < end; i++)
		fprintf(f, "V%.1fH%.1f", y_of(p, height_of(s, &s->columns[i], layer)),
			LEFT + (i + 1) * width);
	for (size_t i = end; i-- > first;)
		fprintf(f, "V%.1fH%.1f",
			y_of(p, layer ? height_of(s, &s->columns[i], layer - 1) : 0), LEFT + i * width);
	fputs("Z", f);
}

static void write_layer(FILE *f, const struct stack *s, const struct plot *p, size_t layer)
{
	if (layer == s->count)
		fputs("<path class=\"other\" d=\"", f);
	else
		fprintf(f, "<path class=\"s%zu\" d=\"", layer + 1);
	for (size_t i = 0; i < STACK_COLUMNS;) {
		size_t end = i;

		while (end < STACK_COLUMNS && s->columns[end].seconds > 0)
			end++;
		if (end > i)
			write_area(f, s, p, layer, i, end);
		i = end + 1;
	}
	fputs("\"/>", f);
}

void reportsvg_stack(FILE *f, const struct report *report)
{
	const struct stack *s = &report->stack;
	struct plot p = { report->from, report->to, 0 };

	for (size_t i = 0; i < STACK_COLUMNS; i++)
		p.top = fmax(p.top, height_of(s, &s->columns[i], s->count));
	p.top = p.top > 0 ? p.top * 1.04 : 1;
	begin(f, "stack-title", "Exits a second over the time, by reason", AXIS);
	write_axes(f, &p);
	for (size_t layer = 0; layer <= s->count; layer++)
		write_layer(f, s, &p, layer);
	fputs("</svg>\n", f);
}
