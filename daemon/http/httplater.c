/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/httplater.h"

#include <sys/socket.h>

#include "guest-agent/shared/log.h"

#define THINKING_MAX 2			/* at a time */
#define WAITING_MAX 32			/* for their turn */
#define READING_MS 10000

/* With a query of its own: a listener's is its thread's. */
static void make(struct http_request *request, bool ending)
{
	struct query *query;

	if (ending) {
		answer_fail(&request->answer, 503, "vmexitd is ending; try again when it runs");
	} else if (query_open(request->http->database, &query) < 0) {
		answer_fail(&request->answer, 500,
			    "the database could not be read; vmexitd's log says more");
	} else {
		query_limit(query, READING_MS, &request->http->ending);
		request->answer.later(&request->answer, query);
		query_free(query);
	}
}

/* Whether nobody waits for the answer any more, as who left the page or asked anew. */
static bool is_gone(const struct http_request *request)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	char byte;

	return info && recv(info->connect_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* libmicrohttpd ends those that wait and are gone. With the lock held. */
static void drop_gone(struct http *http)
{
	struct http_request **at = &http->unthought, *request;

	while ((request = *at)) {
		if (!is_gone(request)) {
			at = &request->next;
			continue;
		}
		*at = request->next;
		http->unthought_count--;
		answer_fail(&request->answer, 503, "nobody waits for this");
		request->thought = true;
		MHD_resume_connection(request->connection);
	}
}

/* The one that waits longest, or NULL. */
static struct http_request *take_waiting(struct http *http)
{
	struct http_request *request;

	drop_gone(http);
	request = http->unthought;
	if (request) {
		http->unthought = request->next;
		http->unthought_count--;
		request->next = NULL;
	}
	return request;
}

static void put_waiting(struct http *http, struct http_request *request)
{
	struct http_request **end = &http->unthought;

	while (*end)
		end = &(*end)->next;
	*end = request;
	http->unthought_count++;
}

static void *think(void *arg)
{
	struct http_request *request = arg;
	struct http *http = request->http;

	pthread_mutex_lock(&http->lock);
	while (request) {
		bool ending = http->ending;

		pthread_mutex_unlock(&http->lock);
		make(request, ending);
		pthread_mutex_lock(&http->lock);
		request->thought = true;
		MHD_resume_connection(request->connection);
		request = take_waiting(http);
	}
	http->thinking--;
	pthread_cond_broadcast(&http->drawn);
	pthread_mutex_unlock(&http->lock);
	return NULL;
}

static bool start_thinking(struct http *http, struct http_request *request)
{
	pthread_attr_t attr;
	pthread_t thread;
	bool started;

	if (pthread_attr_init(&attr) != 0)
		return false;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	started = pthread_create(&thread, &attr, think, request) == 0;
	pthread_attr_destroy(&attr);
	http->thinking += started;
	return started;
}

enum MHD_Result httplater_start(struct http_request *request)
{
	struct http *http = request->http;
	bool taken = false;

	pthread_mutex_lock(&http->lock);
	if (http->unthought_count == WAITING_MAX)
		drop_gone(http);
	if (!http->ending && http->unthought_count < WAITING_MAX) {
		MHD_suspend_connection(request->connection);
		taken = http->thinking < THINKING_MAX && start_thinking(http, request);
		/* Who thinks takes those that wait. */
		if (!taken && http->thinking > 0) {
			put_waiting(http, request);
			taken = true;
		}
		if (!taken)
			MHD_resume_connection(request->connection);
	}
	pthread_mutex_unlock(&http->lock);
	/* From here on the request may be a thread's. */
	return taken ? MHD_YES
		     : httpsend_fail(request, 503,
				     "other answers that take long are being made; try again");
}
