/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/apipart.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/form/htmlreport.h"
#include "daemon/form/jsonreport.h"
#include "daemon/report/report.h"

/* What is to be reported on, and how. */
struct order {
	struct query_vm vm;
	bool has_boot;
	struct boot boot;
	struct query_filter filter;
	bool html, download;
};

static int make_html(struct answer *answer, const struct order *order, const struct report *report)
{
	int r = htmlreport_policy(&answer->policy);

	if (r == 0)
		r = htmlreport_text(report, time(NULL), &answer->text);
	if (r < 0 || !order->download)
		return r;
	if (order->has_boot)
		snprintf(answer->file, sizeof(answer->file), "vmexit-%s-%u.html", order->vm.key,
			 order->boot.number);
	else
		snprintf(answer->file, sizeof(answer->file), "vmexit-%s.html", order->vm.key);
	return 0;
}

/* In a thread of its own. */
static void make_report(struct answer *answer, struct query *query)
{
	struct order order = *(const struct order *)answer->order;
	struct report *report = NULL;
	int r = report_read(query, &order.vm, order.has_boot ? &order.boot : NULL, &order.filter, &report);

	if (r == 0)
		r = order.html ? make_html(answer, &order, report)
			       : jsonreport_text(report, &answer->text);
	report_free(report);
	if (r < 0) {
		apipart_fail(answer, r);
		return;
	}
	answer->status = 200;
	answer->kind = ANSWER_TEXT;
	answer->type = order.html ? "text/html; charset=utf-8" : ANSWER_JSON;
}

static void get_report(struct apipart *c, bool html)
{
	const char *download = params_get(c->params, "download");
	struct query_filter filter;
	struct order *order;
	struct boot boot;

	if (!apipart_known(c, html ? "boot from to source download" : "boot from to source") ||
	    !apipart_filter(c, true, &filter, &boot))
		return;
	if (download && strcmp(download, "yes") != 0 && strcmp(download, "no") != 0) {
		answer_fail(c->answer, 400, "download = '%.40s' is neither 'yes' nor 'no'", download);
		return;
	}
	order = malloc(sizeof(*order));
	if (!order) {
		apipart_fail_reading(c, -ENOMEM);
		return;
	}
	*order = (struct order){
		.vm = c->vm,
		.has_boot = boot.number != 0,
		.boot = boot,
		.filter = filter,
		.html = html,
		.download = download && *download == 'y',
	};
	c->answer->kind = ANSWER_LATER;
	c->answer->later = make_report;
	c->answer->order = order;
}

void get_report_json(struct apipart *c)
{
	get_report(c, false);
}

void get_report_html(struct apipart *c)
{
	get_report(c, true);
}
