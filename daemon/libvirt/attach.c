/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/libvirt/attach.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/libvirt/domainxml.h"
#include "guest-agent/shared/cleanup.h"

#define KEEPALIVE_S 5			/* so that a libvirtd that hangs ends this */
#define KEEPALIVE_COUNT 3

static const char channel_xml[] =
	"<channel type='unix'><target type='virtio' name='" DOMAINXML_PORT "'/></channel>";

struct change {
	virDomainPtr dom;
	bool remove;
	struct attach_result *result;
};

/* One failure more; the first decides of the status. */
static void fail(struct attach_result *result, int status, const char *what, const char *why)
{
	size_t len = strlen(result->error);

	if (result->status == 200)
		result->status = status;
	snprintf(result->error + len, sizeof(result->error) - len, "%s%s%s%s", len ? "; " : "",
		 what, *why ? ": " : "", why);
}

static void fail_libvirt(struct attach_result *result, const char *what)
{
	virErrorPtr error = virGetLastError();
	int status = 409;

	if (error && error->code == VIR_ERR_NO_DOMAIN)
		status = 404;
	/* Something else holds the domain: a snapshot, a QEMU that is stuck. */
	else if (error && error->code == VIR_ERR_OPERATION_TIMEOUT)
		status = 503;
	fail(result, status, what, error && error->message ? error->message : "unknown");
}

static void missing_controller(struct change *c)
{
	fail(c->result, 409,
	     "it has no virtio-serial controller, and cannot be given one while it runs",
	     c->result->config == ATTACH_DONE || c->result->config == ATTACH_WAS
		     ? "it will have the channel when it is stopped and started again"
		     : "");
}

static enum attach_part add(struct change *c, const char *xml, unsigned int flags)
{
	bool live = flags & VIR_DOMAIN_AFFECT_LIVE;

	if (domainxml_has_channel(xml))
		return ATTACH_WAS;
	if (live && !domainxml_has_serial(xml)) {
		missing_controller(c);
		return ATTACH_FAILED;
	}
	if (virDomainAttachDeviceFlags(c->dom, channel_xml, flags) == 0)
		return ATTACH_DONE;
	fail_libvirt(c->result, live ? "libvirt does not add the channel while it runs"
				     : "libvirt does not add the channel to its definition");
	return ATTACH_FAILED;
}

static enum attach_part take_away(struct change *c, const char *xml, unsigned int flags)
{
	_cleanup_free_ char *channel = domainxml_channel(xml);
	_cleanup_free_ char *after = NULL;
	bool live = flags & VIR_DOMAIN_AFFECT_LIVE;

	if (!channel)
		return ATTACH_WAS;
	if (virDomainDetachDeviceFlags(c->dom, channel, flags) < 0) {
		fail_libvirt(c->result, live ? "libvirt does not remove the channel while it runs"
					     : "libvirt does not remove the channel from its "
					       "definition");
		return ATTACH_FAILED;
	}
	/* QEMU says by an event that it has; libvirt waits for that, but not for ever. */
	after = live ? virDomainGetXMLDesc(c->dom, 0) : NULL;
	return after && domainxml_has_channel(after) ? ATTACH_REQUESTED : ATTACH_DONE;
}

static enum attach_part change(struct change *c, unsigned int flags)
{
	bool live = flags & VIR_DOMAIN_AFFECT_LIVE;
	_cleanup_free_ char *xml =
		virDomainGetXMLDesc(c->dom, live ? 0 : VIR_DOMAIN_XML_INACTIVE);

	if (!xml) {
		fail_libvirt(c->result, "libvirt does not tell what devices it has");
		return ATTACH_FAILED;
	}
	return c->remove ? take_away(c, xml, flags) : add(c, xml, flags);
}

static void change_both(struct change *c)
{
	int active = virDomainIsActive(c->dom), persistent = virDomainIsPersistent(c->dom);

	if (active < 0 || persistent < 0) {
		fail_libvirt(c->result, "libvirt does not tell whether it runs");
		return;
	}
	/* The definition first: if it cannot have the channel now, it has it the next time. */
	if (persistent)
		c->result->config = change(c, VIR_DOMAIN_AFFECT_CONFIG);
	if (active)
		c->result->live = change(c, VIR_DOMAIN_AFFECT_LIVE);
}

void attach_run(const char *uri, const char *uuid, bool remove, struct attach_result *ret_result)
{
	struct change c = { .remove = remove, .result = ret_result };
	virConnectPtr conn = virConnectOpen(uri);

	*ret_result = (struct attach_result){ .status = 200 };
	if (!conn) {
		fail_libvirt(ret_result, "cannot connect to libvirt for a change (PRIVILEGES in "
					 "vmexitd(8) says what it needs)");
		ret_result->status = 503;
		return;
	}
	(void)virConnectSetKeepAlive(conn, KEEPALIVE_S, KEEPALIVE_COUNT);
	c.dom = virDomainLookupByUUIDString(conn, uuid);
	if (c.dom) {
		change_both(&c);
		(void)virDomainFree(c.dom);
	} else {
		fail_libvirt(ret_result, "libvirt has it no more");
	}
	(void)virConnectClose(conn);
}

const char *attach_word(enum attach_part part, bool remove)
{
	switch (part) {
	case ATTACH_DONE:
		return remove ? "removed" : "added";
	case ATTACH_WAS:
		return remove ? "absent" : "present";
	case ATTACH_REQUESTED:
		return "requested";
	case ATTACH_FAILED:
		return "failed";
	case ATTACH_NONE:
		break;
	}
	return NULL;
}
