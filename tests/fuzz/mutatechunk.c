/* SPDX-License-Identifier: GPL-2.0-or-later */
/* As mutate.c for chunks: what a fuzzer makes of a blob has the right checksum mostly. */
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#include "guest-agent/shared/wire.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	size = LLVMFuzzerMutate(data, size, max);
	if (seed % 16 && size > 4)
		wire_set_le(data, crc32(0, data + 4, size - 4), 4);
	return size;
}
