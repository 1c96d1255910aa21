/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The answer to a request, before it is sent: what http/httpsend.h sends. Non-logging. */
#ifndef DAEMON_ANSWER_H
#define DAEMON_ANSWER_H

#include "daemon/form/exporter.h"
#include "daemon/form/graph.h"
#include "daemon/query/series.h"

#define ANSWER_JSON "application/json; charset=utf-8"

struct answertext;
struct asset;

enum answer_kind {
	ANSWER_TEXT,		/* `text` */
	ANSWER_SHARED,		/* `shared` */
	ANSWER_ASSET,		/* `asset`, a part of the page */
	ANSWER_EXPORT,		/* what `exporter` gives */
	ANSWER_GRAPH,		/* `graph` of `series`, yet to be drawn */
	ANSWER_LIVE,		/* the event stream of `vm_key`, with details of `detail_key` */
	ANSWER_LATER,		/* what `later` makes of it */
};

struct answer {
	int status;		/* HTTP's */
	enum answer_kind kind;
	const char *type;	/* content type */
	char *text;
	unsigned int good_for_ms;	/* others may have it, until the next commit; 0: nobody */
	struct answertext *shared;	/* answercache.h; of whoever sends it */
	const struct asset *asset;
	struct exporter *exporter;
	struct graph graph;
	struct series *series;
	char vm_key[RECORD_KEY_MAX + 1];	/* "" for all */
	char detail_key[RECORD_KEY_MAX + 1];	/* "" for none */
	uint64_t after;				/* the stream goes on behind that sample; 0: begins now */
	char file[RECORD_KEY_MAX + 24];		/* name for a download, "" for none */
	const char *allow;			/* of status 405; NULL: "GET, HEAD" */
	char *policy;		/* Content-Security-Policy in place of the page's */
	/*
	 * For what takes so long that other requests shall not wait for it: fills the answer as
	 * a handler does, in a thread and with a query of its own. `order` is for it, freed by
	 * free().
	 */
	void (*later)(struct answer *answer, struct query *query);
	void *order;
};

void answer_done(struct answer *answer);

/* Fill @answer with an error in the form of vmexit-http(7). */
void answer_fail(struct answer *answer, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
