/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the handlers of requests have in common; each get*.c has those of one subject, api.c the
 * table of them. Non-logging.
 */
#ifndef DAEMON_APIPART_H
#define DAEMON_APIPART_H

#include "daemon/host/vitals.h"
#include "daemon/http/answer.h"
#include "daemon/http/params.h"
#include "daemon/query/query.h"
#include "daemon/query/recent.h"
#include "daemon/store/store.h"

struct remote;

/* One request under way. */
struct apipart {
	struct query *query;
	struct params *params;
	const struct store_stats *stats;
	struct vitals *vitals;
	struct recent *recent;
	struct remote *remote;		/* NULL: off */
	struct answer *answer;
	struct query_vm vm;		/* of a path below /api/v1/vms/ */
	bool took_too_long;		/* reading did, see query_limit() */
};

/* True if all parameters are among @known, words with blanks between. False: answered already. */
bool apipart_known(struct apipart *c, const char *known);

/* The answer to a function of query or form that failed with @r. */
void apipart_fail(struct answer *answer, int r);
void apipart_fail_reading(struct apipart *c, int r);

/* The answer is the JSON in answer->text, or says that making it failed with @r. */
void apipart_json(struct apipart *c, int r);

/* Fill c->vm by key or name. False: answered already. */
bool apipart_vm(struct apipart *c, const char *name);

/*
 * What boot, from, to and source select. @boot->number is 0 when they select no single boot.
 * False: answered already.
 */
bool apipart_filter(struct apipart *c, bool latest_by_default, struct query_filter *filter,
		    struct boot *boot);

/* The handlers. Each answers. */
void get_health(struct apipart *c);
void get_vms(struct apipart *c);
void get_sparklines(struct apipart *c);
void get_metrics(struct apipart *c);
void get_reasons(struct apipart *c);
void get_storage(struct apipart *c);
void get_remote(struct apipart *c);
void get_boots(struct apipart *c);
void get_series(struct apipart *c);
void get_marks(struct apipart *c);
void get_gaps(struct apipart *c);
void get_boot_reasons(struct apipart *c);
void get_distribution(struct apipart *c);
void get_csv(struct apipart *c);
void get_jsonl(struct apipart *c);
void get_svg(struct apipart *c);
void get_png(struct apipart *c);
void get_pdf(struct apipart *c);
void get_live(struct apipart *c);
void get_phases(struct apipart *c);
void get_compare(struct apipart *c);
void get_correlate(struct apipart *c);
void get_scatter(struct apipart *c);
void get_attribution(struct apipart *c);
void get_report_json(struct apipart *c);
void get_report_html(struct apipart *c);
void get_daemon(struct apipart *c);

#endif
