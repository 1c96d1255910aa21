/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions to vmexitd, one at a time, for vmexitctl doctor. Non-logging. */
#ifndef DAEMON_CTL_DOCTORASK_H
#define DAEMON_CTL_DOCTORASK_H

#include <jansson.h>
#include <stdbool.h>

struct link;

/* Zero-initialise; ends with doctorask_done(). */
struct doctorask {
	struct link *link;		/* NULL: there is nobody to ask */
	int error;			/* -errno of connecting to the Unix socket; 0: it can be had */
	char why[128];			/* the latest question had no answer */
};

/* The Unix socket, if this user may connect to it. Returns 0 or why not, which is in error, too. */
int doctorask_open(struct doctorask *ask, const char *socket);

/* Instead, the page at @address, which is kept. Returns 0 or -errno. */
int doctorask_open_page(struct doctorask *ask, const char *address);

/* GET @path. Returns the answer of any status, which the caller frees, or NULL. */
json_t *doctorask_get(struct doctorask *ask, const char *path, long *ret_status);

/* Likewise /api/v1/vms/VM/WHAT?PARAMS. */
json_t *doctorask_vm(struct doctorask *ask, const char *vm, const char *what, const char *params,
		     long *ret_status);

void doctorask_done(struct doctorask *ask);

/* The text at @key; "" if there is none. It lives as long as @object. */
const char *doctorask_text(json_t *object, const char *key);

#endif
