/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes the seed corpus: each message alone, and a whole conversation, into a directory. */
#include <stdio.h>
#include <stdlib.h>

#include "guest-agent/shared/testframes.h"

static void save(const char *dir, const char *name, uint8_t step, const uint8_t *bytes, size_t len)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "wb");
	if (!file || putc(step, file) == EOF || fwrite(bytes, 1, len, file) != len ||
	    fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

int main(int argc, char **argv)
{
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
	return 0;
}
