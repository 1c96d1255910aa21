/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Work that may block, in a bounded number of threads. Non-logging. */
#ifndef DAEMON_WORKER_H
#define DAEMON_WORKER_H

struct worker;

/* @run is called in a thread, then @done in the main loop; the job is the caller's. */
typedef void (*worker_fn)(void *job);

/* At most @threads_max jobs at a time. Returns 0 or -errno. */
int worker_new(unsigned int threads_max, struct worker **ret_worker);

/* From the main loop. Returns 0, -EBUSY when as many are under way, or -errno. */
int worker_start(struct worker *worker, worker_fn run, worker_fn done, void *job);

/*
 * Waits a second at most, and calls @done of the jobs that have ended. Others keep
 * their memory, and their @done is not called; the process ends anyway.
 */
void worker_free(struct worker *worker);

#endif
