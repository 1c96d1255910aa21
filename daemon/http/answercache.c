/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/answercache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Fits in a packet anyway. */
#define GZIP_LEAST 1400

/* The largest window, with gzip's header. */
#define GZIP_WINDOW (15 + 16)

#define ENTRIES (sizeof(((struct answercache *)0)->entry) / sizeof(struct answercache_entry))

struct answertext {
	unsigned int users;
	size_t *held;
	size_t size;
	char *bytes;
	bool tried;			/* to compress it */
	size_t gzip_size;
	unsigned char *gzip;		/* or NULL */
};

const char *answertext_bytes(const struct answertext *text, size_t *ret_size)
{
	*ret_size = text->size;
	return text->bytes;
}

/* Returns the size, 0 for want of memory. */
static size_t compress_to(const struct answertext *text, unsigned char **ret_gzip)
{
	z_stream z = { .next_in = (unsigned char *)text->bytes, .avail_in = text->size };
	unsigned char *gzip;
	size_t room;

	if (text->size > UINT32_MAX / 2 ||
	    deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return 0;
	room = deflateBound(&z, text->size);
	gzip = malloc(room);
	z.next_out = gzip;
	z.avail_out = room;
	if (!gzip || deflate(&z, Z_FINISH) != Z_STREAM_END) {
		free(gzip);
		gzip = NULL;
		z.total_out = 0;
	}
	room = z.total_out;
	(void)deflateEnd(&z);
	*ret_gzip = gzip;
	return room;
}

const char *answertext_gzip(struct answertext *text, size_t *ret_size)
{
	if (!text->tried && text->size >= GZIP_LEAST) {
		text->gzip_size = compress_to(text, &text->gzip);
		*text->held += text->gzip_size;
	}
	text->tried = true;
	*ret_size = text->gzip_size;
	return (const char *)text->gzip;
}

struct answertext *answertext_use(struct answertext *text)
{
	text->users++;
	return text;
}

void answertext_drop(void *p)
{
	struct answertext *text = p;

	if (!text || --text->users > 0)
		return;
	*text->held -= text->size + text->gzip_size;
	free(text->gzip);
	free(text->bytes);
	free(text);
}

/* False: it is too long to be kept. Control characters part it, which no parameter's name has. */
static bool make_key(const char *path, const struct params *params, char key[ANSWERCACHE_KEY_MAX + 1])
{
	size_t len = snprintf(key, ANSWERCACHE_KEY_MAX + 1, "%s", path);

	for (size_t i = 0; i < params->count && len <= ANSWERCACHE_KEY_MAX; i++) {
		const char *value = params->untrusted[i].value;

		len += snprintf(key + len, ANSWERCACHE_KEY_MAX + 1 - len, "\1%s\2%s",
				params->untrusted[i].key, value ? value : "");
	}
	return len <= ANSWERCACHE_KEY_MAX;
}

static void fill(struct answer *answer, const char *type, struct answertext *text)
{
	answer->status = 200;
	answer->kind = ANSWER_SHARED;
	answer->type = type;
	answer->shared = answertext_use(text);
}

bool answercache_get(struct answercache *cache, const char *path, const struct params *params,
		     uint64_t commits, int64_t now_ms, struct answer *answer)
{
	char key[ANSWERCACHE_KEY_MAX + 1];

	if (!make_key(path, params, key))
		return false;
	for (size_t i = 0; i < ENTRIES; i++) {
		struct answercache_entry *e = &cache->entry[i];

		if (e->text && strcmp(e->key, key) == 0 && e->commits == commits &&
		    now_ms < e->until_ms) {
			memset(answer, 0, sizeof(*answer));
			fill(answer, e->type, e->text);
			return true;
		}
	}
	return false;
}

/* Where @key stands, or else what is to make room for it. */
static struct answercache_entry *place_of(struct answercache *cache, const char *key)
{
	for (size_t i = 0; i < ENTRIES; i++) {
		if (cache->entry[i].text && strcmp(cache->entry[i].key, key) == 0)
			return &cache->entry[i];
	}
	return &cache->entry[cache->next++ % ENTRIES];
}

void answercache_put(struct answercache *cache, const char *path, const struct params *params,
		     uint64_t commits, int64_t now_ms, struct answer *answer)
{
	char key[ANSWERCACHE_KEY_MAX + 1];
	struct answercache_entry *e;
	struct answertext *text;

	if (answer->status != 200 || answer->kind != ANSWER_TEXT || !answer->text ||
	    answer->good_for_ms == 0 || !make_key(path, params, key))
		return;
	text = malloc(sizeof(*text));
	if (!text)
		return;
	*text = (struct answertext){ .users = 1, .held = cache->held,
				     .size = strlen(answer->text), .bytes = answer->text };
	*cache->held += text->size;
	answer->text = NULL;
	e = place_of(cache, key);
	answertext_drop(e->text);
	memcpy(e->key, key, sizeof(e->key));
	e->text = text;
	e->type = answer->type;
	e->commits = commits;
	e->until_ms = now_ms + answer->good_for_ms;
	fill(answer, e->type, text);
}

void answercache_done(struct answercache *cache)
{
	for (size_t i = 0; i < ENTRIES; i++) {
		answertext_drop(cache->entry[i].text);
		cache->entry[i].text = NULL;
	}
}
