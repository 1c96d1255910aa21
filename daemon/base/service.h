/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a service manager (systemd) hands to the daemon, and is told by it. Without one
 * nothing is handed, and what is told goes nowhere. Logging.
 */
#ifndef DAEMON_SERVICE_H
#define DAEMON_SERVICE_H

enum service_socket {
	SERVICE_API,		/* FileDescriptorName=api: a Unix socket */
	SERVICE_PAGE,		/* FileDescriptorName=page: TCP */
	SERVICE_SOCKETS
};

/*
 * The listening sockets that were handed over, non-blocking and close-on-exec, -1 for
 * those that were not; the caller closes them. What is none of these is closed, after a
 * warning. To be called once, before anything starts a process. Returns 0 or -errno.
 */
int service_take_sockets(int ret_fds[SERVICE_SOCKETS]);

/* All that is there to serve is served; @status is one line in words. */
void service_ready(const char *status);

/* Something else is to be said in words, such as what does not work. */
void service_status(const char *status);

/* The end has begun. */
void service_stopping(void);

/* Milliseconds after which service_alive() is due, each time; 0: nobody waits for it. */
int service_alive_ms(void);
void service_alive(void);

#endif
