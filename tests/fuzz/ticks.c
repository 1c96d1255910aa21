/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a sample in the journal; what is one says the same when it is written again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/testrandom.h"
#include "daemon/store/tick.h"
#include "guest-agent/shared/detail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sample sample, again;
	uint8_t *buf;
	size_t len;

	if (tick_decode(data, size, &sample) < 0)
		return 0;
	check(detail_is_valid(sample.detail, sample.detail_len));
	check(sample.workload.mask >> WORKLOAD_COUNT == 0);
	buf = malloc(TICK_FIXED_MAX + sample.detail_len);
	check(buf != NULL);
	len = tick_encode(&sample, buf);
	check(len <= TICK_FIXED_MAX + sample.detail_len);
	check(tick_decode(buf, len, &again) == 0);
	check(again.detail_len == sample.detail_len &&
	      (again.detail_len == 0 ||
	       memcmp(again.detail, sample.detail, sample.detail_len) == 0));
	check(testrandom_same(&again, &sample));
	free(buf);
	return 0;
}
