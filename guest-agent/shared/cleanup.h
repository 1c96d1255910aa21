/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scope-bound clean-up of what the C library hands out. */
#ifndef GUEST_AGENT_SHARED_CLEANUP_H
#define GUEST_AGENT_SHARED_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

/* The attributed variable must be initialised: NULL, -1, NULL. */
#define _cleanup_free_ __attribute__((cleanup(cleanup_free)))
#define _cleanup_close_ __attribute__((cleanup(cleanup_close)))
#define _cleanup_fclose_ __attribute__((cleanup(cleanup_fclose)))

#endif
