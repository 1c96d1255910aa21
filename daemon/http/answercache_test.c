/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/answercache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "guest-agent/shared/tap.h"

static size_t held;
static struct params none, some = { .untrusted = { { "points", "60" } }, .count = 1 },
			  others = { .untrusted = { { "points", "61" } }, .count = 1 };

static struct answer made(const char *text, int status, unsigned int good_for_ms)
{
	return (struct answer){ .status = status, .kind = ANSWER_TEXT, .text = strdup(text),
				.type = "text/plain", .good_for_ms = good_for_ms };
}

/* What the cache has, "" for nothing. */
static const char *have(struct answercache *cache, const char *path, const struct params *params,
			uint64_t commits, int64_t now_ms)
{
	static char text[64];
	struct answer answer;
	size_t size;

	if (!answercache_get(cache, path, params, commits, now_ms, &answer))
		return "";
	snprintf(text, sizeof(text), "%s", answertext_bytes(answer.shared, &size));
	if (size != strlen(text) || answer.kind != ANSWER_SHARED || answer.status != 200 ||
	    strcmp(answer.type, "text/plain") != 0)
		return "wrong";
	answertext_drop(answer.shared);
	return text;
}

static void put(struct answercache *cache, const char *path, const struct params *params,
		struct answer answer)
{
	answercache_put(cache, path, params, 7, 1000, &answer);
	answertext_drop(answer.shared);
	free(answer.text);
}

static void test_get(void)
{
	struct answercache cache = { .held = &held };

	put(&cache, "/vms", &none, made("all", 200, 500));
	put(&cache, "/lines", &some, made("sixty", 200, 500));
	ok(strcmp(have(&cache, "/vms", &none, 7, 1000), "all") == 0, "what was made is had");
	ok(strcmp(have(&cache, "/vms", &none, 7, 1499), "all") == 0, "for a while");
	ok(!*have(&cache, "/vms", &none, 7, 1500), "then no more");
	ok(!*have(&cache, "/vms", &none, 8, 1000), "nor behind a commit");
	ok(!*have(&cache, "/vms", &some, 7, 1000), "nor with a parameter");
	ok(strcmp(have(&cache, "/lines", &some, 7, 1000), "sixty") == 0, "another one");
	ok(!*have(&cache, "/lines", &others, 7, 1000), "nor with another value");
	put(&cache, "/vms", &none, made("new", 200, 500));
	ok(strcmp(have(&cache, "/vms", &none, 7, 1000), "new") == 0 && held == 8,
	   "a new one takes the old one's place");
	answercache_done(&cache);
	ok(held == 0, "at the end nothing is held");
}

static void test_not_kept(void)
{
	struct params longest = { .untrusted = { { "points", NULL } }, .count = 1 };
	struct answercache cache = { .held = &held };
	char value[ANSWERCACHE_KEY_MAX + 1];

	put(&cache, "/a", &none, made("error", 404, 500));
	put(&cache, "/b", &none, made("own", 200, 0));
	memset(value, '6', sizeof(value));
	value[sizeof(value) - 1] = '\0';
	longest.untrusted[0].value = value;
	put(&cache, "/c", &longest, made("long", 200, 500));
	ok(!*have(&cache, "/a", &none, 7, 1000) && !*have(&cache, "/b", &none, 7, 1000) &&
		   !*have(&cache, "/c", &longest, 7, 1000) && held == 0,
	   "an error, what is one client's own, and what was asked at length are not kept");
	answercache_done(&cache);
}

/* However many are made, few are kept; a client's lives as long as it reads. */
static void test_bounds(void)
{
	struct answercache cache = { .held = &held };
	struct answer answer;
	char path[16];
	size_t size;
	int kept = 0;

	put(&cache, "/0", &none, made("first", 200, 500));
	(void)answercache_get(&cache, "/0", &none, 7, 1000, &answer);
	for (int i = 1; i < 100; i++) {
		snprintf(path, sizeof(path), "/%d", i);
		put(&cache, path, &none, made("12345", 200, 500));
	}
	for (int i = 0; i < 100; i++) {
		snprintf(path, sizeof(path), "/%d", i);
		kept += *have(&cache, path, &none, 7, 1000) != '\0';
	}
	ok(kept == 4 && held == 25, "four are kept, and the one that is being read is counted");
	ok(strcmp(answertext_bytes(answer.shared, &size), "first") == 0, "it is whole");
	answercache_done(&cache);
	answertext_drop(answer.shared);
	ok(held == 0, "and goes when it was read");
}

static void test_gzip(void)
{
	struct answercache cache = { .held = &held };
	static char text[200001], back[200001];
	z_stream z = { .next_out = (unsigned char *)back, .avail_out = sizeof(back) };
	struct answer answer;
	size_t size, again;
	const char *gzip;

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = 'a' + i / 7 % 26;
	put(&cache, "/big", &none, made(text, 200, 500));
	put(&cache, "/small", &none, made("small", 200, 500));
	(void)answercache_get(&cache, "/small", &none, 7, 1000, &answer);
	ok(!answertext_gzip(answer.shared, &size), "what is small is not compressed");
	answertext_drop(answer.shared);
	(void)answercache_get(&cache, "/big", &none, 7, 1000, &answer);
	gzip = answertext_gzip(answer.shared, &size);
	ok(gzip && size < 20000 && held == 200005 + size, "what is big is, and counted: %zu", size);
	ok(answertext_gzip(answer.shared, &again) == gzip && again == size, "once");
	z.next_in = (unsigned char *)gzip;
	z.avail_in = size;
	ok(inflateInit2(&z, 31) == Z_OK && inflate(&z, Z_FINISH) == Z_STREAM_END &&
		   z.total_out == 200000 && memcmp(back, text, 200000) == 0,
	   "and the same");
	(void)inflateEnd(&z);
	answertext_drop(answer.shared);
	answercache_done(&cache);
	ok(held == 0, "nothing is held then");
}

int main(void)
{
	test_get();
	test_not_kept();
	test_bounds();
	test_gzip();
	return done_testing();
}
