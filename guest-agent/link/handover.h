/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an agent that ends leaves to the next one of the same boot, in a file: where it
 * was, and whole frames that the host has not committed. To the host both are one agent
 * then, of which nothing is missing. Logging.
 */
#ifndef GUEST_AGENT_HANDOVER_H
#define GUEST_AGENT_HANDOVER_H

#include "guest-agent/link/ring.h"

struct handover {
	uint8_t boot_id[PROTO_BOOT_ID_SIZE];
	uint64_t started;		/* sequence, as in hello */
	uint64_t last;			/* highest sequence given */
	uint64_t sampled_ns;		/* the last sample; CLOCK_BOOTTIME */
	uint64_t taken;			/* samples since the start */
	uint64_t exits;			/* that the agent caused since then */
	uint32_t phases;		/* of the boot, that have been said: a bit for each */
};

/*
 * Write both to the file @fd in place of what it has. The position of @ring's connection is
 * lost. Returns 0, or -errno after saying why.
 */
int handover_save(int fd, const struct handover *handover, struct ring *ring);

/*
 * Take what @fd has, and empty it; @ring, which is empty, gets the frames that are whole
 * and in order. It has to be of the boot @boot_id and of before @now_ns. Returns 0, -ENODATA
 * if there is nothing, -ESTALE if it is another boot's, or another -errno; it says what it
 * refuses.
 */
int handover_load(int fd, const uint8_t *boot_id, uint64_t now_ns, struct ring *ring,
		  struct handover *ret_handover);

#endif
