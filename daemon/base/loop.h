/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's main loop: libvirt's default event implementation behind a few
 * functions, so that nothing else needs libvirt's headers to wait for something.
 * All callbacks run in the thread that calls loop_run(). Non-logging.
 */
#ifndef DAEMON_LOOP_H
#define DAEMON_LOOP_H

#include <stdbool.h>

#define LOOP_READ 1
#define LOOP_WRITE 2
#define LOOP_HANGUP 4

typedef void (*loop_fd_fn)(int fd, int events, void *ctx);
typedef void (*loop_timer_fn)(void *ctx);

/* Before any libvirt connection is opened. Returns 0 or -EIO. */
int loop_init(void);

/*
 * Watch @fd for LOOP_READ and LOOP_WRITE. Returns the watch's id (>= 0) or
 * -ENOMEM. An id is removed before its fd is closed.
 */
int loop_add_fd(int fd, int events, loop_fd_fn fn, void *ctx);
void loop_update_fd(int id, int events);
void loop_remove_fd(int id);

/* Call @fn every @ms milliseconds; -1 keeps the timer silent. Returns its id or -ENOMEM. */
int loop_add_timer(int ms, loop_timer_fn fn, void *ctx);
void loop_update_timer(int id, int ms);
void loop_remove_timer(int id);

/* Dispatch events until loop_quit(). Returns 0 or -EIO. */
int loop_run(void);
void loop_quit(void);

#endif
