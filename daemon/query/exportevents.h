/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands between the samples of an export: marks, gaps, and what is quarantined; and
 * the interval that a mark names. Logging (database errors only).
 */
#ifndef DAEMON_EXPORTEVENTS_H
#define DAEMON_EXPORTEVENTS_H

#include "daemon/query/query.h"

enum exportevent_kind { EXPORTEVENT_MARK, EXPORTEVENT_GAP, EXPORTEVENT_QUARANTINE };

struct exportevent {
	enum exportevent_kind kind;
	uint64_t sequence;		/* of a range: its first; what follows is its rest */
	int64_t t_ns;
	struct mark mark;
	struct range range;
	struct sample claim;		/* of QUARANTINE; with SAMPLE_HAS_GENERATION */
};

struct exportevents;

/* @query must outlive the result. Returns 0 or -errno. */
int exportevents_new(struct query *query, struct exportevents **ret_events);
void exportevents_free(struct exportevents *events);

/* Begin with those of a boot and source above the sequence @after. */
void exportevents_begin(struct exportevents *events, const struct boot *boot,
			enum sample_source source, uint64_t after);

/*
 * From freeze (0 or -errno) to thaw samples and events are those of one moment: so that none
 * is told of that stands behind a sample which was not there yet.
 */
int exportevents_freeze(struct exportevents *events);
void exportevents_thaw(struct exportevents *events);

/* More samples have been read, so there may be more: sequences are committed in order. */
void exportevents_again(struct exportevents *events);

/*
 * The next one below @sequence, if there is one: 1, with an event that is valid until the
 * next call; 0; or -errno.
 */
int exportevents_next(struct exportevents *events, uint64_t sequence,
		      const struct exportevent **ret_event);

/*
 * The interval of the mark @text, the sequence of its begin or else its label, of which the
 * latest counts; in @filter->boot, or if that is 0 in the latest boot that has one. Fills
 * filter->boot, from_ns, to_ns (0 if its end did not come yet). Returns 0, -ENOENT or -errno.
 */
int exportevents_interval(struct query *query, const char *text, struct query_filter *filter);

#endif
