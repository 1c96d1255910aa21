/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What libvirt says of itself and of all its domains, once: for vmexitctl doctor. Blocks; for a
 * thread. Non-logging.
 */
#ifndef DAEMON_SURVEY_H
#define DAEMON_SURVEY_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/base/record.h"

#define SURVEY_DOMAINS_MAX 4096

struct survey_domain {
	char uuid[RECORD_KEY_MAX + 1];
	char name[RECORD_NAME_MAX + 1];
	bool runs, persistent;
	bool described;			/* what follows is known */
	bool emulated;			/* without KVM: there are no exits */
	bool has_channel;		/* of the running machine, else of the definition */
	bool has_channel_next;		/* of the definition: when it is started again */
	bool has_serial;		/* a virtio-serial controller, of the running machine */
	bool channel_open;		/* somebody in the guest has opened it */
	bool windows;			/* as who defined it said */
	char confidential[16];		/* "sev", "tdx", ...; "" if it is not */
};

struct survey {
	bool connected;
	char error[256];		/* why not; or why there is no list */
	char type[16];			/* "QEMU" */
	unsigned long libvirt_version, qemu_version;	/* 8010000 is 8.10.0; 0: not known */
	bool more;			/* there are more than SURVEY_DOMAINS_MAX */
	size_t count;
	struct survey_domain *domains;
};

/* Ask libvirt at @uri, read-only. *ret_survey ends with survey_done(). Returns 0 or -ENOMEM. */
int survey_read(const char *uri, struct survey *ret_survey);
void survey_done(struct survey *survey);

/* The domain of that UUID or name; NULL if there is none. */
const struct survey_domain *survey_find(const struct survey *survey, const char *name);

#endif
