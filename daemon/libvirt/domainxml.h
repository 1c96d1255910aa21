/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a domain's XML says of the agent's channel. Non-logging. */
#ifndef DAEMON_DOMAINXML_H
#define DAEMON_DOMAINXML_H

#include <stdbool.h>

#include "guest-agent/shared/proto.h"

#define DOMAINXML_PORT PROTO_PORT_NAME

bool domainxml_has_channel(const char *xml);

/* The channel's element, which the caller frees; NULL if there is none. */
char *domainxml_channel(const char *xml);

/* Its socket, which the caller frees; NULL if it has none: the domain does not run. */
char *domainxml_socket(const char *xml);

/* True if there is a virtio-serial controller, which a channel needs. */
bool domainxml_has_serial(const char *xml);

#endif
