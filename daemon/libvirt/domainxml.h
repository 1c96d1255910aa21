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

/* True if somebody in the guest has the channel open; libvirt says so of a domain that runs. */
bool domainxml_is_open(const char *xml);

/* True if QEMU emulates its CPU, without KVM. */
bool domainxml_is_emulated(const char *xml);

/* True if who made the definition said that it is a Windows (libosinfo's note, as virt-manager). */
bool domainxml_is_windows(const char *xml);

/* How the guest is protected from its host: "sev", "tdx", which the caller frees; NULL: it is not. */
char *domainxml_confidential(const char *xml);

/* True if there is a virtio-serial controller, which a channel needs. */
bool domainxml_has_serial(const char *xml);

#endif
