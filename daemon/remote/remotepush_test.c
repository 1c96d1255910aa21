/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is sent, and what the answers are taken for. */
#include <errno.h>
#include <sys/stat.h>

#include "daemon/remote/remotepush.h"
#include "daemon/remote/testreceiver.h"
#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"


static const uint8_t body[] = "body\0of bytes";

static int logged;
static bool has_secret;			/* in one of the lines */

static void count_line(int level, const char *line)
{
	(void)level;
	has_secret |= strstr(line, "secret") != NULL;
	logged++;
}

/* Whether settings with @url are taken; how many lines they cost. */
static int make(struct remotepush_settings settings, int *ret_lines)
{
	struct remotepush *push = NULL;
	int r;

	logged = 0;
	r = remotepush_new(&settings, &push);
	remotepush_free(push);
	*ret_lines = logged;
	return r;
}

#define SETTINGS(...) ((struct remotepush_settings){ __VA_ARGS__ })

static void test_settings(void)
{
	static const char *const wrong[] = {
		"", "localhost:8428/api/v1/write", "ftp://localhost/", "file:///etc/passwd", "http://",
		"https://user@localhost/", "https://user:secret@localhost/", "on",
		"htp://user:secret@localhost/", "https://user:secret@local host/",
	};
	int lines;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ok(make(SETTINGS(.url = wrong[i]), &lines) == -EINVAL && lines == 1,
		   "'%s' is refused in one line", wrong[i]);
	ok(!has_secret, "in which is no secret");
	ok(make(SETTINGS(.url = "http://127.0.0.1:1/api/v1/write"), &lines) == 0 && lines == 0,
	   "loopback needs no TLS");
	ok(make(SETTINGS(.url = "https://example.org/api/v1/write"), &lines) == 0 && lines == 0,
	   "another host with TLS");
	ok(make(SETTINGS(.url = "http://example.org/api/v1/write"), &lines) == 0 && lines == 1,
	   "without it a warning");
	ok(make(SETTINGS(.url = "http://127.example.org/"), &lines) == 0 && lines == 1,
	   "a name that begins as loopback's address does is none");
	ok(make(SETTINGS(.url = "http://[::1]/", .user = "u"), &lines) == -EINVAL && lines == 1,
	   "a user without a password's file is refused");
	ok(make(SETTINGS(.url = "http://[::1]/", .password_file = "/f"), &lines) == -EINVAL,
	   "and the other way round");
	ok(make(SETTINGS(.url = "http://[::1]/", .user = "u", .password_file = "/f",
			 .token_file = "/t"), &lines) == -EINVAL, "two ways at once, too");
}

/* Send one request, to answers that are given. */
struct sent {
	struct testreceiver receiver;
	struct remotepush *push;
	char url[64];
	bool open;
};

static bool begin(struct sent *s, const char *const *answers, size_t count,
		  struct remotepush_settings settings)
{
	s->push = NULL;
	s->open = testreceiver_start(&s->receiver, answers, count);
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%d/api/v1/write", s->receiver.port);
	settings.url = s->url;
	return ok(s->open && remotepush_new(&settings, &s->push) == 0, "begun");
}

static void end(struct sent *s)
{
	remotepush_free(s->push);
	if (s->open)
		testreceiver_end(&s->receiver);
}

static struct remotepush_answer send_to(struct sent *s)
{
	struct remotepush_answer answer;

	remotepush_send(s->push, body, sizeof(body), &answer);
	return answer;
}

static bool has_line(const struct sent *s, const char *line)
{
	return strcasestr(s->receiver.request, line) != NULL;
}

static void test_request(void)
{
	static const char *const answers[] = { "HTTP/1.1 204 No Content\r\n\r\n" };
	struct remotepush_answer a;
	struct sent s;

	if (!begin(&s, answers, 1, SETTINGS(.timeout_ms = 5000)))
		return end(&s);
	a = send_to(&s);
	ok(a.result == REMOTEPUSH_TAKEN && a.status == 204 && !a.may_have_restarted, "it is taken");
	ok(strncmp(s.receiver.request, "POST /api/v1/write HTTP/1.1\r\n", 29) == 0, "by POST");
	ok(has_line(&s, "\r\nContent-Encoding: snappy\r\n") &&
	   has_line(&s, "\r\nContent-Type: application/x-protobuf\r\n") &&
	   has_line(&s, "\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\n") &&
	   has_line(&s, "\r\nUser-Agent: vmexitd/"), "with the headers of the specification");
	ok(!has_line(&s, "Authorization") && !has_line(&s, "Expect"), "and none besides");
	ok(s.receiver.request_len > sizeof(body) &&
	   memcmp(s.receiver.request + s.receiver.request_len - sizeof(body), body, sizeof(body)) == 0,
	   "and the bytes as they are");
	a = send_to(&s);
	ok(a.result == REMOTEPUSH_TAKEN && !a.may_have_restarted && s.receiver.connections == 1,
	   "the next goes over the same connection");
	end(&s);
}

struct result_case {
	const char *answer;
	enum remotepush_result result;
	const char *words;
};

static void test_results(void)
{
#define ANSWER(status, more) "HTTP/1.1 " status "\r\nConnection: close\r\nContent-Length: 4\r\n" more "\r\nw\n\n."
	static const struct result_case cases[] = {
		{ ANSWER("200 OK", ""), REMOTEPUSH_TAKEN, "w ." },
		{ ANSWER("400 Bad Request", ""), REMOTEPUSH_REFUSED, "w ." },
		{ ANSWER("413 Too Large", ""), REMOTEPUSH_REFUSED, "w ." },
		{ ANSWER("422 No", ""), REMOTEPUSH_REFUSED, "w ." },
		{ ANSWER("401 Who", ""), REMOTEPUSH_LATER, "w ." },
		{ ANSWER("404 Where", ""), REMOTEPUSH_LATER, "w ." },
		{ ANSWER("429 Slow", "Retry-After: 7\r\n"), REMOTEPUSH_LATER, "w ." },
		{ ANSWER("500 Oh", ""), REMOTEPUSH_LATER, "w ." },
		{ ANSWER("502 Gone", ""), REMOTEPUSH_LATER, "w ." },
		{ ANSWER("503 Later", "Retry-After: 99999999999999999999\r\n"), REMOTEPUSH_LATER, "w ." },
		{ ANSWER("302 There", "Location: http://127.0.0.1:1/\r\n"), REMOTEPUSH_LATER,
		  "a redirect, which is not followed" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nhalf",
		  REMOTEPUSH_LATER, NULL },
		{ "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Le", REMOTEPUSH_LATER, NULL },
		{ "nonsense\r\n\r\nConnection: close", REMOTEPUSH_LATER, NULL },
		{ NULL, REMOTEPUSH_LATER, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct result_case *c = &cases[i];
		struct remotepush_answer a;
		struct sent s;

		if (!begin(&s, &c->answer, 1, SETTINGS(.timeout_ms = 5000)))
			return end(&s);
		a = send_to(&s);
		ok(a.result == c->result && (c->words ? strcmp(a.words, c->words) == 0 : *a.words),
		   "%.*s: %d, %s", c->answer ? (int)strcspn(c->answer, "\r") : 7,
		   c->answer ? c->answer : "hung up", a.result, a.words);
		ok(a.retry_after_ms == (a.status == 429 ? 7000 : a.status == 503 ? 3600000 : 0),
		   "when to come back: %lld", (long long)a.retry_after_ms);
		/* Unless it said so itself, nothing but a restart explains an end, or a proxy's word. */
		ok(a.may_have_restarted == (!c->words || a.status == 502 || a.status == 503), "whether it may have restarted");
		end(&s);
	}
}

static void test_restart(void)
{
	static const char *const polite[] = {
		"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n" };
	static const char *const rude[] = { "HTTP/1.1 204 No Content\r\n\r\n", NULL,
					    "HTTP/1.1 204 No Content\r\n\r\n" };
	struct remotepush_answer a;
	struct sent s;

	if (begin(&s, polite, 2, SETTINGS(.timeout_ms = 5000))) {
		(void)send_to(&s);
		a = send_to(&s);
		ok(a.result == REMOTEPUSH_TAKEN && !a.may_have_restarted && s.receiver.connections == 2,
		   "a connection whose end was announced says nothing");
	}
	end(&s);
	if (begin(&s, rude, 3, SETTINGS(.timeout_ms = 5000))) {
		(void)send_to(&s);
		a = send_to(&s);
		ok(a.may_have_restarted && s.receiver.connections >= 1,
		   "one that was cut off may be a restart, even if the next is taken");
	}
	end(&s);
}

static void test_nobody(void)
{
	static const char *const answers[] = { NULL };
	struct remotepush_answer a;
	struct sent s;

	if (begin(&s, answers, 1, SETTINGS(.timeout_ms = 5000))) {
		testreceiver_end(&s.receiver);
		s.open = false;
		a = send_to(&s);
		ok(a.result == REMOTEPUSH_LATER && a.status == 0 && a.may_have_restarted && *a.words,
		   "nobody there: %s", a.words);
	}
	end(&s);
}

static void test_hang(void)
{
	static const char *const answers[] = { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" };
	atomic_bool stop = true;
	struct remotepush_answer a;
	struct sent s;

	if (begin(&s, answers, 1, SETTINGS(.timeout_ms = 200))) {
		a = send_to(&s);
		ok(a.result == REMOTEPUSH_LATER && *a.words, "half an answer ends: %s", a.words);
	}
	end(&s);
	/* Without the stop it would last for an hour. */
	if (begin(&s, answers, 1, SETTINGS(.timeout_ms = 3600000, .stop = &stop))) {
		a = send_to(&s);
		ok(a.result == REMOTEPUSH_LATER, "and at once when all ends");
	}
	end(&s);
}

/* A file with @text in it. */
static const char *secret_file(const char *text, mode_t mode)
{
	static char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/tmp/remotepush_test-%d", (int)getpid());
	(void)unlink(path);
	f = fopen(path, "w");
	if (!f)
		return "";
	fputs(text, f);
	fclose(f);
	(void)chmod(path, mode);
	return path;
}

static void test_secrets(void)
{
	static const char *const answers[] = { "HTTP/1.1 204 No Content\r\n\r\n" };
	const char *path = secret_file("s3cret\n", 0600);
	struct remotepush_answer a;
	struct sent s;

	if (begin(&s, answers, 1, SETTINGS(.user = "aladdin", .password_file = path))) {
		(void)send_to(&s);
		ok(has_line(&s, "\r\nAuthorization: Basic YWxhZGRpbjpzM2NyZXQ=\r\n"), "user and password");
		(void)secret_file("other", 0600);
		(void)send_to(&s);
		ok(has_line(&s, "\r\nAuthorization: Basic YWxhZGRpbjpvdGhlcg==\r\n"), "as the file is now");
		(void)unlink(path);
		a = send_to(&s);
		ok(a.result == REMOTEPUSH_LATER && strstr(a.words, "cannot read") &&
		   s.receiver.requests == 2, "without the file nothing is sent: %s", a.words);
	}
	end(&s);
	logged = 0;
	path = secret_file("t0ken", 0644);
	if (begin(&s, answers, 1, SETTINGS(.token_file = path))) {
		ok(logged == 1, "a file that all can read is warned of");
		(void)send_to(&s);
		ok(has_line(&s, "\r\nAuthorization: Bearer t0ken\r\n"), "a token");
	}
	end(&s);
	(void)unlink(path);
}

int main(void)
{
	/* What is logged is counted, not shown. */
	log_init("remotepush_test", LOG_DEBUG);
	if (!freopen("/dev/null", "w", stderr))
		return 1;
	log_also(count_line);
	test_settings();
	test_request();
	test_results();
	test_restart();
	test_nobody();
	test_hang();
	test_secrets();
	return done_testing();
}
