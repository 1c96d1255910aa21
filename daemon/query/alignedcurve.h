/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Curves on a grid, and which are wanted, for aligned.h and what it is made of. */
#ifndef DAEMON_ALIGNEDCURVE_H
#define DAEMON_ALIGNEDCURVE_H

#include "daemon/base/record.h"
#include "daemon/store/key.h"

/* Curves in all. */
#define ALIGNED_CURVES_MAX 160

/* Names of a kind, or reasons, that are looked at; those that come later are left out. */
#define ALIGNED_NAMES_MAX 4096

/*
 * One curve, or of a list's kind (reasons, interrupts, processes, units) the @most curves with
 * the greatest sums. Processes of one name are one curve: a key of theirs has a name and id 0.
 */
struct aligned_want {
	struct key key;
	enum sample_source source;
	size_t most;			/* 0: the one */
};

struct aligned_curve {
	struct key key;
	char name[DETAIL_NAME_MAX];	/* key.name */
	size_t want;
	enum sample_source source;
	double sum;			/* what the curves with most are chosen by */
	/*
	 * Lists are not in every sample: so many cells tell what one does; the curve is
	 * compared in groups of these, see aligned_group().
	 */
	unsigned int stride;
	double *v;			/* one a cell */
};

#endif
