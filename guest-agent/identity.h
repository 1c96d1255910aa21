/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the agent says of its guest and of itself when it introduces itself. Logging. */
#ifndef GUEST_AGENT_IDENTITY_H
#define GUEST_AGENT_IDENTITY_H

#include "guest-agent/clock/pace.h"
#include "guest-agent/sampler.h"

/* All that does not change while the agent runs, but for the leaf. */
void identity_init(struct proto_hello *hello, const struct pace_settings *pace, uint64_t started);

/* What the leaf says of the VM now. */
void identity_set_leaf(struct proto_hello *hello, const struct sampler *sampler);

#endif
