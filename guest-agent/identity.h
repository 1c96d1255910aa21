/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the agent says of its guest and of itself when it introduces itself. Logging. */
#ifndef GUEST_AGENT_IDENTITY_H
#define GUEST_AGENT_IDENTITY_H

#include "guest-agent/leaf.h"
#include "guest-agent/shared/proto.h"

/* All that does not change while the agent runs, but for the leaf. */
void identity_init(struct proto_hello *hello, uint32_t interval_us, uint64_t started);

/* What @leaf says of the VM. */
void identity_set_leaf(struct proto_hello *hello, const struct leaf *leaf);

#endif
