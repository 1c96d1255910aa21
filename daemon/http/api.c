/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/http/apipart.h"
#include "web/assets.h"

/*
 * What a guest sent decides how long reading takes. LATER: in a thread of its own; BRIEFLY: begun
 * at once, and anew in such a thread where that does not suffice.
 */
enum route_when { NOW, BRIEFLY, LATER };

#define BRIEFLY_MS 50

struct route {
	const char *path;
	enum route_when when;
	void (*get)(struct apipart *c);
};

static const struct route routes[] = {
	{ "/healthz", NOW, get_health },
	{ "/metrics", BRIEFLY, get_metrics },
	{ "/api/v1/vms", NOW, get_vms },
	{ "/api/v1/sparklines", NOW, get_sparklines },
	{ "/api/v1/reasons", NOW, get_reasons },
	{ "/api/v1/storage", NOW, get_storage },
	{ "/api/v1/remote", NOW, get_remote },
	{ "/api/v1/live", NOW, get_live },
	{ "/api/v1/compare", LATER, get_compare },
	{ "/api/v1/daemon", NOW, get_daemon },
};

/* Below /api/v1/vms/VM/. */
static const struct route vm_routes[] = {
	{ "boots", BRIEFLY, get_boots },
	{ "series", BRIEFLY, get_series },
	{ "marks", BRIEFLY, get_marks },
	{ "gaps", BRIEFLY, get_gaps },
	{ "reasons", LATER, get_boot_reasons },
	{ "distribution", LATER, get_distribution },
	{ "phases", LATER, get_phases },
	{ "correlate", NOW, get_correlate },
	{ "scatter", NOW, get_scatter },
	{ "attribution", NOW, get_attribution },
	{ "samples.csv", NOW, get_csv },
	{ "samples.jsonl", NOW, get_jsonl },
	{ "graph.svg", BRIEFLY, get_svg },
	{ "graph.png", BRIEFLY, get_png },
	{ "graph.pdf", BRIEFLY, get_pdf },
	{ "report.json", NOW, get_report_json },
	{ "report.html", NOW, get_report_html },
};

/* A request that a handler answers in a thread of its own. */
struct order {
	void (*get)(struct apipart *c);
	struct params params;		/* the texts are there until the request has ended */
	struct query_vm vm;
	struct store_stats stats;	/* as they were then */
	struct vitals *vitals;
	struct remote *remote;
};

static void get_in_thread(struct answer *answer, struct query *query)
{
	struct order order = *(const struct order *)answer->order;
	struct apipart c = {
		.query = query,
		.params = &order.params,
		.stats = &order.stats,
		.vitals = order.vitals,
		.remote = order.remote,
		.answer = answer,
		.vm = order.vm,
	};

	order.get(&c);
}

static void get_later(struct apipart *c, const struct route *route)
{
	struct order *order = malloc(sizeof(*order));

	if (!order) {
		apipart_fail_reading(c, -ENOMEM);
		return;
	}
	*order = (struct order){
		.get = route->get,
		.params = *c->params,
		.vm = c->vm,
		.stats = *c->stats,
		.vitals = c->vitals,
		.remote = c->remote,
	};
	c->answer->kind = ANSWER_LATER;
	c->answer->later = get_in_thread;
	c->answer->order = order;
}

static void get_route(struct apipart *c, const struct route *route)
{
	if (route->when == LATER) {
		get_later(c, route);
		return;
	}
	if (route->when == BRIEFLY)
		query_limit(c->query, BRIEFLY_MS, NULL);
	route->get(c);
	query_unlimit(c->query);
	if (route->when == BRIEFLY && c->took_too_long) {
		answer_done(c->answer);
		get_later(c, route);
	}
}

static void say_pages(struct answer *answer)
{
	char pages[1024];
	size_t len = 0, count = sizeof(vm_routes) / sizeof(vm_routes[0]);

	for (size_t i = 0; i < count && len < sizeof(pages); i++)
		len += snprintf(pages + len, sizeof(pages) - len, "%s/%s",
				i == 0 ? "" : i + 1 < count ? ", " : " and ", vm_routes[i].path);
	answer_fail(answer, 404, "a VM has %s", pages);
}

static void get_below_vm(struct apipart *c, const char *rest)
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
		if (apipart_vm(c, name))
			get_route(c, &vm_routes[i]);
		return;
	}
	say_pages(c->answer);
}

static bool get_asset(struct apipart *c, const char *path)
{
	for (size_t i = 0; i < web_assets_count; i++) {
		if (strcmp(web_assets[i].path, path) == 0) {
			c->answer->status = 200;
			c->answer->kind = ANSWER_ASSET;
			c->answer->type = web_assets[i].type;
			c->answer->asset = &web_assets[i];
			return true;
		}
	}
	return false;
}

void api_get(struct query *query, const char *path, struct params *params,
	     const struct store_stats *stats, struct vitals *vitals, struct recent *recent,
	     struct remote *remote, struct answer *ret_answer)
{
	static const char below_vms[] = "/api/v1/vms/";
	struct apipart c = {
		.query = query,
		.params = params,
		.stats = stats,
		.vitals = vitals,
		.recent = recent,
		.remote = remote,
	};

	memset(ret_answer, 0, sizeof(*ret_answer));
	c.answer = ret_answer;
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strcmp(routes[i].path, path) == 0) {
			get_route(&c, &routes[i]);
			return;
		}
	}
	if (strncmp(path, below_vms, sizeof(below_vms) - 1) == 0)
		get_below_vm(&c, path + sizeof(below_vms) - 1);
	else if (!get_asset(&c, path))
		answer_fail(ret_answer, 404, "there is no such page; vmexit-http(7) lists all");
}
