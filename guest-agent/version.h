/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef GUEST_AGENT_VERSION_H
#define GUEST_AGENT_VERSION_H

#define VMEXIT_AGENT_VERSION "0.1"

#endif
