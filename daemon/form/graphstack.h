/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Curves upon each other, for a graph of areas. Pure. */
#ifndef DAEMON_GRAPHSTACK_H
#define DAEMON_GRAPHSTACK_H

#include "daemon/query/series.h"

/* So many areas of curves, and one of all others. */
#define GRAPHSTACK_LAYERS 8

struct graphstack {
	const struct series *layer[GRAPHSTACK_LAYERS];	/* the largest first, which is lowest */
	size_t layers;
	size_t others;			/* so many reasons or vCPUs in the area on top */
	size_t count;			/* of stretches of time in which no curve changes */
	double *from, *to;		/* they do not overlap; a hole lies between them */
	double *top;			/* [stretch * (layers + (others > 0)) + layer] */
};

/*
 * Stack the curves of one source that @series begins with; those of the same reason or vCPU, in
 * several boots, are one layer. Where one curve has a hole and another has not, it adds nothing. Returns 0 or -ENOMEM; graphstack_done() frees.
 */
int graphstack_make(const struct series *series, struct graphstack *ret_stack);
void graphstack_done(struct graphstack *stack);

#endif
