/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/api.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/query/exportevents.h"
#include "daemon/form/jsonevents.h"
#include "daemon/form/jsonout.h"
#include "daemon/form/jsonstorage.h"
#include "daemon/form/jsonseries.h"
#include "daemon/form/jsonstats.h"
#include "daemon/http/selection.h"
#include "web/assets.h"

#define GRAPH_WIDTH_DEFAULT 960
#define GRAPH_HEIGHT_DEFAULT 400

static const char json_type[] = "application/json; charset=utf-8";

struct context {
	struct query *query;
	struct params *params;
	const struct store_stats *stats;
	struct vitals *vitals;
	struct api_answer *answer;
	struct query_vm vm;		/* of a path below /api/v1/vms/ */
};

void api_answer_done(struct api_answer *answer)
{
	free(answer->text);
	exporter_free(answer->exporter);
	series_free(answer->series);
	memset(answer, 0, sizeof(*answer));
}

void api_fail(struct api_answer *answer, int status, const char *fmt, ...)
{
	char message[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	api_answer_done(answer);
	answer->status = status;
	answer->kind = API_TEXT;
	answer->type = json_type;
	/* Without memory for the message the status has to do. */
	if (jsonout_error(message, &answer->text) < 0)
		answer->text = NULL;
}

/* The answer to a function of query or jsonout that failed with @r. */
static void fail_reading(struct context *c, int r)
{
	api_fail(c->answer, r == -ENOMEM ? 503 : 500,
		 "the database could not be read (%s); vmexitd's log says more", strerror(-r));
}

/* True if all parameters are among @known. */
static bool known_params(struct context *c, const char *known)
{
	if (params_check(c->params, known) == 0)
		return true;
	api_fail(c->answer, 400, "%s", c->params->error);
	return false;
}

static void answer_json(struct context *c, int r)
{
	if (r < 0) {
		fail_reading(c, r);
		return;
	}
	c->answer->status = 200;
	c->answer->kind = API_TEXT;
	c->answer->type = json_type;
}

static void get_health(struct context *c)
{
	if (!known_params(c, ""))
		return;
	answer_json(c, jsonout_health(c->stats, &c->answer->text));
	if (c->answer->status == 200 && c->stats->error)
		c->answer->status = 503;
}

static void get_vms(struct context *c)
{
	if (known_params(c, ""))
		answer_json(c, jsonout_vms(c->query, c->vitals, &c->answer->text));
}

static void get_reasons(struct context *c)
{
	if (known_params(c, ""))
		answer_json(c, jsonout_reasons(&c->answer->text));
}

static void get_storage(struct context *c)
{
	if (known_params(c, ""))
		answer_json(c, jsonstorage(c->query, &c->stats->limits, &c->answer->text));
}

static void get_boots(struct context *c)
{
	if (known_params(c, ""))
		answer_json(c, jsonout_boots(c->query, &c->vm, &c->answer->text));
}

/* Fill c->vm. False: answered already. */
static bool find_vm(struct context *c, const char *name)
{
	int r = query_vm(c->query, name, &c->vm);

	if (r == -ENOENT)
		api_fail(c->answer, 404,
			 "there is no VM '%.64s'; /api/v1/vms lists those there are", name);
	else if (r < 0)
		fail_reading(c, r);
	return r == 0;
}

/* What the parameters select. @boot->number is 0 when they select no single boot. */
static bool parse_filter(struct context *c, bool latest_by_default, struct query_filter *filter,
			 struct boot *boot)
{
	const char *number = params_get(c->params, "boot");
	const char *source = params_get(c->params, "source");
	unsigned int n = 0;
	int r;

	memset(filter, 0, sizeof(*filter));
	memset(boot, 0, sizeof(*boot));
	filter->vm_id = c->vm.id;
	r = params_time(c->params, "from", &filter->from_ns);
	if (r == 0)
		r = params_time(c->params, "to", &filter->to_ns);
	if (r == 0 && number && strcmp(number, "latest") != 0)
		r = params_uint(c->params, "boot", 1, UINT32_MAX, &n);
	if (r < 0) {
		api_fail(c->answer, 400, "%s", c->params->error);
		return false;
	}
	if (filter->to_ns && filter->from_ns > filter->to_ns) {
		api_fail(c->answer, 400, "from is later than to");
		return false;
	}
	if (source && strcmp(source, "guest") == 0) {
		filter->sources = 1 << SOURCE_GUEST;
	} else if (source && strcmp(source, "host") == 0) {
		filter->sources = 1 << SOURCE_HOST;
	} else if (source) {
		api_fail(c->answer, 400, "source = '%.40s' is neither 'guest' nor 'host'", source);
		return false;
	}
	if (!number && !(latest_by_default && !filter->from_ns && !filter->to_ns))
		return true;
	r = query_boot(c->query, c->vm.id, n, boot);
	if (r == -ENOENT && n > 0)
		api_fail(c->answer, 404, "VM '%s' has no boot %u; its /boots lists those there are",
			 c->vm.name, n);
	else if (r < 0 && r != -ENOENT)
		fail_reading(c, r);
	/* A VM that never ran has no latest boot; that is no error. */
	filter->boot = r == 0 ? boot->number : 0;
	return r == 0 || (r == -ENOENT && n == 0);
}

/* The curves that /series and the graphs show. */
struct curves {
	struct query_filter filter;
	struct boot boot;		/* number 0: a range over boots */
	struct selection selection;
	struct series *series;
};

/* The namespace of a VM's reasons: of the boot asked for, else of its latest. */
static int namespace_of(struct context *c, const struct boot *boot, uint32_t *ret_namespace)
{
	struct boot latest = { 0 };
	int r = boot->number ? 0 : query_boot(c->query, c->vm.id, 0, &latest);

	*ret_namespace = boot->number ? boot->reason_namespace : latest.reason_namespace;
	return r == -ENOENT ? 0 : r;
}

/* Parse what /series and the graphs have in common. False: answered already. */
static bool select_curves(struct context *c, size_t kinds_max, struct curves *s)
{
	uint32_t namespace;
	int r;

	memset(s, 0, sizeof(*s));
	if (!parse_filter(c, true, &s->filter, &s->boot))
		return false;
	r = namespace_of(c, &s->boot, &namespace);
	if (r < 0) {
		fail_reading(c, r);
		return false;
	}
	if (selection_parse(c->params, namespace, kinds_max, &s->selection) < 0) {
		api_fail(c->answer, 400, "%s", c->params->error);
		return false;
	}
	return true;
}

/* The curves themselves. False: answered already. */
static bool read_curves(struct context *c, struct curves *s)
{
	int r = series_read(c->query, &s->filter, s->selection.wants, s->selection.count,
			    &s->selection.options, &s->series);

	if (r == -E2BIG)
		api_fail(c->answer, 400,
			 "those are more than %d curves or %d points; ask for fewer reasons, names, "
			 "boots or points",
			 SERIES_MAX, SERIES_POINTS_ALL);
	else if (r < 0)
		fail_reading(c, r);
	return r == 0;
}

static void get_series(struct context *c)
{
	struct curves s;
	struct jsonseries about = { .vm = &c->vm, .filter = &s.filter };

	if (!known_params(c, "boot from to points source kind reason vcpu name mode align") ||
	    !select_curves(c, SERIES_WANTS_MAX, &s) || !read_curves(c, &s))
		return;
	about.boot = s.boot.number ? &s.boot : NULL;
	about.cumulative = s.selection.options.cumulative;
	about.since_boot = s.selection.since_boot;
	answer_json(c, jsonseries_text(&about, s.series, &c->answer->text));
	series_free(s.series);
}

static void get_marks(struct context *c)
{
	struct query_filter filter;
	struct boot boot;

	if (known_params(c, "boot from to") && parse_filter(c, true, &filter, &boot))
		answer_json(c, jsonevents_marks(c->query, &c->vm, &filter, &c->answer->text));
}

static void get_gaps(struct context *c)
{
	struct query_filter filter;
	struct boot boot;

	if (known_params(c, "boot from to source") && parse_filter(c, true, &filter, &boot))
		answer_json(c, jsonevents_gaps(c->query, &c->vm, &filter, &c->answer->text));
}

/* The lists of a boot's samples, as they came. */
static int latest_reasons(struct context *c, const struct query_filter *filter,
			  const struct boot *boot)
{
	int r = -ENOENT;

	/* The guest's own first: it has what the host may not be able to read. */
	for (int source = 0; source < SOURCES && r == -ENOENT && boot->number; source++) {
		if (!filter->sources || filter->sources & 1 << source)
			r = jsonevents_reasons(c->query, &c->vm, boot, source, &c->answer->text);
	}
	return r;
}

/* False: answered already. */
static bool parse_sort(struct context *c, enum jsonstats_sort *sort, unsigned int *limit)
{
	static const char *const words[] = { "count", "handling", "away" };
	const char *text = params_get(c->params, "sort");
	size_t i = 0;

	while (text && i < sizeof(words) / sizeof(words[0]) && strcmp(words[i], text) != 0)
		i++;
	if (i == sizeof(words) / sizeof(words[0])) {
		api_fail(c->answer, 400, "sort = '%.40s' is not one of count, handling and away",
			 text);
		return false;
	}
	*sort = i;
	if (params_uint(c->params, "limit", 1, 100000, limit) < 0) {
		api_fail(c->answer, 400, "%s", c->params->error);
		return false;
	}
	return true;
}

/* The sums of a range. */
static int range_reasons(struct context *c, const struct query_filter *filter,
			 const struct boot *boot, enum jsonstats_sort sort, size_t limit)
{
	struct jsonstats about = { .vm = &c->vm, .boot = boot->number ? boot : NULL };
	struct totals totals;
	int r = -ENOENT;

	for (int source = 0; source < SOURCES && r == -ENOENT; source++) {
		about.source = source;
		if (!filter->sources || filter->sources & 1 << source)
			r = totals_read(c->query, filter, source, &totals);
	}
	if (r == 0) {
		r = jsonstats_reasons(&about, &totals, sort, limit, &c->answer->text);
		totals_done(&totals);
	}
	return r;
}

static void get_boot_reasons(struct context *c)
{
	enum jsonstats_sort sort;
	struct query_filter filter;
	struct boot boot;
	unsigned int limit = UINT_MAX;
	bool as_sent;
	int r;

	if (!known_params(c, "boot from to source sort limit") ||
	    !parse_filter(c, true, &filter, &boot) || !parse_sort(c, &sort, &limit))
		return;
	as_sent = !filter.from_ns && !filter.to_ns && !params_get(c->params, "sort") &&
		  !params_get(c->params, "limit");
	r = as_sent ? latest_reasons(c, &filter, &boot)
		    : range_reasons(c, &filter, &boot, sort, limit);
	if (r == -ENOENT)
		api_fail(c->answer, 404,
			 "no sample %s has exits by reason; they need the kernel series "
			 "on the host, and an agent that sends them",
			 as_sent ? "of that boot" : "in that range");
	else
		answer_json(c, r);
}

static void get_distribution(struct context *c)
{
	struct jsonstats about = { .vm = &c->vm };
	struct distribution distribution;
	const struct spans_want *want;
	struct curves s;
	int r = -ENOENT;

	if (!known_params(c, "boot from to source kind reason vcpu name") ||
	    !select_curves(c, 1, &s))
		return;
	want = &s.selection.wants[0];
	if (s.selection.count > 1 || want->any) {
		api_fail(c->answer, 400, "a distribution is of one curve: name one reason, vcpu or name");
		return;
	}
	about.boot = s.boot.number ? &s.boot : NULL;
	for (int source = 0; source < SOURCES && r == -ENOENT; source++) {
		about.source = source;
		if (!s.filter.sources || s.filter.sources & 1 << source)
			r = distribution_read(c->query, &s.filter, source, want, &distribution);
	}
	if (r == 0)
		r = jsonstats_distribution(&about, &want->key, &distribution, &c->answer->text);
	if (r == -ENOENT)
		api_fail(c->answer, 404, "there is no %s in that range; /series shows what there is",
			 kind_name(&want->key));
	else
		answer_json(c, r);
}

/* The interval of a mark, where one is asked for. False: answered already. */
static bool parse_mark(struct context *c, struct query_filter *filter)
{
	const char *mark = params_get(c->params, "mark");
	int r = 0;

	if (mark && (filter->from_ns || filter->to_ns))
		api_fail(c->answer, 400, "mark names a range: from and to have no place beside it");
	else if (mark)
		r = exportevents_interval(c->query, mark, filter);
	if (r == -ENOENT)
		api_fail(c->answer, 404,
			 "no interval is marked '%.64s'; /marks lists what is: a label, or the "
			 "sequence of a begin", mark);
	else if (r < 0)
		fail_reading(c, r);
	return r == 0 && c->answer->status == 0;
}

/* Where to go on. False: answered already. */
static bool parse_after(struct context *c, const struct query_filter *filter, uint64_t *ret_after)
{
	*ret_after = 0;
	if (params_u64(c->params, "after", ret_after) < 0) {
		api_fail(c->answer, 400, "%s", c->params->error);
		return false;
	}
	if (*ret_after && (!filter->boot || (filter->sources & (filter->sources - 1)) ||
			   !filter->sources)) {
		api_fail(c->answer, 400,
			 "after goes on within one boot and source: name both, boot and source");
		return false;
	}
	return true;
}

static void get_export(struct context *c, enum exporter_format format, const char *known)
{
	struct exportwalk_filter what;
	struct boot boot;
	int r;

	if (!known_params(c, known) || !parse_filter(c, false, &what.filter, &boot) ||
	    !parse_mark(c, &what.filter) || !parse_after(c, &what.filter, &what.after))
		return;
	r = exporter_new(c->query, &c->vm, &what, format, &c->answer->exporter);
	if (r < 0) {
		fail_reading(c, r);
		return;
	}
	c->answer->status = 200;
	c->answer->kind = API_EXPORT;
	c->answer->type = exporter_type(format);
	snprintf(c->answer->file, sizeof(c->answer->file), "vmexit-%s.%s", c->vm.key,
		 exporter_suffix(format));
}

static void get_csv(struct context *c)
{
	const char *form = params_get(c->params, "form");

	if (form && strcmp(form, "wide") != 0 && strcmp(form, "long") != 0) {
		api_fail(c->answer, 400, "form = '%.40s' is neither 'wide' nor 'long'", form);
		return;
	}
	get_export(c, form && *form == 'l' ? EXPORTER_LONG : EXPORTER_WIDE,
		   "boot from to source mark after form");
}

static void get_jsonl(struct context *c)
{
	get_export(c, EXPORTER_JSONL, "boot from to source mark after");
}

static void get_graph(struct context *c, enum graph_format format)
{
	struct api_answer *answer = c->answer;
	struct graph *g = &answer->graph;
	const char *theme = params_get(c->params, "theme");
	struct curves s;

	if (!known_params(c, "boot from to points source kind reason vcpu mode width height theme"))
		return;
	g->width = GRAPH_WIDTH_DEFAULT;
	g->height = GRAPH_HEIGHT_DEFAULT;
	if (params_uint(c->params, "width", GRAPH_SIZE_MIN, GRAPH_SIZE_MAX, &g->width) < 0 ||
	    params_uint(c->params, "height", GRAPH_SIZE_MIN, GRAPH_SIZE_MAX, &g->height) < 0) {
		api_fail(answer, 400, "%s", c->params->error);
		return;
	}
	if (theme && strcmp(theme, "light") != 0 && strcmp(theme, "dark") != 0) {
		api_fail(answer, 400, "theme = '%.40s' is neither 'light' nor 'dark'", theme);
		return;
	}
	if (!select_curves(c, 1, &s) || !read_curves(c, &s))
		return;
	g->format = format;
	g->dark = theme && *theme == 'd';
	g->key = s.selection.wants[0].key;
	g->cumulative = s.selection.options.cumulative;
	g->since_boot = s.boot.number != 0;
	g->origin = s.boot.opened_ns / 1e9;
	answer->series = s.series;
	answer->status = 200;
	answer->kind = API_GRAPH;
	answer->type = format == GRAPH_SVG ? "image/svg+xml" : "image/png";
}

static void get_svg(struct context *c)
{
	get_graph(c, GRAPH_SVG);
}

static void get_png(struct context *c)
{
	get_graph(c, GRAPH_PNG);
}

static void get_live(struct context *c)
{
	const char *vm = params_get(c->params, "vm");

	if (!known_params(c, "vm") || (vm && !find_vm(c, vm)))
		return;
	c->answer->status = 200;
	c->answer->kind = API_LIVE;
	c->answer->type = "text/event-stream";
	if (vm)
		snprintf(c->answer->vm_key, sizeof(c->answer->vm_key), "%s", c->vm.key);
}

struct route {
	const char *path;
	void (*get)(struct context *c);
};

static const struct route routes[] = {
	{ "/healthz", get_health },
	{ "/api/v1/vms", get_vms },
	{ "/api/v1/reasons", get_reasons },
	{ "/api/v1/storage", get_storage },
	{ "/api/v1/live", get_live },
};

/* Below /api/v1/vms/VM/. */
static const struct route vm_routes[] = {
	{ "boots", get_boots },
	{ "series", get_series },
	{ "marks", get_marks },
	{ "gaps", get_gaps },
	{ "reasons", get_boot_reasons },
	{ "distribution", get_distribution },
	{ "samples.csv", get_csv },
	{ "samples.jsonl", get_jsonl },
	{ "graph.svg", get_svg },
	{ "graph.png", get_png },
};

static void get_below_vm(struct context *c, const char *rest)
{
	const char *slash = strchr(rest, '/');
	char name[RECORD_NAME_MAX + 1];

	for (size_t i = 0; slash && i < sizeof(vm_routes) / sizeof(vm_routes[0]); i++) {
		if (strcmp(vm_routes[i].path, slash + 1) != 0)
			continue;
		if ((size_t)(slash - rest) >= sizeof(name))
			break;
		memcpy(name, rest, slash - rest);
		name[slash - rest] = '\0';
		if (find_vm(c, name))
			vm_routes[i].get(c);
		return;
	}
	api_fail(c->answer, 404,
		 "a VM has /boots, /series, /marks, /gaps, /reasons, /distribution, /samples.csv, "
		 "/samples.jsonl, /graph.svg and /graph.png");
}

static bool get_asset(struct context *c, const char *path)
{
	for (size_t i = 0; i < web_assets_count; i++) {
		if (strcmp(web_assets[i].path, path) == 0) {
			c->answer->status = 200;
			c->answer->kind = API_ASSET;
			c->answer->type = web_assets[i].type;
			c->answer->asset = &web_assets[i];
			return true;
		}
	}
	return false;
}

void api_get(struct query *query, const char *path, struct params *params,
	     const struct store_stats *stats, struct vitals *vitals,
	     struct api_answer *ret_answer)
{
	static const char below_vms[] = "/api/v1/vms/";
	struct context c = {
		.query = query,
		.params = params,
		.stats = stats,
		.vitals = vitals,
	};

	memset(ret_answer, 0, sizeof(*ret_answer));
	c.answer = ret_answer;
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strcmp(routes[i].path, path) == 0) {
			routes[i].get(&c);
			return;
		}
	}
	if (strncmp(path, below_vms, sizeof(below_vms) - 1) == 0)
		get_below_vm(&c, path + sizeof(below_vms) - 1);
	else if (!get_asset(&c, path))
		api_fail(ret_answer, 404, "there is no such page; vmexit-http(7) lists all");
}
