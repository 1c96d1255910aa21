/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/httpsend.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "web/assets.h"

#define DRAWING_MAX 2			/* graphs at a time */

/* Of one listener; an export takes some MB, however long it is. */
#define HELD_MAX 67108864
#define EXPORTS_MAX 32

/* Bytes of a stream that the kernel keeps; it takes twice that. */
#define LIVE_SEND_BUFFER 65536

#define CONTENT_POLICY \
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " \
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

bool httpsend_is_full(const struct http_listener *listener)
{
	return listener->held >= HELD_MAX;
}

void httpsend_drop(struct http_request *request)
{
	if (--request->users > 0)
		return;
	request->listener->held -= request->held;
	request->listener->exports -= request->exporting;
	answer_done(&request->answer);
	live_end(request->http->live, &request->reader);
	free(request->picture);
	free(request->untrusted_body);
	free(request);
}

/* ---- answers ---- */

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
	(void)MHD_add_response_header(response, name, value);
}

static enum MHD_Result send_response(struct http_request *request, struct MHD_Response *response)
{
	const struct answer *answer = &request->answer;
	enum MHD_Result result;
	char disposition[128];

	if (!response)
		return MHD_NO;
	if (answer->type)
		add_header(response, "Content-Type", answer->type);
	add_header(response, "Content-Security-Policy", answer->policy ? answer->policy : CONTENT_POLICY);
	add_header(response, "X-Content-Type-Options", "nosniff");
	add_header(response, "Referrer-Policy", "no-referrer");
	add_header(response, "Cross-Origin-Resource-Policy", "same-origin");
	/* An nginx in front would gather a stream's events before it passes them on. */
	if (answer->kind == ANSWER_LIVE)
		add_header(response, "X-Accel-Buffering", "no");
	if (!answer->asset)
		add_header(response, "Cache-Control", "no-store");
	if (answer->status == 405)
		add_header(response, "Allow", answer->allow ? answer->allow : "GET, HEAD");
	if (*answer->file) {
		snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s\"",
			 answer->file);
		add_header(response, "Content-Disposition", disposition);
	}
	result = MHD_queue_response(request->connection, answer->status, response);
	MHD_destroy_response(response);
	return result;
}

/* As a response, which gets *@data; this is NULL then. */
static struct MHD_Response *hand_over(struct http_request *request, char **data, size_t size)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		size, *data ? *data : (void *)"",
		*data ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);

	if (!response)
		return NULL;
	*data = NULL;
	request->held += size;
	request->listener->held += size;
	return response;
}

enum MHD_Result httpsend_text(struct http_request *request)
{
	char **text = &request->answer.text;

	return send_response(request, hand_over(request, text, *text ? strlen(*text) : 0));
}

const char *httpsend_header(struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

static bool accepts_gzip(struct http_request *request)
{
	const char *encodings = httpsend_header(request, "Accept-Encoding");

	return encodings && strstr(encodings, "gzip");
}

static enum MHD_Result send_shared(struct http_request *request)
{
	struct answertext *text = request->answer.shared;
	size_t size;
	const char *gzip = accepts_gzip(request) ? answertext_gzip(text, &size) : NULL;
	const char *bytes = gzip ? gzip : answertext_bytes(text, &size);
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
		size, (void *)bytes, answertext_drop, text);

	if (!response)
		answertext_drop(text);
	if (response && gzip)
		add_header(response, "Content-Encoding", "gzip");
	if (response)
		add_header(response, "Vary", "Accept, Accept-Encoding");
	request->answer.shared = NULL;
	return send_response(request, response);
}

enum MHD_Result httpsend_fail(struct http_request *request, int status, const char *message)
{
	answer_fail(&request->answer, status, "%s", message);
	return httpsend_text(request);
}

/* The page's parts are part of the program: they change only with it. */
static enum MHD_Result send_asset(struct http_request *request)
{
	const struct asset *asset = request->answer.asset;
	const char *known = httpsend_header(request, "If-None-Match");
	bool gzip = asset->gzip_size > 0 && accepts_gzip(request);
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

static ssize_t read_export(void *cls, uint64_t position, char *buf, size_t max)
{
	struct http_request *request = cls;
	ssize_t n = exporter_read(request->answer.exporter, buf, max);

	(void)position;
	/* Nothing yet: others have their turn before this is called again. */
	if (n == -EAGAIN)
		return 0;
	/* An error cuts the answer short, which the client can tell. */
	return n < 0 ? MHD_CONTENT_READER_END_WITH_ERROR
	       : n == 0 ? MHD_CONTENT_READER_END_OF_STREAM : n;
}

static ssize_t read_live(void *cls, uint64_t position, char *buf, size_t max)
{
	struct http_request *request = cls;
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

void httpsend_resume_live(void *ctx)
{
	struct http *http = ctx;

	pthread_mutex_lock(&http->lock);
	while (http->waiting) {
		struct http_request *request = http->waiting;

		http->waiting = request->next;
		MHD_resume_connection(request->connection);
	}
	pthread_mutex_unlock(&http->lock);
}

static void free_stream(void *cls)
{
	httpsend_drop(cls);
}

static enum MHD_Result send_stream(struct http_request *request, MHD_ContentReaderCallback reader)
{
	struct MHD_Response *response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, HTTPSEND_CONNECTION_MEMORY / 2, reader, request, free_stream);

	if (response)
		request->users++;
	return send_response(request, response);
}

static enum MHD_Result send_export(struct http_request *request)
{
	if (request->listener->exports == EXPORTS_MAX)
		return httpsend_fail(request, 503, "other exports are under way; try again");
	request->exporting = true;
	request->listener->exports++;
	return send_stream(request, read_export);
}

/* The sample behind which a stream goes on: a header that is no number is behind nothing known. */
static int64_t last_event(struct http_request *request)
{
	const char *last = httpsend_header(request, "Last-Event-ID");
	uint64_t after = request->answer.after;
	char *end;

	if (last && *last) {
		errno = 0;
		after = strtoull(last, &end, 10);
		if (errno || *end || *last < '0' || *last > '9')
			after = INT64_MAX;
	}
	return after < INT64_MAX ? (int64_t)after : INT64_MAX;
}

/* What the kernel keeps for a client that does not read is old when it does. */
static void keep_short(struct http_request *request)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	int bytes = LIVE_SEND_BUFFER;

	if (info)
		(void)setsockopt(info->connect_fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static enum MHD_Result send_live(struct http_request *request)
{
	struct live_want want = { .last_id = last_event(request) };

	snprintf(want.vm, sizeof(want.vm), "%s", request->answer.vm_key);
	snprintf(want.detail, sizeof(want.detail), "%s", request->answer.detail_key);
	if (live_begin(request->http->live, &request->reader, &want) < 0)
		return httpsend_fail(request, 503, "there is no memory for another stream; try again");
	keep_short(request);
	return send_stream(request, read_live);
}

/* ---- graphs ---- */

static void *draw(void *arg)
{
	struct http_request *request = arg;
	struct http *http = request->http;
	int r = graph_draw(http->gnuplot, &request->answer.graph, request->answer.series,
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

static enum MHD_Result start_drawing(struct http_request *request)
{
	struct http *http = request->http;
	bool started = false;
	pthread_attr_t attr;
	pthread_t thread;

	pthread_mutex_lock(&http->lock);
	if (!http->ending && http->drawing < DRAWING_MAX) {
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
	return started ? MHD_YES : httpsend_fail(request, 503, "other graphs are being drawn; try again");
}

enum MHD_Result httpsend_graph(struct http_request *request)
{
	if (!request->drawn)
		return start_drawing(request);
	series_free(request->answer.series);
	request->answer.series = NULL;
	if (request->draw_error == -ETIMEDOUT)
		return httpsend_fail(request, 503, "gnuplot took too long; ask for fewer points");
	if (request->draw_error < 0)
		return httpsend_fail(request, 500,
			    "gnuplot drew no graph; is the package gnuplot-nox installed? "
			    "vmexitd's log says more");
	return send_response(request, hand_over(request, &request->picture, request->picture_size));
}

enum MHD_Result httpsend_answer(struct http_request *request)
{
	switch (request->answer.kind) {
	case ANSWER_TEXT:
		return httpsend_text(request);
	case ANSWER_SHARED:
		return send_shared(request);
	case ANSWER_ASSET:
		return send_asset(request);
	case ANSWER_EXPORT:
		return send_export(request);
	case ANSWER_LIVE:
		return send_live(request);
	case ANSWER_GRAPH:
		return httpsend_graph(request);
	case ANSWER_LATER:
		break;
	}
	return MHD_NO;
}

