/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When the guest's boot went over to what: kernel, initramfs, userspace, finished.
 * Each is known once and said once; what cannot be known is not said. Logging.
 */
#ifndef GUEST_AGENT_PHASES_H
#define GUEST_AGENT_PHASES_H

#include "guest-agent/boot/systemd.h"

enum phases_phase {
	PHASES_KERNEL,
	PHASES_INITRAMFS,
	PHASES_USERSPACE,
	PHASES_FINISHED,
	PHASES_COUNT,
};

struct phases {
	struct {
		bool known, said;
		uint64_t t_boot_ns;
	} phases[PHASES_COUNT];
	bool in_initramfs;
	uint64_t switched_ns;		/* the switch of root was seen then; 0 */
	struct systemd_query query;
	const char *systemctl;		/* a test's; NULL: the system's */
	bool (*systemd_is_there)(void);
	unsigned int asked;		/* times */
	uint64_t next_ns;		/* not before */
	bool over;			/* nothing more will be known */
};

/* The agent starts at @now_ns, CLOCK_BOOTTIME as everywhere here. */
void phases_init(struct phases *phases, bool in_initramfs, uint64_t now_ns);
void phases_done(struct phases *phases);

/* Which have been said, a bit for each; and not to say those again. */
uint32_t phases_said(const struct phases *phases);
void phases_go_on(struct phases *phases, uint32_t said);

/* The switch of root was seen. */
void phases_switched(struct phases *phases, uint64_t now_ns);

/* To be called with every tick. */
void phases_check(struct phases *phases, uint64_t now_ns);

/* The next that is known and has not been said: its label, and when it began. */
const char *phases_take(struct phases *phases, uint64_t *ret_t_boot_ns);

#endif
