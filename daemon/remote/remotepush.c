/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/remote/remotepush.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "daemon/version.h"
#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

#define CONNECT_TIMEOUT_MS 10000L
#define SECRET_MAX 4096
#define RETRY_AFTER_MAX_S 3600

struct remotepush {
	struct remotepush_settings settings;
	CURL *curl;
	struct curl_slist *headers;
	/* Of the answer under way. */
	struct remotepush_answer *answer;
	size_t words_len;
	bool closes;			/* it said that it will close the connection */
	bool is_whole;			/* its head */
	/* Of the one before: the connection was to stay open. */
	bool is_kept;
};

static bool has(const char *text)
{
	return text && *text;
}

static char *url_part(CURLU *url, CURLUPart part)
{
	char *text = NULL;

	return curl_url_get(url, part, &text, 0) == CURLUE_OK ? text : NULL;
}

static bool is_loopback(const char *host)
{
	return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
	       (strncmp(host, "127.", 4) == 0 && host[strspn(host, "0123456789.")] == '\0');
}

/* The URL itself is not logged where it may hold a secret. */
static int check_url(const struct remotepush_settings *s)
{
	CURLU *url = curl_url();
	char *scheme = NULL, *host = NULL, *user = NULL, *password = NULL;
	int r = -EINVAL;

	if (!url)
		return -ENOMEM;
	if (curl_url_set(url, CURLUPART_URL, s->url, 0) == CURLUE_OK) {
		scheme = url_part(url, CURLUPART_SCHEME);
		host = url_part(url, CURLUPART_HOST);
		user = url_part(url, CURLUPART_USER);
		password = url_part(url, CURLUPART_PASSWORD);
	}
	/* Of what cannot be taken apart, it is not known where a secret would stand. */
	if (user || password || (!host && strchr(s->url, '@')))
		log_error("remote_write has a user or password in its URL; name the user by "
			  "remote_write_user and a file by remote_write_password_file");
	else if (!scheme || !host || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
		log_error("remote_write = '%s' is neither a URL such as "
			  "https://HOST/api/v1/write nor 'off'", s->url);
	else
		r = 0;
	if (r == 0 && strcmp(scheme, "http") == 0 && !is_loopback(host))
		log_warning("remote_write is without TLS: samples%s go to '%s' in clear",
			    has(s->user) || has(s->token_file) ? " and the secret" : "", host);
	curl_free(scheme);
	curl_free(host);
	curl_free(user);
	curl_free(password);
	curl_url_cleanup(url);
	return r;
}

/* The file's first line into @secret. Returns 0 or -errno. */
static int read_secret(const char *path, char *secret, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, secret, size - 1);
	if (n < 0)
		return -errno;
	secret[n] = '\0';
	secret[strcspn(secret, "\r\n")] = '\0';
	return 0;
}

static void warn_of_readers(const char *path)
{
	struct stat st;

	if (has(path) && stat(path, &st) == 0 && st.st_mode & S_IROTH)
		log_warning("%s can be read by every user; 'chmod o= %s' mends that", path, path);
}

static int check_secrets(const struct remotepush_settings *s)
{
	if (has(s->user) != has(s->password_file)) {
		log_error("remote_write_user and remote_write_password_file go together");
		return -EINVAL;
	}
	if (has(s->user) && has(s->token_file)) {
		log_error("remote_write_user and remote_write_token_file exclude each other");
		return -EINVAL;
	}
	if (has(s->user) && strchr(s->user, ':')) {
		log_error("remote_write_user has a ':' in it");
		return -EINVAL;
	}
	warn_of_readers(s->password_file);
	warn_of_readers(s->token_file);
	return 0;
}

/* The first of what it says, in one line. */
static size_t take_body(char *data, size_t size, size_t count, void *ctx)
{
	struct remotepush *p = ctx;
	char *words = p->answer->words;

	for (size_t i = 0; i < size * count && p->words_len < REMOTEPUSH_WORDS_MAX; i++) {
		unsigned char c = data[i];

		if (isspace(c) && (p->words_len == 0 || words[p->words_len - 1] == ' '))
			continue;
		words[p->words_len++] = isspace(c) ? ' ' : c > 0x20 && c < 0x7f ? c : '?';
	}
	words[p->words_len] = '\0';
	return size * count;
}

/* The value of the header @name, or NULL; its length in @ret_len. */
static const char *value_of(const char *line, size_t len, const char *name, size_t *ret_len)
{
	size_t at = strlen(name);

	if (len <= at || line[at] != ':' || strncasecmp(line, name, at) != 0)
		return NULL;
	for (at++; at < len && isspace((unsigned char)line[at]);)
		at++;
	*ret_len = len - at;
	return line + at;
}

/* Seconds; a date is taken for no word at all. */
static int64_t retry_after_ms(const char *value, size_t len)
{
	int64_t s = 0;

	for (size_t i = 0; i < len && isdigit((unsigned char)value[i]) && s < RETRY_AFTER_MAX_S; i++)
		s = s * 10 + value[i] - '0';
	return (s < RETRY_AFTER_MAX_S ? s : RETRY_AFTER_MAX_S) * 1000;
}

static size_t take_header(char *data, size_t size, size_t count, void *ctx)
{
	struct remotepush *p = ctx;
	size_t n = size * count, len;
	const char *value = value_of(data, n, "Retry-After", &len);

	/* A head that is cut off may be of any answer; libcurl takes it. */
	p->is_whole = data[0] == '\r' || data[0] == '\n';
	if (value)
		p->answer->retry_after_ms = retry_after_ms(value, len);
	value = value_of(data, n, "Connection", &len);
	if (value && len >= 5 && strncasecmp(value, "close", 5) == 0)
		p->closes = true;
	return n;
}

static int look_for_stop(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct remotepush *p = ctx;

	(void)a, (void)b, (void)c, (void)d;
	return p->settings.stop && atomic_load(p->settings.stop);
}

static bool add_header(struct remotepush *p, const char *line)
{
	struct curl_slist *more = curl_slist_append(p->headers, line);

	if (more)
		p->headers = more;
	return more;
}

static int add_headers(struct remotepush *p)
{
	return add_header(p, "Content-Encoding: snappy") &&
	       add_header(p, "Content-Type: application/x-protobuf") &&
	       add_header(p, "X-Prometheus-Remote-Write-Version: 0.1.0") &&
	       add_header(p, "Expect:") ? 0 : -ENOMEM;
}

static int prepare(struct remotepush *p)
{
	const struct remotepush_settings *s = &p->settings;
	CURLcode rc = curl_easy_setopt(p->curl, CURLOPT_URL, s->url);

	if (rc != CURLE_OK)
		return -ENOMEM;
	curl_easy_setopt(p->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(p->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(p->curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(p->curl, CURLOPT_PROXY, "");
	curl_easy_setopt(p->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(p->curl, CURLOPT_POST, 1L);
	curl_easy_setopt(p->curl, CURLOPT_HTTPHEADER, p->headers);
	curl_easy_setopt(p->curl, CURLOPT_USERAGENT, "vmexitd/" VMEXIT_VERSION);
	curl_easy_setopt(p->curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	curl_easy_setopt(p->curl, CURLOPT_TIMEOUT_MS,
			 s->timeout_ms ? s->timeout_ms : (long)REMOTEPUSH_TIMEOUT_MS);
	curl_easy_setopt(p->curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(p->curl, CURLOPT_WRITEDATA, p);
	curl_easy_setopt(p->curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(p->curl, CURLOPT_HEADERDATA, p);
	curl_easy_setopt(p->curl, CURLOPT_XFERINFOFUNCTION, look_for_stop);
	curl_easy_setopt(p->curl, CURLOPT_XFERINFODATA, p);
	curl_easy_setopt(p->curl, CURLOPT_NOPROGRESS, 0L);
	if (has(s->ca_file))
		rc = curl_easy_setopt(p->curl, CURLOPT_CAINFO, s->ca_file);
	return rc == CURLE_OK ? 0 : -ENOMEM;
}

int remotepush_new(const struct remotepush_settings *settings, struct remotepush **ret_push)
{
	struct remotepush *p;
	int r = check_url(settings);

	if (r == 0)
		r = check_secrets(settings);
	if (r < 0)
		return r;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->settings = *settings;
	p->curl = curl_easy_init();
	r = p->curl ? add_headers(p) : -ENOMEM;
	if (r == 0)
		r = prepare(p);
	if (r < 0) {
		remotepush_free(p);
		return r;
	}
	*ret_push = p;
	return 0;
}

void remotepush_free(struct remotepush *push)
{
	if (!push)
		return;
	curl_easy_cleanup(push->curl);
	curl_slist_free_all(push->headers);
	free(push);
}

/* Who we are, by the files as they are now: the secrets in them are changed by others. */
static int authenticate(struct remotepush *p)
{
	const struct remotepush_settings *s = &p->settings;
	const char *path = has(s->token_file) ? s->token_file : s->password_file;
	char secret[SECRET_MAX];
	int r;

	if (!has(path))
		return 0;
	r = read_secret(path, secret, sizeof(secret));
	if (r < 0) {
		snprintf(p->answer->words, sizeof(p->answer->words), "cannot read %.120s: %s",
			 path, strerror(-r));
		return r;
	}
	if (has(s->token_file)) {
		curl_easy_setopt(p->curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
		curl_easy_setopt(p->curl, CURLOPT_XOAUTH2_BEARER, secret);
	} else {
		curl_easy_setopt(p->curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(p->curl, CURLOPT_USERNAME, s->user);
		curl_easy_setopt(p->curl, CURLOPT_PASSWORD, secret);
	}
	explicit_bzero(secret, sizeof(secret));
	return 0;
}

static enum remotepush_result result_of(long status)
{
	if (status >= 200 && status < 300)
		return REMOTEPUSH_TAKEN;
	/* The others are about who asks or where, which a person mends, or about the moment. */
	return status == 400 || status == 413 || status == 422 ? REMOTEPUSH_REFUSED
								: REMOTEPUSH_LATER;
}

static void judge(struct remotepush *p, CURLcode rc)
{
	struct remotepush_answer *a = p->answer;
	long connects = 0;

	curl_easy_getinfo(p->curl, CURLINFO_NUM_CONNECTS, &connects);
	/* A connection that was to stay open is not there any more. */
	a->may_have_restarted = p->is_kept && connects > 0;
	p->is_kept = rc == CURLE_OK && p->is_whole && !p->closes;
	if (rc != CURLE_OK) {
		a->may_have_restarted = true;
		snprintf(a->words, sizeof(a->words), "%s", curl_easy_strerror(rc));
		return;
	}
	if (!p->is_whole) {
		a->may_have_restarted = true;
		snprintf(a->words, sizeof(a->words), "half an answer");
		return;
	}
	curl_easy_getinfo(p->curl, CURLINFO_RESPONSE_CODE, &a->status);
	a->result = result_of(a->status);
	/* A proxy's words for what is behind it. */
	a->may_have_restarted |= a->status >= 502 && a->status <= 504;
	if (a->status >= 300 && a->status < 400)
		snprintf(a->words, sizeof(a->words), "a redirect, which is not followed");
}

void remotepush_send(struct remotepush *push, const uint8_t *bytes, size_t len,
		     struct remotepush_answer *ret_answer)
{
	*ret_answer = (struct remotepush_answer){ .result = REMOTEPUSH_LATER };
	push->answer = ret_answer;
	push->words_len = 0;
	push->closes = push->is_whole = false;
	if (authenticate(push) < 0)
		return;
	curl_easy_setopt(push->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
	curl_easy_setopt(push->curl, CURLOPT_POSTFIELDS, bytes);
	judge(push, curl_easy_perform(push->curl));
}
