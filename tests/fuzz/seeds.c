/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes the seed corpus of each fuzzer into its directory below the one named. */
#include <stdio.h>
#include <stdlib.h>

#include "guest-agent/shared/testframes.h"

static FILE *begin(const char *dir, const char *fuzzer, const char *name)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/%s", dir, fuzzer, name);
	file = fopen(path, "wb");
	if (!file) {
		perror(path);
		exit(1);
	}
	return file;
}

static void end(FILE *file)
{
	if (ferror(file) | fclose(file)) {
		fputs("seeds: cannot write\n", stderr);
		exit(1);
	}
}

/* For frames.c: @step bytes at a time. */
static void save(const char *dir, const char *name, uint8_t step, const uint8_t *bytes, size_t len)
{
	FILE *file = begin(dir, "frames", name);

	putc(step, file);
	fwrite(bytes, 1, len, file);
	end(file);
}

/* For channel.c: a conversation, and what happens, from the end backwards. */
static void save_channel(const char *dir, const char *name, const uint8_t *bytes, size_t len,
			 const char *happens, size_t events)
{
	FILE *file = begin(dir, "channel", name);

	fwrite(bytes, 1, len, file);
	while (events--)
		putc(happens[events], file);
	end(file);
}

int main(int argc, char **argv)
{
	/* All at once; in pieces with a tick, an ack, a full store; over a reconnection. */
	static const char at_once[] = "\x7f\x7f\x7f\x7f\x81\x86";
	static const char pieces[] = "\x10\x10\x80\x10\x81\x10\x82\x10\x83\x84\x10\x10\x10\x86";
	static const char again[] = "\x20\x85\x20\x20\x81\x85\x80\x7f\x7f\x86";
	static uint8_t all[TYPES * PROTO_ENCODED_MAX];
	struct sample old = a_sample_1();
	uint8_t buf[PROTO_ENCODED_MAX];
	size_t total = 0;
	int len;

	if (argc != 2) {
		fputs("usage: seeds DIRECTORY\n", stderr);
		return 2;
	}
	for (size_t i = 0; i < TYPES; i++) {
		len = encode(types[i].type, all + total, PROTO_ENCODED_MAX);
		save(argv[1], types[i].name, 0, all + total, len);
		total += len;
	}
	save(argv[1], "conversation", 7, all, total);
	len = proto_encode_sample(buf, sizeof(buf), &old, 1, 0);
	save(argv[1], "sample-1", 1, buf, len);
	save_channel(argv[1], "at-once", all, total, at_once, sizeof(at_once) - 1);
	save_channel(argv[1], "pieces", all, total, pieces, sizeof(pieces) - 1);
	save_channel(argv[1], "again", all, total, again, sizeof(again) - 1);
	return 0;
}
