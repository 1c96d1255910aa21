/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The range of a boot's guest that its last sequence ended: ranges of one cause that
 * follow each other are one. For store.c only. Non-logging, pure.
 */
#ifndef DAEMON_OPENRANGE_H
#define DAEMON_OPENRANGE_H

#include "daemon/base/record.h"

/* Whether the boot's last sequence ended a range that @range goes on with. */
bool openrange_goes_on(const struct boot *boot, enum range_kind kind, const struct range *range);

/* Join @range to the open one, if it goes on with it; true if it is a new one. */
bool openrange_extend(struct boot *boot, enum range_kind kind, const struct range *range);

#endif
