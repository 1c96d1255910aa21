/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/httplater.h"

#include "guest-agent/shared/log.h"

#define THINKING_MAX 2			/* at a time */

static void *think(void *arg)
{
	struct http_request *request = arg;
	struct http *http = request->http;
	struct query *query;

	if (query_open(http->database, &query) < 0) {
		answer_fail(&request->answer, 500,
			    "the database could not be read; vmexitd's log says more");
	} else {
		request->answer.later(&request->answer, query);
		query_free(query);
	}
	pthread_mutex_lock(&http->lock);
	request->thought = true;
	http->thinking--;
	pthread_cond_broadcast(&http->drawn);
	MHD_resume_connection(request->connection);
	pthread_mutex_unlock(&http->lock);
	return NULL;
}

enum MHD_Result httplater_start(struct http_request *request)
{
	struct http *http = request->http;
	bool started = false;
	pthread_attr_t attr;
	pthread_t thread;

	pthread_mutex_lock(&http->lock);
	if (http->thinking < THINKING_MAX) {
		pthread_attr_init(&attr);
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
		MHD_suspend_connection(request->connection);
		started = pthread_create(&thread, &attr, think, request) == 0;
		pthread_attr_destroy(&attr);
		if (started)
			http->thinking++;
		else
			MHD_resume_connection(request->connection);
	}
	pthread_mutex_unlock(&http->lock);
	/* From here on the request may be the thread's. */
	return started ? MHD_YES
		       : httpsend_fail(request, 503, "other reports are being made; try again");
}
