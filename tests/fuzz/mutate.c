/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checksums stop a fuzzer at the door. So what it makes of a stream is given right
 * ones half of the time: the payloads are then what is fuzzed, else the decoder.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "guest-agent/shared/frame.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);


static void right_checksums(uint8_t *data, size_t size)
{
	for (size_t at = 0; at + FRAME_HEADER_SIZE + FRAME_TRAILER_SIZE <= size; at++) {
		uint8_t *h = data + at;
		size_t left = size - at - FRAME_HEADER_SIZE - FRAME_TRAILER_SIZE;
		size_t len = wire_get_le(h + 8, 4);

		if (memcmp(h, "VMx\xf1", 4) != 0)
			continue;
		if (len > left) {
			len = left;
			wire_set_le(h + 8, len, 4);
		}
		wire_set_le(h + 12, crc32(0, h, 12), 4);
		wire_set_le(h + FRAME_HEADER_SIZE + len, crc32(0, h + FRAME_HEADER_SIZE, len), 4);
		at += FRAME_HEADER_SIZE + len + FRAME_TRAILER_SIZE - 1;
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	size = LLVMFuzzerMutate(data, size, max);
	if (seed % 2)
		right_checksums(data, size);
	return size;
}
