/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl/clean.h"
#include "guest-agent/shared/log.h"

#define ANSWER_MAX (64 << 20)
#define TIMEOUT_S 30L

struct answer {
	char *text;
	size_t len;
};

static size_t take(char *data, size_t size, size_t n, void *ctx)
{
	struct answer *answer = ctx;
	size_t len = size * n;
	char *text;

	if (answer->len + len > ANSWER_MAX)
		return 0;
	text = realloc(answer->text, answer->len + len + 1);
	if (!text)
		return 0;
	memcpy(text + answer->len, data, len);
	answer->text = text;
	answer->len += len;
	text[answer->len] = '\0';
	return len;
}

static void log_refusal(long status, const char *text)
{
	json_t *root = json_loads(text, 0, NULL);
	const char *untrusted_message = "no reason given";
	char message[512];

	/* It may quote what a guest or a domain is called. */
	(void)json_unpack(root, "{ss}", "error", &untrusted_message);
	clean_text(untrusted_message, INT_MAX, message, sizeof(message));
	log_error("vmexitd answers %ld: %s", status, message);
	json_decref(root);
}

static int nobody(CURL *curl, const char *socket)
{
	long error = 0;

	(void)curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
	if (error == EACCES || error == EPERM) {
		log_error("this user may not open %s; use sudo, or 'usermod -aG vmexit USER' as root, and "
			  "log in anew",
			  socket);
		return -EACCES;
	}
	log_error("nobody answers at %s; is vmexitd running ('systemctl start vmexitd')? --socket names "
		  "another, and 'vmexitctl doctor' looks for what is wrong",
		  socket);
	return -ECONNREFUSED;
}

static int perform(CURL *curl, const char *socket, struct answer *answer)
{
	CURLcode rc = curl_easy_perform(curl);
	long status = 0;

	if (rc == CURLE_COULDNT_CONNECT)
		return nobody(curl, socket);
	if (rc != CURLE_OK) {
		log_error("asking vmexitd at %s: %s; 'vmexitctl doctor' looks for what is wrong", socket,
			  curl_easy_strerror(rc));
		return -EIO;
	}
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200) {
		log_refusal(status, answer->text ? answer->text : "");
		return status == 404 ? -ENOENT : -EIO;
	}
	return answer->text ? 0 : -EIO;
}

static CURL *prepare(const char *socket, const char *url, struct answer *answer)
{
	CURL *curl = curl_easy_init();

	if (!curl)
		return NULL;
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	return curl;
}

static int get(const char *socket, const char *url, char **ret_text)
{
	struct answer answer = { 0 };
	CURL *curl = prepare(socket, url, &answer);
	int r;

	if (!curl)
		return -ENOMEM;
	r = perform(curl, socket, &answer);
	curl_easy_cleanup(curl);
	if (r < 0) {
		free(answer.text);
		return r;
	}
	*ret_text = answer.text;
	return 0;
}

int client_get(const char *socket, const char *path, char **ret_text)
{
	char url[4096];

	snprintf(url, sizeof(url), "http://localhost%s", path);
	return get(socket, url, ret_text);
}

static int make_url(char *url, size_t size, const char *vm, const char *what)
{
	char *escaped = *vm ? curl_easy_escape(NULL, vm, 0) : NULL;
	int n = escaped ? snprintf(url, size, "http://localhost/api/v1/vms/%s/%s", escaped, what)
			: -1;

	curl_free(escaped);
	if (n > 0 && (size_t)n < size)
		return 0;
	log_error("'%.40s' is no name of a VM; vmexitctl list shows them", vm);
	return -EINVAL;
}

int client_post(const char *socket, const char *vm, const char *what, const char *body,
		char **ret_text)
{
	struct answer answer = { 0 };
	struct curl_slist *headers;
	char url[4096];
	CURL *curl;
	int r = make_url(url, sizeof(url), vm, what);

	if (r < 0)
		return r;
	curl = prepare(socket, url, &answer);
	headers = curl_slist_append(NULL, "Content-Type: application/json");
	if (!curl || !headers) {
		r = -ENOMEM;
	} else {
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
		r = perform(curl, socket, &answer);
	}
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	*ret_text = answer.text;
	return r;
}

/* A stream that says nothing for so long is dead. */
#define STALL_S 120L

struct stream {
	CURL *curl;
	client_piece_fn fn;
	void *ctx;
	struct answer refusal;		/* instead of a stream */
	int error;			/* of fn */
};

static size_t take_piece(char *data, size_t size, size_t n, void *ctx)
{
	struct stream *stream = ctx;
	long status = 0;

	curl_easy_getinfo(stream->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200)
		return take(data, size, n, &stream->refusal);
	stream->error = stream->fn(stream->ctx, data, size * n);
	return stream->error < 0 ? 0 : size * n;
}

/* "?boot=1&..." behind @url. Returns 0 or -EINVAL. */
static int add_params(char *url, size_t size, const struct client_param *params, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(url);
		char *value = curl_easy_escape(NULL, params[i].value, 0);
		int n = value ? snprintf(url + len, size - len, "%c%s=%s", i ? '&' : '?',
					 params[i].name, value)
			      : -1;

		curl_free(value);
		if (n < 0 || (size_t)n >= size - len) {
			log_error("%s is too long", params[i].name);
			return -EINVAL;
		}
	}
	return 0;
}

int client_ask(const char *socket, const char *vm, const char *what,
	       const struct client_param *params, size_t count, char **ret_text)
{
	char url[8192];
	int r = 0;

	if (vm)
		r = make_url(url, sizeof(url), vm, what);
	else
		snprintf(url, sizeof(url), "http://localhost/api/v1/%s", what);
	if (r == 0)
		r = add_params(url, sizeof(url), params, count);
	return r < 0 ? r : get(socket, url, ret_text);
}

static int perform_stream(struct stream *stream, const char *socket)
{
	/* What went wrong with a piece has been said. */
	char error[CURL_ERROR_SIZE] = "";
	CURLcode rc;
	long status = 0;

	curl_easy_setopt(stream->curl, CURLOPT_ERRORBUFFER, error);
	rc = curl_easy_perform(stream->curl);
	if (stream->error < 0)
		return stream->error;
	curl_easy_getinfo(stream->curl, CURLINFO_RESPONSE_CODE, &status);
	if (rc == CURLE_COULDNT_CONNECT)
		return nobody(stream->curl, socket);
	if (rc != CURLE_OK) {
		log_error("%s: %s", status == 200 ? "the answer was cut short" : socket,
			  *error ? error : curl_easy_strerror(rc));
		return -EIO;
	}
	if (status != 200)
		log_refusal(status, stream->refusal.text ? stream->refusal.text : "");
	return status == 200 ? 0 : status == 404 ? -ENOENT : -EIO;
}

int client_stream(const char *socket, const char *vm, const char *what,
		  const struct client_param *params, size_t count, client_piece_fn fn, void *ctx)
{
	struct stream stream = { .fn = fn, .ctx = ctx };
	char url[8192];
	int r = make_url(url, sizeof(url), vm, what);

	if (r == 0)
		r = add_params(url, sizeof(url), params, count);
	if (r < 0)
		return r;
	stream.curl = prepare(socket, url, NULL);
	if (!stream.curl)
		return -ENOMEM;
	curl_easy_setopt(stream.curl, CURLOPT_TIMEOUT, 0L);
	curl_easy_setopt(stream.curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(stream.curl, CURLOPT_LOW_SPEED_TIME, STALL_S);
	curl_easy_setopt(stream.curl, CURLOPT_BUFFERSIZE, 262144L);
	curl_easy_setopt(stream.curl, CURLOPT_WRITEFUNCTION, take_piece);
	curl_easy_setopt(stream.curl, CURLOPT_WRITEDATA, &stream);
	r = perform_stream(&stream, socket);
	curl_easy_cleanup(stream.curl);
	free(stream.refusal.text);
	return r;
}
