/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmexit-http(7) without HTTP: paths and parameters in, an answer out. Knows
 * nothing of sockets; http.c sends what this decides. Non-logging.
 */
#ifndef DAEMON_API_H
#define DAEMON_API_H

#include "daemon/form/exporter.h"
#include "daemon/form/graph.h"
#include "daemon/http/params.h"
#include "daemon/query/series.h"
#include "daemon/store/store.h"
#include "daemon/host/vitals.h"

struct asset;

enum api_kind {
	API_TEXT,		/* `text` */
	API_ASSET,		/* `asset`, a part of the page */
	API_EXPORT,		/* what `exporter` gives */
	API_GRAPH,		/* `graph` of `series`, yet to be drawn */
	API_LIVE,		/* the event stream of `vm_key` */
};

struct api_answer {
	int status;		/* HTTP's */
	enum api_kind kind;
	const char *type;	/* content type */
	char *text;
	const struct asset *asset;
	struct exporter *exporter;
	struct graph graph;
	struct series *series;
	char vm_key[RECORD_KEY_MAX + 1];	/* "" for all */
	char file[RECORD_KEY_MAX + 24];		/* name for a download, "" for none */
	const char *allow;			/* of status 405; NULL: "GET, HEAD" */
};

/*
 * Answer a GET of @path. @stats is the store's, @vitals is what is not stored. The answer, which may be an error
 * in the form of vmexit-http(7), is freed with api_answer_done(); its exporter must
 * not outlive @query.
 */
void api_get(struct query *query, const char *path, struct params *params,
	     const struct store_stats *stats, struct vitals *vitals,
	     struct api_answer *ret_answer);
void api_answer_done(struct api_answer *answer);

/* Fill @answer with an error. */
void api_fail(struct api_answer *answer, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
