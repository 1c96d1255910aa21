/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/link.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/monotonic.h"

#define ANSWER_MAX (64 << 20)
#define FDS_MAX 4

struct request {
	CURL *curl;			/* NULL: free */
	link_piece_fn piece;		/* NULL: not a stream */
	link_done_fn done;
	void *ctx;
	char *text;
	size_t len;
	int64_t heard_ms;		/* of a stream: when it said something */
};

struct link {
	const char *socket;		/* NULL: by TCP */
	const char *host;		/* of the URL */
	CURLM *multi;
	struct request requests[LINK_MAX];
};

static void drop(struct link *link, struct request *request)
{
	if (!request->curl)
		return;
	curl_multi_remove_handle(link->multi, request->curl);
	curl_easy_cleanup(request->curl);
	free(request->text);
	*request = (struct request){ 0 };
}

static int new(const char *socket, const char *host, struct link **ret_link)
{
	struct link *link = calloc(1, sizeof(*link));

	if (!link)
		return -ENOMEM;
	link->socket = socket;
	link->host = host;
	link->multi = curl_multi_init();
	if (!link->multi) {
		free(link);
		return -ENOMEM;
	}
	*ret_link = link;
	return 0;
}

int link_new(const char *socket, struct link **ret_link)
{
	return new(socket, "localhost", ret_link);
}

int link_new_tcp(const char *address, struct link **ret_link)
{
	return new(NULL, address, ret_link);
}

void link_free(struct link *link)
{
	if (!link)
		return;
	for (size_t i = 0; i < LINK_MAX; i++)
		drop(link, &link->requests[i]);
	curl_multi_cleanup(link->multi);
	free(link);
}

static int keep(struct request *request, const char *data, size_t len)
{
	char *text;

	if (len > ANSWER_MAX - request->len)
		return -E2BIG;
	text = realloc(request->text, request->len + len + 1);
	if (!text)
		return -ENOMEM;
	memcpy(text + request->len, data, len);
	request->text = text;
	request->len += len;
	text[request->len] = '\0';
	return 0;
}

static size_t take(char *data, size_t size, size_t n, void *ctx)
{
	struct request *request = ctx;
	long status = 0;

	request->heard_ms = monotonic_ms();
	curl_easy_getinfo(request->curl, CURLINFO_RESPONSE_CODE, &status);
	if (request->piece && status == 200) {
		request->piece(request->ctx, data, size * n);
		return size * n;
	}
	return keep(request, data, size * n) < 0 ? 0 : size * n;
}

static int start(struct link *link, const char *path, link_piece_fn piece, link_done_fn done,
		 void *ctx)
{
	struct request *request = NULL;
	char url[4096];
	CURL *curl;

	for (size_t i = 0; i < LINK_MAX && !request; i++)
		request = link->requests[i].curl ? NULL : &link->requests[i];
	if (!request)
		return -EBUSY;
	curl = curl_easy_init();
	if (!curl)
		return -ENOMEM;
	(void)snprintf(url, sizeof(url), "http://%s%s", link->host, path);
	*request = (struct request){ curl, piece, done, ctx, .heard_ms = monotonic_ms() };
	curl_easy_setopt(curl, CURLOPT_URL, url);
	if (link->socket)
		curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, link->socket);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, request);
	curl_easy_setopt(curl, CURLOPT_PRIVATE, request);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)LINK_TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, piece ? 0L : (long)LINK_TIMEOUT_S);
	if (curl_multi_add_handle(link->multi, curl) == CURLM_OK)
		return 0;
	curl_easy_cleanup(curl);
	*request = (struct request){ 0 };
	return -ENOMEM;
}

int link_vm_path(char *path, size_t size, const char *vm, const char *what)
{
	char *escaped = *vm ? curl_easy_escape(NULL, vm, 0) : NULL;
	int n = escaped ? snprintf(path, size, "/api/v1/vms/%s/%s", escaped, what) : -1;

	curl_free(escaped);
	return n > 0 && (size_t)n < size ? 0 : -EINVAL;
}

int link_get(struct link *link, const char *path, link_done_fn done, void *ctx)
{
	return start(link, path, NULL, done, ctx);
}

int link_stream(struct link *link, const char *path, link_piece_fn piece, link_done_fn done,
		void *ctx)
{
	return start(link, path, piece, done, ctx);
}

/* Whoever is told may ask again at once, so its place is free by then. */
static void finish(struct link *link, struct request *request, CURLcode rc, const char *why)
{
	link_done_fn done = request->done;
	void *ctx = request->ctx;
	char *text = request->text;
	long status = 0;

	curl_easy_getinfo(request->curl, CURLINFO_RESPONSE_CODE, &status);
	request->text = NULL;
	drop(link, request);
	if (rc == CURLE_OK)
		done(ctx, status, text ? text : "");
	else
		done(ctx, 0, why);
	free(text);
}

static const char *reason_of(CURLcode rc)
{
	switch (rc) {
	case CURLE_COULDNT_CONNECT:
		return "nobody is at its socket";
	case CURLE_OPERATION_TIMEDOUT:
		return "it takes too long";
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		return "it went away";
	default:
		return curl_easy_strerror(rc);
	}
}

/* A daemon that is stopped keeps its connections and says nothing. */
static bool end_stalled(struct link *link)
{
	int64_t deadline = monotonic_ms() - LINK_STALL_S * 1000;
	bool ended = false;

	for (size_t i = 0; i < LINK_MAX; i++) {
		struct request *request = &link->requests[i];

		if (!request->piece || request->heard_ms >= deadline)
			continue;
		finish(link, request, CURLE_OPERATION_TIMEDOUT, "it says nothing any more");
		ended = true;
	}
	return ended;
}

/* Whether anything has ended. */
static bool perform(struct link *link)
{
	bool ended = false;
	CURLMsg *message;
	int running, left;

	curl_multi_perform(link->multi, &running);
	while ((message = curl_multi_info_read(link->multi, &left))) {
		struct request *request = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
		finish(link, request, message->data.result, reason_of(message->data.result));
		ended = true;
	}
	return end_stalled(link) || ended;
}

void link_wait(struct link *link, const int *fds, size_t count, int timeout_ms)
{
	struct curl_waitfd waits[FDS_MAX] = { 0 };

	for (size_t i = 0; i < count && i < FDS_MAX; i++)
		waits[i] = (struct curl_waitfd){ .fd = fds[i], .events = CURL_WAIT_POLLIN };
	/* What has ended at once is no reason to wait. */
	if (perform(link))
		return;
	curl_multi_poll(link->multi, waits, count < FDS_MAX ? count : FDS_MAX, timeout_ms, NULL);
	(void)perform(link);
}
