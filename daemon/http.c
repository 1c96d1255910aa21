/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/api.h"
#include "daemon/csv.h"
#include "daemon/cursor.h"
#include "daemon/hostnames.h"
#include "daemon/listen.h"
#include "daemon/live.h"
#include "guest-agent/shared/log.h"
#include "web/assets.h"

#define CONNECTIONS_MAX 600
#define CONNECTION_TIMEOUT_S 60
#define CONNECTION_MEMORY 32768
#define DRAWING_MAX 2			/* graphs at a time */
#define BODY_MAX 65536			/* of a request; read and thrown away */

#define CONTENT_POLICY \
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " \
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/* One address: libmicrohttpd gives each a thread. */
struct listener {
	struct http *http;
	struct MHD_Daemon *daemon;
	struct query *query;
	bool tcp;
	int fd;				/* until the daemon owns it */
};

struct http {
	struct http_settings settings;
	struct hostnames hostnames;	/* answered over TCP */
	struct live *live;
	struct listener tcp, local;

	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t drawn;
	struct request *waiting;	/* live streams that are suspended */
	unsigned int drawing;
	struct store_stats stats;
};

/* One request, from its first line to its last byte. */
struct request {
	struct http *http;
	struct listener *listener;
	struct MHD_Connection *connection;
	size_t body;			/* bytes thrown away */
	bool begun;
	struct api_answer answer;

	/* A graph, drawn by a thread while the connection is suspended. */
	bool drawn;
	int draw_error;
	char *picture;
	size_t picture_size;

	/* A CSV being sent. */
	char line[CSV_LINE_MAX];
	size_t line_len, line_pos;

	/* A live stream; suspended while it hangs on http->waiting. */
	struct live_reader reader;
	struct request *next;
	unsigned int users;		/* libmicrohttpd's request, and its response's stream */
};

static void drop(struct request *request)
{
	if (--request->users > 0)
		return;
	api_answer_done(&request->answer);
	free(request->picture);
	free(request);
}

/* ---- answers ---- */

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
	(void)MHD_add_response_header(response, name, value);
}

static enum MHD_Result send_response(struct request *request, struct MHD_Response *response)
{
	const struct api_answer *answer = &request->answer;
	enum MHD_Result result;
	char disposition[128];

	if (!response)
		return MHD_NO;
	if (answer->type)
		add_header(response, "Content-Type", answer->type);
	add_header(response, "Content-Security-Policy", CONTENT_POLICY);
	add_header(response, "X-Content-Type-Options", "nosniff");
	add_header(response, "Referrer-Policy", "no-referrer");
	add_header(response, "Cross-Origin-Resource-Policy", "same-origin");
	if (!answer->asset)
		add_header(response, "Cache-Control", "no-store");
	if (answer->status == 405)
		add_header(response, "Allow", "GET, HEAD");
	if (*answer->file) {
		snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s\"",
			 answer->file);
		add_header(response, "Content-Disposition", disposition);
	}
	result = MHD_queue_response(request->connection, answer->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result send_text(struct request *request)
{
	const char *text = request->answer.text ? request->answer.text : "";

	return send_response(request, MHD_create_response_from_buffer(strlen(text), (void *)text,
								      MHD_RESPMEM_MUST_COPY));
}

static enum MHD_Result fail(struct request *request, int status, const char *message)
{
	api_fail(&request->answer, status, "%s", message);
	return send_text(request);
}

static const char *request_header(struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

/* The page's parts are part of the program: they change only with it. */
static enum MHD_Result send_asset(struct request *request)
{
	const struct asset *asset = request->answer.asset;
	const char *known = request_header(request, "If-None-Match");
	const char *encodings = request_header(request, "Accept-Encoding");
	bool gzip = asset->gzip_size > 0 && encodings && strstr(encodings, "gzip");
	struct MHD_Response *response;

	if (known && strcmp(known, asset->etag) == 0) {
		request->answer.status = 304;
		response = MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
	} else {
		response = MHD_create_response_from_buffer(
			gzip ? asset->gzip_size : asset->size,
			(void *)(gzip ? asset->gzip_data : asset->data), MHD_RESPMEM_PERSISTENT);
		if (response && gzip)
			add_header(response, "Content-Encoding", "gzip");
	}
	if (response) {
		add_header(response, "ETag", asset->etag);
		add_header(response, "Cache-Control", "no-cache");
		add_header(response, "Vary", "Accept-Encoding");
	}
	return send_response(request, response);
}

static ssize_t read_csv(void *cls, uint64_t position, char *buf, size_t max)
{
	struct request *request = cls;
	size_t copied = 0;

	(void)position;
	while (copied < max) {
		size_t n = request->line_len - request->line_pos;

		if (n == 0) {
			const struct row_pair *pair;
			int r = cursor_next(request->answer.cursor, &pair);

			/* An error cuts the answer short, which the client can tell. */
			if (r < 0)
				return MHD_CONTENT_READER_END_WITH_ERROR;
			if (r == 0)
				break;
			request->line_len = csv_row(request->line, request->answer.vm_key,
						    &pair->row);
			request->line_pos = 0;
			continue;
		}
		n = n < max - copied ? n : max - copied;
		memcpy(buf + copied, request->line + request->line_pos, n);
		request->line_pos += n;
		copied += n;
	}
	return copied ? (ssize_t)copied : MHD_CONTENT_READER_END_OF_STREAM;
}

static ssize_t read_live(void *cls, uint64_t position, char *buf, size_t max)
{
	struct request *request = cls;
	struct http *http = request->http;
	int n;

	(void)position;
	pthread_mutex_lock(&http->lock);
	n = live_read(http->live, &request->reader, buf, max);
	if (n == 0) {
		MHD_suspend_connection(request->connection);
		request->next = http->waiting;
		http->waiting = request;
	}
	pthread_mutex_unlock(&http->lock);
	return n < 0 ? MHD_CONTENT_READER_END_OF_STREAM : n;
}

static void resume_live(void *ctx)
{
	struct http *http = ctx;

	pthread_mutex_lock(&http->lock);
	while (http->waiting) {
		struct request *request = http->waiting;

		http->waiting = request->next;
		MHD_resume_connection(request->connection);
	}
	pthread_mutex_unlock(&http->lock);
}

static void free_stream(void *cls)
{
	drop(cls);
}

static enum MHD_Result send_stream(struct request *request, MHD_ContentReaderCallback reader)
{
	struct MHD_Response *response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, CONNECTION_MEMORY / 2, reader, request, free_stream);

	if (response)
		request->users++;
	return send_response(request, response);
}

static enum MHD_Result send_live(struct request *request)
{
	const char *last = request_header(request, "Last-Event-ID");

	live_begin(request->http->live, &request->reader, request->answer.vm_key,
		   last ? strtoll(last, NULL, 10) : 0);
	return send_stream(request, read_live);
}

/* ---- graphs ---- */

static void *draw(void *arg)
{
	struct request *request = arg;
	struct http *http = request->http;
	int r = graph_draw(http->settings.gnuplot, &request->answer.graph, request->answer.series,
			   &request->picture, &request->picture_size);

	pthread_mutex_lock(&http->lock);
	request->draw_error = r;
	request->drawn = true;
	http->drawing--;
	pthread_cond_broadcast(&http->drawn);
	MHD_resume_connection(request->connection);
	pthread_mutex_unlock(&http->lock);
	return NULL;
}

static enum MHD_Result start_drawing(struct request *request)
{
	struct http *http = request->http;
	bool started = false;
	pthread_attr_t attr;
	pthread_t thread;

	pthread_mutex_lock(&http->lock);
	if (http->drawing < DRAWING_MAX) {
		pthread_attr_init(&attr);
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
		MHD_suspend_connection(request->connection);
		started = pthread_create(&thread, &attr, draw, request) == 0;
		pthread_attr_destroy(&attr);
		if (started)
			http->drawing++;
		else
			MHD_resume_connection(request->connection);
	}
	pthread_mutex_unlock(&http->lock);
	/* From here on the request may be the thread's. */
	return started ? MHD_YES : fail(request, 503, "other graphs are being drawn; try again");
}

static enum MHD_Result send_graph(struct request *request)
{
	struct MHD_Response *response;

	if (!request->drawn)
		return start_drawing(request);
	if (request->draw_error == -ETIMEDOUT)
		return fail(request, 503, "gnuplot took too long; ask for fewer points");
	if (request->draw_error < 0)
		return fail(request, 500,
			    "gnuplot drew no graph; is the package gnuplot-nox installed? "
			    "vmexitd's log says more");
	response = MHD_create_response_from_buffer(request->picture_size, request->picture,
						   MHD_RESPMEM_MUST_FREE);
	if (response)
		request->picture = NULL;
	return send_response(request, response);
}

/* ---- requests ---- */

static enum MHD_Result add_param(void *cls, enum MHD_ValueKind kind, const char *key,
				 const char *value)
{
	struct params *params = cls;

	(void)kind;
	if (params->count == PARAMS_MAX)
		return MHD_NO;
	params->untrusted[params->count].key = key;
	params->untrusted[params->count].value = value;
	params->count++;
	return MHD_YES;
}

static enum MHD_Result send_answer(struct request *request)
{
	switch (request->answer.kind) {
	case API_TEXT:
		return send_text(request);
	case API_ASSET:
		return send_asset(request);
	case API_CSV:
		request->line_len = csv_header(request->line);
		return send_stream(request, read_csv);
	case API_LIVE:
		return send_live(request);
	case API_GRAPH:
		return send_graph(request);
	}
	return MHD_NO;
}

static enum MHD_Result answer(struct request *request, const char *method, const char *path)
{
	struct params params = { .count = 0 };
	struct store_stats stats;

	if (request->listener->tcp &&
	    !hostnames_has(&request->http->hostnames, request_header(request, "Host")))
		return fail(request, 403,
			    "this name is not in allowed_hosts of vmexitd.conf; "
			    "use the address that vmexitd listens on");
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return fail(request, 405, "only GET and HEAD are answered here");
	MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, add_param, &params);
	pthread_mutex_lock(&request->http->lock);
	stats = request->http->stats;
	pthread_mutex_unlock(&request->http->lock);
	api_get(request->listener->query, path, &params, &stats, &request->answer);
	return send_answer(request);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **state)
{
	struct listener *listener = cls;
	struct request *request = *state;

	(void)version;
	(void)upload;
	if (!request) {
		request = calloc(1, sizeof(*request));
		if (!request)
			return MHD_NO;
		request->http = listener->http;
		request->listener = listener;
		request->connection = connection;
		request->users = 1;
		*state = request;
		return MHD_YES;
	}
	/* A body may follow the first call; nothing here wants one. */
	if (*upload_size > 0) {
		request->body += *upload_size;
		*upload_size = 0;
		return request->body <= BODY_MAX ? MHD_YES : MHD_NO;
	}
	if (request->drawn)
		return send_graph(request);
	if (request->begun)
		return MHD_YES;
	request->begun = true;
	return answer(request, method, url);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode why)
{
	(void)cls;
	(void)connection;
	(void)why;
	if (*state)
		drop(*state);
	*state = NULL;
}

static void on_log(void *cls, const char *fmt, va_list ap)
{
	char line[512];

	(void)cls;
	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = '\0';
	log_debug("http: %s", line);
}

/* ---- listening ---- */

static int open_tcp(struct http *http)
{
	const char *text = http->settings.listen;
	const char *port;
	int fd, r;

	if (strcmp(text, "off") == 0)
		return 0;
	fd = listen_tcp(text, &port);
	if (fd < 0)
		return fd;
	http->tcp.fd = fd;
	r = hostnames_add(&http->hostnames, text, NULL);
	if (r == 0)
		r = hostnames_add(&http->hostnames, "localhost", port);
	return r < 0 ? r : hostnames_add_list(&http->hostnames, http->settings.allowed_hosts);
}

static int open_local(struct http *http)
{
	int fd;

	if (strcmp(http->settings.api_socket, "off") == 0)
		return 0;
	fd = listen_local(http->settings.api_socket);
	if (fd < 0)
		return fd;
	http->local.fd = fd;
	return 0;
}

static int start(struct http *http, struct listener *listener)
{
	unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
			     MHD_USE_ERROR_LOG;
	int r;

	if (listener->fd < 0)
		return 0;
	r = query_open(http->settings.database, &listener->query);
	if (r < 0)
		return r;
	/* The logger first: options are read in order. */
	listener->daemon = MHD_start_daemon(
		flags, 0, NULL, NULL, on_request, listener, MHD_OPTION_EXTERNAL_LOGGER, on_log,
		NULL, MHD_OPTION_LISTEN_SOCKET, listener->fd, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)CONNECTION_TIMEOUT_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_END);
	if (!listener->daemon) {
		log_error("cannot start serving HTTP: %s", strerror(errno));
		return -EIO;
	}
	return 0;
}

int http_new(const struct http_settings *settings, struct http **ret_http)
{
	struct http *http = calloc(1, sizeof(*http));
	int r;

	if (!http)
		return -ENOMEM;
	http->settings = *settings;
	pthread_mutex_init(&http->lock, NULL);
	pthread_cond_init(&http->drawn, NULL);
	http->tcp = (struct listener){ .http = http, .tcp = true, .fd = -1 };
	http->local = (struct listener){ .http = http, .fd = -1 };
	r = open_tcp(http);
	if (r == 0)
		r = open_local(http);
	if (r == 0)
		r = live_new(settings->database, resume_live, http, &http->live);
	if (r == 0)
		r = start(http, &http->tcp);
	if (r == 0)
		r = start(http, &http->local);
	if (r < 0) {
		http_free(http);
		return r;
	}
	*ret_http = http;
	return 0;
}

static void stop(struct listener *listener)
{
	if (listener->daemon)
		MHD_stop_daemon(listener->daemon);
	else if (listener->fd >= 0)
		close(listener->fd);
	query_free(listener->query);
}

void http_free(struct http *http)
{
	if (!http)
		return;
	/* Nothing may be suspended when a daemon is stopped. */
	if (http->live)
		live_stop(http->live);
	pthread_mutex_lock(&http->lock);
	while (http->drawing > 0)
		pthread_cond_wait(&http->drawn, &http->lock);
	pthread_mutex_unlock(&http->lock);
	if (http->local.fd >= 0)
		(void)unlink(http->settings.api_socket);
	stop(&http->tcp);
	stop(&http->local);
	live_free(http->live);
	hostnames_done(&http->hostnames);
	pthread_cond_destroy(&http->drawn);
	pthread_mutex_destroy(&http->lock);
	free(http);
}

void http_flushed(struct http *http, int what, const struct store_stats *stats)
{
	pthread_mutex_lock(&http->lock);
	http->stats = *stats;
	pthread_mutex_unlock(&http->lock);
	if (what > 0)
		live_committed(http->live, what & STORE_RECORDS);
}
