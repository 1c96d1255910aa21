/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a sample says of a counter is of the time since the sample before. Lists may come
 * more rarely than samples: what they say is of the time since the last sample that had the
 * list too. Which one that is, for rollups and for readers of samples alike. Non-logging.
 *
 * A name that a list has and the one before it has not counts from there on, even if some
 * list further back had it: nobody knows what it did meanwhile, or whether it is the same.
 */
#ifndef DAEMON_LISTSTEP_H
#define DAEMON_LISTSTEP_H

#include "daemon/store/chunk.h"

/* As many lists may a sample have; what is of none is in all samples. */
#define LISTSTEP_LISTS 5
#define LISTSTEP_NO_LIST LISTSTEP_LISTS
#define LISTSTEP_PROCESSES (DETAIL_PROCESSES - DETAIL_FIRST)

/*
 * Further back than that only the very sample before counts. An agent that cannot list more
 * often does so once a minute.
 */
#define LISTSTEP_FAR_NS 120000000000LL

/* Where a step begins, if not in a row of the chunk. */
enum { LISTSTEP_NOWHERE = -1, LISTSTEP_ZERO = -2, LISTSTEP_LEAD = -3 };

/* The interval that ends with a row which has some list. */
struct liststep {
	int32_t before;			/* row with which it begins, or LISTSTEP_* */
	int64_t ns;			/* 0: not known, too long, or over a gap */
	double per_ns;			/* times an increase: a rate in 1/1000 s; 0: too short */
};

/* In front of a chunk: of each list the last sample that has it. */
struct listleads {
	struct {
		struct chunk *chunk;	/* NULL: there is none */
		uint32_t row;
		int64_t t_ns;
	} of[LISTSTEP_LISTS];
	unsigned int zero;		/* 1 << list: no sample has it since counters were zero */
	unsigned int over_gap;		/* likewise: there is a gap behind that */
};

struct liststeps {
	struct liststep *steps;		/* by list, then by row; 0 where it has none */
	const struct listleads *leads;	/* or NULL */
	size_t rows;
};

/*
 * The steps of @chunk's rows; @leads (NULL: none known) outlive them. @first: row 0 is the
 * boot's first sample; @from_zero: counters were zero at @opened_ns. The first list of
 * processes is of the time since the first sample, with which an agent begins to look at
 * them. Returns 0, -ENOMEM or -EBADMSG; liststeps_done() frees.
 */
int liststeps_make(struct chunk *chunk, const struct listleads *leads, bool first,
		   bool from_zero, int64_t opened_ns, struct liststeps *ret_steps);
void liststeps_done(struct liststeps *steps);

/* Which of @lists (1 << list) have to be looked up in front of @chunk. */
unsigned int liststep_open(struct chunk *chunk, unsigned int lists);

/* The list that a key is of, counted from DETAIL_FIRST, or LISTSTEP_NO_LIST. */
unsigned int liststep_list(const struct key *key);

/* The steps of all rows for what is in a list, or in none. */
static inline const struct liststep *liststeps_of(const struct liststeps *s, unsigned int list)
{
	return &s->steps[list * s->rows];
}

/* What the counter with the first value of column @c was before that; false: not known. */
bool liststeps_before_first(const struct liststeps *s, const struct chunk_column *c,
			    uint64_t *ret_before);

/*
 * What a counter was where the step began that ends with value @i of its column @c; false if
 * that is not known. @steps: those of the column's list.
 */
static inline bool liststeps_before(const struct liststeps *s, const struct liststep *steps,
				    const struct chunk_column *c, size_t i, uint64_t *ret_before)
{
	if (i == 0)
		return liststeps_before_first(s, c, ret_before);
	*ret_before = c->values[i - 1];
	return (int32_t)c->rows[i - 1] == steps[c->rows[i]].before;
}

#endif
