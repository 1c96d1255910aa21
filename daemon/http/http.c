/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/monotonic.h"
#include "daemon/http/change.h"
#include "daemon/http/httplater.h"
#include "daemon/http/httpsend.h"
#include "guest-agent/shared/log.h"

#define CONNECTIONS_MAX 600
#define CONNECTION_TIMEOUT_S 60
#define BODY_MAX 65536			/* of a request; what a change does not take is thrown away */

/* ---- changes ---- */

static void on_carried_out(void *ctx, int status, const char *text)
{
	struct http_request *request = ctx;
	struct http *http = request->http;

	pthread_mutex_lock(&http->lock);
	request->answer.status = status;
	request->answer.kind = ANSWER_TEXT;
	request->answer.type = ANSWER_JSON;
	request->answer.text = text ? strdup(text) : NULL;
	request->carried_out = true;
	MHD_resume_connection(request->connection);
	pthread_mutex_unlock(&http->lock);
}

static bool may_change(struct http_request *request)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info && peer_allows_socket(&request->http->peers, info->connect_fd);
}

static enum MHD_Result give_order(struct http_request *request, const struct order *order)
{
	struct http *http = request->http;
	int r;

	pthread_mutex_lock(&http->lock);
	MHD_suspend_connection(request->connection);
	r = orders_give(http->settings->orders, order, on_carried_out, request);
	if (r < 0)
		MHD_resume_connection(request->connection);
	pthread_mutex_unlock(&http->lock);
	if (r == 0)
		return MHD_YES;
	return httpsend_fail(request, 503, r == -ESHUTDOWN ? "vmexitd is ending; try again when it runs"
						  : "too many changes wait; try again");
}

static enum MHD_Result change(struct http_request *request, const char *path)
{
	struct order order;

	if (!change_is(path))
		return httpsend_fail(request, 405, "only GET and HEAD are answered here");
	if (!may_change(request))
		return httpsend_fail(request, 403,
			    "only root, vmexitd's own user and members of the group " PEER_GROUP
			    " may change something; use sudo, or 'usermod -aG " PEER_GROUP
			    " USER' and log in anew");
	if (request->body > CHANGE_BODY_MAX)
		return httpsend_fail(request, 413, "the body is too long");
	if (change_parse(request->listener->query, path, request->untrusted_body, request->body,
			 &order, &request->answer) < 0)
		return httpsend_text(request);
	return give_order(request, &order);
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

/* What the request asks for; who scrapes asks for a format with a header. */
static void take_params(struct http_request *request, const char *path, struct params *params)
{
	const char *accept = httpsend_header(request, "Accept");

	MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, add_param, params);
	if (strcmp(path, "/metrics") == 0 && accept &&
	    strcasestr(accept, "application/openmetrics-text") && !params_get(params, "format"))
		(void)add_param(params, MHD_GET_ARGUMENT_KIND, "format", "openmetrics");
}

/* An answer that was made later; others may have it as well. */
static enum MHD_Result send_thought(struct http_request *request, const char *path)
{
	struct params params = { .count = 0 };

	take_params(request, path, &params);
	answercache_put(&request->listener->cache, path, &params, request->commits, monotonic_ms(),
			&request->answer);
	return httpsend_answer(request);
}

static enum MHD_Result answer(struct http_request *request, const char *method, const char *path)
{
	struct params params = { .count = 0 };
	struct answercache *cache = &request->listener->cache;
	struct store_stats stats;
	int64_t now_ms;

	if (request->listener->tcp &&
	    !hostnames_has(&request->http->hostnames, httpsend_header(request, "Host")))
		return httpsend_fail(request, 403,
			    "this name is not in allowed_hosts of vmexitd.conf: add it there, "
			    "or use the address that vmexitd listens on");
	if (strcmp(method, "POST") == 0 && !request->listener->tcp)
		return change(request, path);
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return httpsend_fail(request, 405,
			    request->listener->tcp
				    ? "only GET and HEAD are answered here; changes are made with "
				      "vmexitctl, over vmexitd's Unix socket"
				    : "only GET, HEAD and POST are answered here");
	if (change_is(path)) {
		answer_fail(&request->answer, 405, "this is a change, by POST on vmexitd's Unix socket");
		request->answer.allow = "POST";
		return httpsend_text(request);
	}
	if ((strncmp(path, "/api/", 5) == 0 || strcmp(path, "/metrics") == 0) &&
	    httpsend_is_full(request->listener))
		return httpsend_fail(request, 503, "other answers wait to be fetched; try again");
	take_params(request, path, &params);
	pthread_mutex_lock(&request->http->lock);
	stats = request->http->stats;
	request->commits = request->http->commits;
	pthread_mutex_unlock(&request->http->lock);
	now_ms = monotonic_ms();
	if (answercache_get(cache, path, &params, request->commits, now_ms, &request->answer))
		return httpsend_answer(request);
	api_get(request->listener->query, path, &params, &stats, request->http->settings->vitals,
		request->http->recent, request->http->settings->remote, &request->answer);
	answercache_put(cache, path, &params, request->commits, now_ms, &request->answer);
	if (request->answer.kind == ANSWER_LATER)
		return httplater_start(request);
	return httpsend_answer(request);
}

/* Keep what a change may have; the rest is only counted. */
static int take_body(struct http_request *request, const char *data, size_t size)
{
	size_t kept = request->body < CHANGE_BODY_MAX ? request->body : CHANGE_BODY_MAX;
	size_t room = CHANGE_BODY_MAX - kept;

	if (!request->untrusted_body)
		request->untrusted_body = malloc(CHANGE_BODY_MAX);
	if (!request->untrusted_body)
		return -ENOMEM;
	memcpy(request->untrusted_body + kept, data, size < room ? size : room);
	request->body += size;
	return 0;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **state)
{
	struct http_listener *listener = cls;
	struct http_request *request = *state;

	(void)version;
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
	/* A body may follow the first call; only a change wants one. */
	if (*upload_size > 0) {
		if (take_body(request, upload, *upload_size) < 0)
			return MHD_NO;
		*upload_size = 0;
		return request->body <= BODY_MAX ? MHD_YES : MHD_NO;
	}
	if (request->drawn)
		return httpsend_graph(request);
	if (request->thought)
		return send_thought(request, url);
	if (request->carried_out)
		return httpsend_text(request);
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
		httpsend_drop(*state);
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
	const char *text = http->settings->listen;
	int fd, r;

	if (http->tcp.fd < 0 && strcmp(text, "off") == 0)
		return 0;
	if (http->tcp.fd < 0) {
		fd = listen_tcp(text);
		if (fd < 0)
			return fd;
		http->tcp.fd = fd;
	}
	r = listen_tcp_text(http->tcp.fd, http->page);
	if (r < 0)
		return r;
	if (http->settings->page_fd >= 0)
		listen_tcp_given(http->page, text);
	hostnames_add_loopback(&http->hostnames);
	r = hostnames_add(&http->hostnames, http->page);
	return r < 0 ? r : hostnames_add_list(&http->hostnames, http->settings->allowed_hosts);
}

static int open_local(struct http *http)
{
	int fd;

	if (http->local.fd >= 0 || strcmp(http->settings->api_socket, "off") == 0)
		return 0;
	fd = listen_local(http->settings->api_socket);
	if (fd < 0)
		return fd;
	http->local.fd = fd;
	http->api_is_ours = true;
	return 0;
}

static int start(struct http *http, struct http_listener *listener)
{
	unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
			     MHD_USE_ERROR_LOG;
	int r;

	if (listener->fd < 0)
		return 0;
	listener->cache.held = &listener->held;
	r = query_open(http->settings->database, &listener->query);
	if (r < 0)
		return r;
	/* The logger first: options are read in order. */
	listener->daemon = MHD_start_daemon(
		flags, 0, NULL, NULL, on_request, listener, MHD_OPTION_EXTERNAL_LOGGER, on_log,
		NULL, MHD_OPTION_LISTEN_SOCKET, listener->fd, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)CONNECTION_TIMEOUT_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTPSEND_CONNECTION_MEMORY, MHD_OPTION_END);
	if (!listener->daemon) {
		log_error("cannot start serving HTTP: %s", strerror(errno));
		return -EIO;
	}
	return 0;
}

static void close_given(const struct http_settings *settings)
{
	if (settings->page_fd >= 0)
		close(settings->page_fd);
	if (settings->api_fd >= 0)
		close(settings->api_fd);
}

int http_new(const struct http_settings *settings, struct http **ret_http)
{
	struct http *http = calloc(1, sizeof(*http));
	int r;

	if (http)
		http->settings = malloc(sizeof(*http->settings));
	if (!http || !http->settings) {
		free(http);
		close_given(settings);
		return -ENOMEM;
	}
	*http->settings = *settings;
	http->gnuplot = settings->gnuplot;
	http->database = settings->database;
	http->stats = settings->stats;
	peer_rule_init(&http->peers);
	pthread_mutex_init(&http->lock, NULL);
	pthread_cond_init(&http->drawn, NULL);
	http->tcp = (struct http_listener){ .http = http, .tcp = true, .fd = settings->page_fd };
	http->local = (struct http_listener){ .http = http, .fd = settings->api_fd };
	r = open_tcp(http);
	if (r == 0)
		r = open_local(http);
	if (r == 0)
		r = recent_new(&http->recent);
	if (r == 0)
		r = live_new(settings->database, http->recent, httpsend_resume_live, http, &http->live);
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

static void stop(struct http_listener *listener)
{
	if (listener->daemon)
		MHD_stop_daemon(listener->daemon);
	else if (listener->fd >= 0)
		close(listener->fd);
	answercache_done(&listener->cache);
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
	http->ending = true;
	while (http->drawing > 0 || http->thinking > 0)
		pthread_cond_wait(&http->drawn, &http->lock);
	pthread_mutex_unlock(&http->lock);
	if (http->api_is_ours)
		(void)unlink(http->settings->api_socket);
	stop(&http->tcp);
	stop(&http->local);
	live_free(http->live);
	recent_free(http->recent);
	hostnames_done(&http->hostnames);
	pthread_cond_destroy(&http->drawn);
	pthread_mutex_destroy(&http->lock);
	free(http->settings);
	free(http);
}

const char *http_page(const struct http *http)
{
	return *http->page ? http->page : NULL;
}

void http_flushed(struct http *http, int what, const struct store_stats *stats)
{
	pthread_mutex_lock(&http->lock);
	http->stats = *stats;
	http->commits += what > 0;
	pthread_mutex_unlock(&http->lock);
	if (what > 0)
		live_committed(http->live, what & STORE_RECORDS);
}
