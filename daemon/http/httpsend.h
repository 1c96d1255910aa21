/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What http.c, which takes requests, and httpsend.c, which sends answers, share.
 * For these two only. Non-logging.
 */
#ifndef DAEMON_HTTPSEND_H
#define DAEMON_HTTPSEND_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "daemon/http/answercache.h"
#include "daemon/http/api.h"
#include "daemon/http/hostnames.h"
#include "daemon/http/listen.h"
#include "daemon/http/live.h"
#include "daemon/http/peer.h"

#define HTTPSEND_CONNECTION_MEMORY 32768

struct http_settings;

/* One address: libmicrohttpd gives each a thread. */
struct http_listener {
	struct http *http;
	struct MHD_Daemon *daemon;
	struct query *query;
	bool tcp;
	int fd;				/* until the daemon owns it */
	/* Of its thread: */
	size_t held;			/* bytes of answers that are not fetched yet */
	unsigned int exports;		/* under way */
	struct answercache cache;
};

struct http {
	struct http_settings *settings;
	const char *gnuplot, *database;
	struct hostnames hostnames;	/* answered over TCP */
	char page[LISTEN_TEXT_MAX];	/* where TCP is listened on; "": nowhere */
	bool api_is_ours;		/* the Unix socket's file, to be removed */
	struct recent *recent;
	struct live *live;
	struct peer_rule peers;		/* who may change something */
	struct http_listener tcp, local;

	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t drawn;
	struct http_request *waiting;	/* live streams that are suspended */
	unsigned int drawing;
	unsigned int thinking;		/* answers that are made later */
	struct http_request *unthought;	/* those that wait for it, the first one first */
	unsigned int unthought_count;
	atomic_bool ending;		/* read without it, too */
	struct store_stats stats;
	uint64_t commits;
};

/* One request, from its first line to its last byte. */
struct http_request {
	struct http *http;
	struct http_listener *listener;
	struct MHD_Connection *connection;
	size_t body;			/* bytes; beyond untrusted_body they are thrown away */
	bool begun;
	uint64_t commits;		/* when it began */
	struct answer answer;
	size_t held;			/* bytes of it that libmicrohttpd has */
	bool exporting;			/* counted by the listener */

	/* A change, carried out elsewhere while the connection is suspended. */
	char *untrusted_body;		/* CHANGE_BODY_MAX */
	bool carried_out;

	/* A graph, drawn by a thread while the connection is suspended. */
	bool drawn;
	int draw_error;
	char *picture;
	size_t picture_size;

	bool thought;			/* an answer that was made later is there */

	/* A live stream; suspended while it hangs on http->waiting. */
	struct live_reader reader;
	struct http_request *next;
	unsigned int users;		/* libmicrohttpd's request, and its response's stream */
};

/*
 * Whether answers that nobody fetches take so much memory that there shall be no more: who
 * asks for much and reads none of it is not to bring down the daemon.
 */
bool httpsend_is_full(const struct http_listener *listener);

/* The last user of @request frees it. */
void httpsend_drop(struct http_request *request);

/* Send what request->answer holds. */
enum MHD_Result httpsend_answer(struct http_request *request);
enum MHD_Result httpsend_text(struct http_request *request);

/* Send an error. */
enum MHD_Result httpsend_fail(struct http_request *request, int status, const char *message);

/* Send a graph, drawing it first. */
enum MHD_Result httpsend_graph(struct http_request *request);

const char *httpsend_header(struct http_request *request, const char *name);

/* Live streams that wait have something to send; for live_new(), with the http. */
void httpsend_resume_live(void *ctx);

#endif
