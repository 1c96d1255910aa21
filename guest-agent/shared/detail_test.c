/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists without enough room; the rest of detail is tested with proto. */
#include "guest-agent/shared/detail.h"

#include <string.h>

#include "guest-agent/shared/tap.h"

static uint8_t buf[64];

/* Three entries of 8 bytes into @size bytes; how many fit. */
static int add_to(size_t size, struct wire_writer *ret_w)
{
	const struct detail_entry entry = { .value = 1, .name = "secret", .name_len = 6 };
	struct wire_writer w = { .buf = buf, .size = size };
	int n = 0;
	size_t began;

	memset(buf, 0xa5, sizeof(buf));
	began = detail_begin(&w, DETAIL_INTERRUPTS);
	for (int i = 0; i < 3; i++)
		n += detail_add(&w, DETAIL_INTERRUPTS, &entry);
	detail_end(&w, began);
	*ret_w = w;
	return n;
}

int main(void)
{
	struct detail_entry entry;
	struct detail_iter iter;
	struct wire_writer w;
	bool good = true;

	for (size_t size = 0; size <= 40; size++) {
		size_t fit = size < 4 ? 0 : (size - 4) / 8 < 3 ? (size - 4) / 8 : 3;
		int n = add_to(size, &w), there = 0;

		good = good && n == (int)fit && detail_is_valid(buf, w.len) &&
		       w.overflow == (size < 4) && w.len == (size < 4 ? 0 : 4 + 8 * fit) &&
		       buf[size] == 0xa5 &&
		       detail_find(buf, w.len, DETAIL_INTERRUPTS, &iter) == (size >= 4);
		while (size >= 4 && detail_next(&iter, &entry))
			there++;
		good = good && there == n;
	}
	ok(good, "whole entries, as many as there is room for");
	add_to(4, &w);
	w.overflow = true;
	ok(!detail_add(&w, DETAIL_INTERRUPTS, &entry), "none behind something that did not fit");
	return done_testing();
}
