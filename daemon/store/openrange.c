/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/openrange.h"

bool openrange_goes_on(const struct boot *boot, enum range_kind kind, const struct range *range)
{
	const struct open_range *open = &boot->open;

	return open->range.to != 0 && open->range.to == boot->last_sequence[SOURCE_GUEST] &&
	       open->kind == kind && open->range.cause == range->cause;
}

bool openrange_extend(struct boot *boot, enum range_kind kind, const struct range *range)
{
	struct open_range *open = &boot->open;

	if (!openrange_goes_on(boot, kind, range)) {
		*open = (struct open_range){ .kind = kind, .range = *range };
		return true;
	}
	open->range.to = range->to;
	open->range.to_ns = range->to_ns;
	if (open->range.count < 0 || range->count < 0 ||
	    __builtin_add_overflow(open->range.count, range->count, &open->range.count))
		open->range.count = -1;
	return false;
}
