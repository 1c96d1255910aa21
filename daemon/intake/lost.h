/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many of an agent's samples are missing that no gap tells of: each says how many
 * the agent had taken, so a step of more than one shows what was lost on the way.
 * Non-logging, pure.
 */
#ifndef DAEMON_LOST_H
#define DAEMON_LOST_H

#include "daemon/base/record.h"

/* Zero-initialise: nothing is known of the agent. */
struct lost {
	bool known;
	uint64_t taken;			/* up to the latest sample that came */
	uint64_t told;			/* of those behind it, that gaps tell of */
	unsigned int untold;		/* gaps that do not say how many */
};

/*
 * An agent introduces itself that started at the sequence @started (0: it does not
 * say). @last is the boot's last; @boot what was stored of it.
 */
void lost_agent(struct lost *lost, uint64_t started, uint64_t last, struct boot *boot);

/* A gap with so many samples, 0 if that is not known. */
void lost_gap(struct lost *lost, uint32_t cause, uint64_t count);

/* How many are missing in front of @sample. */
uint64_t lost_before(const struct lost *lost, const struct sample *sample);

/*
 * How many @sample shows to be in the one gap in front of it that did not say so; 0:
 * there is no such gap, or it stays unknown.
 */
uint64_t lost_untold(const struct lost *lost, const struct sample *sample);

/* @sample came, whatever became of it. */
void lost_sample(struct lost *lost, const struct sample *sample);

#endif
