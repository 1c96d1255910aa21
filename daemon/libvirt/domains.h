/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvirt's domains: which there are, when they start, reboot and stop, and where
 * their agent's socket is. Reconnects by itself. Logging.
 */
#ifndef DAEMON_DOMAINS_H
#define DAEMON_DOMAINS_H

#include "daemon/base/record.h"

struct domains;
struct worker;

enum domain_event {
	DOMAIN_FOUND,	/* there when libvirt was connected */
	DOMAIN_STARTED,	/* a new VM: its counters begin at zero now */
	DOMAIN_RESTORED,	/* a new VM with an old guest in it: restored, migrated in */
	DOMAIN_REBOOTED,
	DOMAIN_CHANGED,	/* defined, renamed, paused, resumed, a device more or less */
	DOMAIN_STOPPED,	/* ended, for whatever reason; undefined while it did not run */
};

struct domain {
	char uuid[RECORD_KEY_MAX + 1];
	char name[RECORD_NAME_MAX + 1];
	char life[RECORD_LIFE_MAX + 1];		/* "" when it does not run */
	enum vm_state state;
	char reason[32];			/* libvirt's of the state: "crashed"; "" for none */
	char socket[256];			/* of the agent's channel; "" when it has none */
};

struct domains_ops {
	void (*event)(void *ctx, enum domain_event event, const struct domain *domain);
	/* All domains that there are have been FOUND. */
	void (*listed)(void *ctx);
	/* libvirt went away: nothing is known of any domain until it is FOUND again. */
	void (*lost)(void *ctx);
};

/*
 * Watch the domains of @uri (copied). A connection that cannot be had is tried
 * again for ever, in a thread of @worker, as it may block. Returns NULL for want of
 * memory.
 */
struct domains *domains_new(const char *uri, struct worker *worker,
			    const struct domains_ops *ops, void *ctx);
void domains_free(struct domains *domains);

/* Keep libvirt from writing its errors to stderr by itself. */
void domains_quiet(void);

#endif
