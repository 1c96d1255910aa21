/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many of an agent's samples are missing: each sample and each gap says how many
 * the agent had taken, so a step of more than one shows what is not there.
 * Non-logging, pure.
 */
#ifndef DAEMON_LOST_H
#define DAEMON_LOST_H

#include "daemon/base/record.h"

/* Zero-initialise: nothing is known of the agent. */
struct lost {
	bool known;
	uint64_t taken;			/* of its samples, those that came or that a gap tells of */
};

/*
 * An agent introduces itself that started at the sequence @started (0: it does not
 * say). @last is the guest's last; @boot its latest, as loaded.
 */
void lost_agent(struct lost *lost, uint64_t started, uint64_t last, struct boot *boot);

/* How many samples are in @gap, of which what is up to the sequence @last is there; -1: not known. */
int64_t lost_in(const struct lost *lost, const struct proto_gap *gap, uint64_t last);

/* @gap came, with so many samples (-1: not known) that were taken. */
void lost_gap(struct lost *lost, const struct proto_gap *gap, int64_t count);

/* How many are missing in front of @sample that no gap tells of. */
uint64_t lost_before(const struct lost *lost, const struct sample *sample);

/* So many of them are told of now. */
void lost_told(struct lost *lost, uint64_t count);

/* @sample came, whatever became of it. */
void lost_sample(struct lost *lost, const struct sample *sample);

#endif
