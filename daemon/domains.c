/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/domains.h"

#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/loop.h"
#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

#define RETRY_MS 2000
#define KEEPALIVE_S 5
#define KEEPALIVE_COUNT 3

struct domains {
	char *uri;
	const struct domains_ops *ops;
	void *ctx;
	virConnectPtr conn;
	int on_lifecycle, on_reboot;
	int timer;
	bool complained;
	bool closed;			/* libvirt said so; dropped by the timer */
	char host_boot[48];
};

static void ignore_error(void *ctx, virErrorPtr error)
{
	(void)ctx;
	(void)error;
}

void domains_quiet(void)
{
	virSetErrorFunc(NULL, ignore_error);
}

static void log_libvirt(const char *what, const char *ending)
{
	virErrorPtr error = virGetLastError();

	log_error("libvirt: %s: %s%s", what, error && error->message ? error->message : "unknown",
		  ending);
}

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

static void read_host_boot(char *buf, size_t size)
{
	_cleanup_close_ int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, buf, size - 1) : 0;

	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
}

/* The pattern of the path changed between libvirt's versions, so it is read. */
static void find_socket(virDomainPtr dom, struct domain *domain)
{
	static const char expression[] =
		"string(/domain/devices/channel[@type='unix'][target/@type='virtio']"
		"[target/@name='" PROTO_PORT_NAME "']/source/@path)";
	_cleanup_free_ char *xml = virDomainGetXMLDesc(dom, 0);
	xmlXPathContextPtr xpath;
	xmlXPathObjectPtr found;
	xmlDocPtr doc;

	if (!xml)
		return;
	doc = xmlReadMemory(xml, strlen(xml), "domain.xml", NULL,
			    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	xpath = doc ? xmlXPathNewContext(doc) : NULL;
	found = xpath ? xmlXPathEvalExpression((const xmlChar *)expression, xpath) : NULL;
	if (found && found->stringval && strlen((char *)found->stringval) < sizeof(domain->socket))
		copy(domain->socket, sizeof(domain->socket), (char *)found->stringval);
	xmlXPathFreeObject(found);
	xmlXPathFreeContext(xpath);
	xmlFreeDoc(doc);
}

static enum vm_state state_of(int state)
{
	switch (state) {
	case VIR_DOMAIN_RUNNING:
	case VIR_DOMAIN_BLOCKED:
	case VIR_DOMAIN_SHUTDOWN:
		return VM_RUNNING;
	case VIR_DOMAIN_PAUSED:
	case VIR_DOMAIN_PMSUSPENDED:
		return VM_PAUSED;
	case VIR_DOMAIN_SHUTOFF:
	case VIR_DOMAIN_CRASHED:
		return VM_STOPPED;
	default:
		return VM_UNKNOWN;
	}
}

static void tell(struct domains *d, enum domain_event event, virDomainPtr dom)
{
	struct domain domain = { 0 };
	unsigned int id = virDomainGetID(dom);
	int state, reason;

	if (virDomainGetUUIDString(dom, domain.uuid) < 0)
		return;
	copy(domain.name, sizeof(domain.name), virDomainGetName(dom));
	/* A transient domain that stopped is not there to be asked. */
	if (event == DOMAIN_STOPPED)
		domain.state = VM_STOPPED;
	else if (virDomainGetState(dom, &state, &reason, 0) == 0)
		domain.state = state_of(state);
	if (domain.state == VM_RUNNING || domain.state == VM_PAUSED) {
		snprintf(domain.life, sizeof(domain.life), "%s/%u", d->host_boot, id);
		find_socket(dom, &domain);
	}
	d->ops->event(d->ctx, event, &domain);
}

static int on_lifecycle(virConnectPtr conn, virDomainPtr dom, int event, int detail, void *opaque)
{
	struct domains *d = opaque;

	(void)conn;
	switch (event) {
	case VIR_DOMAIN_EVENT_STARTED:
		tell(d, detail == VIR_DOMAIN_EVENT_STARTED_BOOTED ? DOMAIN_STARTED : DOMAIN_RESTORED,
		     dom);
		break;
	case VIR_DOMAIN_EVENT_SUSPENDED:
	case VIR_DOMAIN_EVENT_RESUMED:
	case VIR_DOMAIN_EVENT_PMSUSPENDED:
		tell(d, DOMAIN_CHANGED, dom);
		break;
	case VIR_DOMAIN_EVENT_STOPPED:
	case VIR_DOMAIN_EVENT_CRASHED:
		tell(d, DOMAIN_STOPPED, dom);
		break;
	}
	return 0;
}

static void on_reboot(virConnectPtr conn, virDomainPtr dom, void *opaque)
{
	(void)conn;
	tell(opaque, DOMAIN_REBOOTED, dom);
}

static void on_close(virConnectPtr conn, int reason, void *opaque)
{
	struct domains *d = opaque;

	(void)conn;
	(void)reason;
	d->closed = true;
	loop_update_timer(d->timer, 0);
}

static void drop_connection(struct domains *d)
{
	if (!d->conn)
		return;
	if (d->on_lifecycle >= 0)
		(void)virConnectDomainEventDeregisterAny(d->conn, d->on_lifecycle);
	if (d->on_reboot >= 0)
		(void)virConnectDomainEventDeregisterAny(d->conn, d->on_reboot);
	(void)virConnectUnregisterCloseCallback(d->conn, on_close);
	(void)virConnectClose(d->conn);
	d->conn = NULL;
}

static void find_all(struct domains *d)
{
	virDomainPtr *list = NULL;
	int n = virConnectListAllDomains(d->conn, &list, 0);

	if (n < 0)
		log_libvirt("cannot list the domains", ", will see those that start");
	for (int i = 0; i < n; i++) {
		tell(d, DOMAIN_FOUND, list[i]);
		(void)virDomainFree(list[i]);
	}
	free(list);
}

static void try_connect(struct domains *d)
{
	d->conn = virConnectOpenReadOnly(d->uri);
	if (!d->conn) {
		if (!d->complained)
			log_libvirt(d->uri, "; is libvirtd running, may this user connect? will retry");
		d->complained = true;
		loop_update_timer(d->timer, RETRY_MS);
		return;
	}
	d->complained = false;
	d->closed = false;
	loop_update_timer(d->timer, -1);
	/* Events first, then the list, so that nothing falls between. */
	d->on_lifecycle = virConnectDomainEventRegisterAny(
		d->conn, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
		VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), d, NULL);
	d->on_reboot = virConnectDomainEventRegisterAny(d->conn, NULL, VIR_DOMAIN_EVENT_ID_REBOOT,
							VIR_DOMAIN_EVENT_CALLBACK(on_reboot), d,
							NULL);
	if (d->on_lifecycle < 0 || d->on_reboot < 0)
		log_libvirt("cannot watch the domains", ", will see only those there now");
	/* Drivers inside this process (test:///) have neither; that is no loss. */
	(void)virConnectRegisterCloseCallback(d->conn, on_close, d, NULL);
	(void)virConnectSetKeepAlive(d->conn, KEEPALIVE_S, KEEPALIVE_COUNT);
	log_info("connected to libvirt at %s", d->uri);
	find_all(d);
}

static void on_timer(void *ctx)
{
	struct domains *d = ctx;

	if (d->closed) {
		log_warning("libvirt at %s is gone, will reconnect", d->uri);
		drop_connection(d);
		d->closed = false;
		d->complained = true;
		d->ops->lost(d->ctx);
		loop_update_timer(d->timer, RETRY_MS);
		return;
	}
	if (!d->conn)
		try_connect(d);
}

struct domains *domains_new(const char *uri, const struct domains_ops *ops, void *ctx)
{
	struct domains *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->ops = ops;
	d->ctx = ctx;
	d->timer = -1;
	d->uri = strdup(uri);
	if (d->uri)
		d->timer = loop_add_timer(-1, on_timer, d);
	if (d->timer < 0) {
		domains_free(d);
		return NULL;
	}
	read_host_boot(d->host_boot, sizeof(d->host_boot));
	try_connect(d);
	return d;
}

void domains_free(struct domains *domains)
{
	if (!domains)
		return;
	drop_connection(domains);
	if (domains->timer >= 0)
		loop_remove_timer(domains->timer);
	free(domains->uri);
	free(domains);
}
