/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes the seed corpus of each fuzzer into its directory below the one named. */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/store/rollup.h"
#include "daemon/store/samplechunk.h"
#include "daemon/store/tick.h"
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

/* For chunks.c. */
static void save_chunk(const char *dir, const char *name, struct chunk *chunk)
{
	FILE *file = begin(dir, "chunks", name);
	uint8_t *blob;
	size_t len;

	if (chunk_encode(chunk, &blob, &len) < 0)
		exit(1);
	fwrite(blob, 1, len, file);
	free(blob);
	end(file);
}

/* Samples as they come, with and without lists, and their rollups. */
static void save_chunks(const char *dir)
{
	struct chunk *samples = chunk_new(), *tiers[ROLLUP_TIERS];
	struct rollup_origin origin = { .from_zero = true };
	struct sample sample = a_sample();
	char name[16];

	sample.exits = 1;
	for (int i = 0; i < 40; i++) {
		struct sample s = i % 7 ? sample : a_sample_1();

		s.sequence = i + 1;
		s.t_wall_ns = 1000000000ULL * i * (i % 5 ? 1 : 30);
		s.has |= i % 11 ? 0 : SAMPLE_AFTER_GAP;
		s.exits = 1000 * i + i % 3;
		s.detail_len = i % 4 ? s.detail_len : 0;
		samplechunk_add(samples, &s);
	}
	save_chunk(dir, "samples", samples);
	tiers[0] = samples;
	for (int tier = 1; tier < ROLLUP_TIERS; tier++) {
		tiers[tier] = chunk_new();
		if (tier == 1 ? rollup_samples(samples, 0, &origin, tiers[1])
			      : rollup_buckets(tiers[tier - 1], 0, rollup_width_ns[tier], tiers[tier]))
			exit(1);
		snprintf(name, sizeof(name), "tier-%d", tier);
		save_chunk(dir, name, tiers[tier]);
	}
	for (int tier = 0; tier < ROLLUP_TIERS; tier++)
		chunk_free(tiers[tier]);
}

/* For ticks.c. */
static void save_tick(const char *dir, const char *name, const struct sample *sample)
{
	FILE *file = begin(dir, "ticks", name);
	uint8_t buf[TICK_FIXED_MAX + PROTO_ENCODED_MAX];

	fwrite(buf, 1, tick_encode(sample, buf), file);
	end(file);
}

int main(int argc, char **argv)
{
	/* All at once; in pieces with a tick, an ack, a full store; over a reconnection. */
	static const char at_once[] = "\x7f\x7f\x7f\x7f\x81\x86";
	static const char pieces[] = "\x10\x10\x80\x10\x81\x10\x82\x10\x83\x84\x10\x10\x10\x86";
	static const char again[] = "\x20\x85\x20\x20\x81\x85\x80\x7f\x7f\x86";
	static uint8_t all[TYPES * PROTO_ENCODED_MAX];
	struct sample old = a_sample_1(), full = a_sample();
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
	save_chunks(argv[1]);
	save_tick(argv[1], "full", &full);
	save_tick(argv[1], "old", &old);
	return 0;
}
