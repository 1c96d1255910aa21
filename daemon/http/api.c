/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/api.h"

#include <stdio.h>
#include <string.h>

#include "daemon/http/apipart.h"
#include "web/assets.h"

struct route {
	const char *path;
	void (*get)(struct apipart *c);
};

static const struct route routes[] = {
	{ "/healthz", get_health },
	{ "/api/v1/vms", get_vms },
	{ "/api/v1/sparklines", get_sparklines },
	{ "/api/v1/reasons", get_reasons },
	{ "/api/v1/storage", get_storage },
	{ "/api/v1/live", get_live },
	{ "/api/v1/compare", get_compare },
};

/* Below /api/v1/vms/VM/. */
static const struct route vm_routes[] = {
	{ "boots", get_boots },
	{ "series", get_series },
	{ "marks", get_marks },
	{ "gaps", get_gaps },
	{ "reasons", get_boot_reasons },
	{ "distribution", get_distribution },
	{ "phases", get_phases },
	{ "correlate", get_correlate },
	{ "scatter", get_scatter },
	{ "attribution", get_attribution },
	{ "samples.csv", get_csv },
	{ "samples.jsonl", get_jsonl },
	{ "graph.svg", get_svg },
	{ "graph.png", get_png },
	{ "graph.pdf", get_pdf },
	{ "report.json", get_report_json },
	{ "report.html", get_report_html },
};

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
			vm_routes[i].get(c);
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
	     struct answer *ret_answer)
{
	static const char below_vms[] = "/api/v1/vms/";
	struct apipart c = {
		.query = query,
		.params = params,
		.stats = stats,
		.vitals = vitals,
		.recent = recent,
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
		answer_fail(ret_answer, 404, "there is no such page; vmexit-http(7) lists all");
}
