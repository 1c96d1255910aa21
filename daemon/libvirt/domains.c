/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/libvirt/domains.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/libvirt/domainxml.h"
#include "daemon/base/loop.h"
#include "daemon/host/qemuproc.h"
#include "daemon/base/worker.h"
#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

#define RETRY_MS 2000
#define KEEPALIVE_S 5
#define KEEPALIVE_COUNT 3

#define EVENTS 4

/* An attempt to connect, which outlives its owner if libvirt does not answer. */
struct opening {
	struct domains *owner;		/* NULL: it has gone */
	char *uri;
	virConnectPtr conn;
	char error[256];
};

struct domains {
	char *uri;
	struct worker *worker;
	const struct domains_ops *ops;
	void *ctx;
	struct opening *opening;
	virConnectPtr conn;
	int callbacks[EVENTS];
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

static const char *libvirt_error(void)
{
	virErrorPtr error = virGetLastError();

	return error && error->message ? error->message : "unknown";
}

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

/* The pattern of the path changed between libvirt's versions, so it is read. */
static void find_socket(virDomainPtr dom, struct domain *domain)
{
	_cleanup_free_ char *xml = virDomainGetXMLDesc(dom, 0);
	_cleanup_free_ char *path = xml ? domainxml_socket(xml) : NULL;

	if (path && strlen(path) < sizeof(domain->socket))
		copy(domain->socket, sizeof(domain->socket), path);
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

/* What there is to say of a state beside its name. Users pause and shut down all the time. */
static const char *reason_of(int state, int reason)
{
	static const char *const paused[] = {
		[VIR_DOMAIN_PAUSED_MIGRATION] = "migration",
		[VIR_DOMAIN_PAUSED_SAVE] = "save",
		[VIR_DOMAIN_PAUSED_DUMP] = "dump",
		[VIR_DOMAIN_PAUSED_IOERROR] = "io-error",
		[VIR_DOMAIN_PAUSED_WATCHDOG] = "watchdog",
		[VIR_DOMAIN_PAUSED_SNAPSHOT] = "snapshot",
		[VIR_DOMAIN_PAUSED_CRASHED] = "crashed",
		[VIR_DOMAIN_PAUSED_POSTCOPY] = "migration",
		[VIR_DOMAIN_PAUSED_POSTCOPY_FAILED] = "migration-failed",
	};
	static const char *const shutoff[] = {
		[VIR_DOMAIN_SHUTOFF_DESTROYED] = "destroyed",
		[VIR_DOMAIN_SHUTOFF_CRASHED] = "crashed",
		[VIR_DOMAIN_SHUTOFF_MIGRATED] = "migrated",
		[VIR_DOMAIN_SHUTOFF_SAVED] = "saved",
		[VIR_DOMAIN_SHUTOFF_FAILED] = "failed",
	};
	const char *const *names = state == VIR_DOMAIN_PAUSED ? paused : shutoff;
	size_t count = state == VIR_DOMAIN_PAUSED    ? sizeof(paused) / sizeof(paused[0]) :
		       state == VIR_DOMAIN_SHUTOFF ? sizeof(shutoff) / sizeof(shutoff[0]) :
						       0;

	if (state == VIR_DOMAIN_CRASHED)
		return "panicked";
	return reason >= 0 && (size_t)reason < count && names[reason] ? names[reason] : "";
}

/* A domain that ended may not be there any more to be asked why. */
static int shutoff_of(int detail)
{
	switch (detail) {
	case VIR_DOMAIN_EVENT_STOPPED_DESTROYED:
		return VIR_DOMAIN_SHUTOFF_DESTROYED;
	case VIR_DOMAIN_EVENT_STOPPED_CRASHED:
		return VIR_DOMAIN_SHUTOFF_CRASHED;
	case VIR_DOMAIN_EVENT_STOPPED_MIGRATED:
		return VIR_DOMAIN_SHUTOFF_MIGRATED;
	case VIR_DOMAIN_EVENT_STOPPED_SAVED:
		return VIR_DOMAIN_SHUTOFF_SAVED;
	case VIR_DOMAIN_EVENT_STOPPED_FAILED:
		return VIR_DOMAIN_SHUTOFF_FAILED;
	default:
		return VIR_DOMAIN_SHUTOFF_UNKNOWN;
	}
}

static bool identify(virDomainPtr dom, struct domain *domain)
{
	copy(domain->name, sizeof(domain->name), virDomainGetName(dom));
	return virDomainGetUUIDString(dom, domain->uuid) == 0;
}

static void tell_stopped(struct domains *d, virDomainPtr dom, int state, int reason)
{
	struct domain domain = { .state = VM_STOPPED };

	if (!identify(dom, &domain))
		return;
	copy(domain.reason, sizeof(domain.reason), reason_of(state, reason));
	d->ops->event(d->ctx, DOMAIN_STOPPED, &domain);
}

static void tell(struct domains *d, enum domain_event event, virDomainPtr dom)
{
	struct domain domain = { 0 };
	unsigned int id = virDomainGetID(dom);
	int state, reason;

	if (!identify(dom, &domain))
		return;
	if (virDomainGetState(dom, &state, &reason, 0) == 0) {
		domain.state = state_of(state);
		copy(domain.reason, sizeof(domain.reason), reason_of(state, reason));
	}
	if (domain.state == VM_RUNNING || domain.state == VM_PAUSED) {
		snprintf(domain.life, sizeof(domain.life), "%s/%u", d->host_boot, id);
		find_socket(dom, &domain);
	}
	d->ops->event(d->ctx, event, &domain);
}

/* A guest that panicked may be kept as it is, or go on, or be ended, which is said later. */
static void on_crashed(struct domains *d, virDomainPtr dom)
{
	int state, reason;

	if (virDomainGetState(dom, &state, &reason, 0) < 0 || state == VIR_DOMAIN_CRASHED)
		tell_stopped(d, dom, VIR_DOMAIN_CRASHED, VIR_DOMAIN_CRASHED_PANICKED);
	else
		tell(d, DOMAIN_CHANGED, dom);
}

/* What it was called before it was renamed is no news; the new name follows. */
static void on_undefined(struct domains *d, virDomainPtr dom, int detail)
{
	int state, reason;

	if (detail == VIR_DOMAIN_EVENT_UNDEFINED_RENAMED)
		return;
	/* One that runs goes on running, and is gone when it stops. */
	if (virDomainGetState(dom, &state, &reason, 0) == 0 && state_of(state) != VM_STOPPED)
		return;
	tell_stopped(d, dom, VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_UNKNOWN);
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
	case VIR_DOMAIN_EVENT_DEFINED:
	case VIR_DOMAIN_EVENT_SUSPENDED:
	case VIR_DOMAIN_EVENT_RESUMED:
	case VIR_DOMAIN_EVENT_PMSUSPENDED:
		tell(d, DOMAIN_CHANGED, dom);
		break;
	case VIR_DOMAIN_EVENT_STOPPED:
		tell_stopped(d, dom, VIR_DOMAIN_SHUTOFF, shutoff_of(detail));
		break;
	case VIR_DOMAIN_EVENT_CRASHED:
		on_crashed(d, dom);
		break;
	case VIR_DOMAIN_EVENT_UNDEFINED:
		on_undefined(d, dom, detail);
		break;
	}
	return 0;
}

static void on_reboot(virConnectPtr conn, virDomainPtr dom, void *opaque)
{
	(void)conn;
	tell(opaque, DOMAIN_REBOOTED, dom);
}

/* A channel may have come or gone. */
static void on_device(virConnectPtr conn, virDomainPtr dom, const char *alias, void *opaque)
{
	(void)conn;
	(void)alias;
	tell(opaque, DOMAIN_CHANGED, dom);
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
	for (int i = 0; i < EVENTS; i++) {
		if (d->callbacks[i] >= 0)
			(void)virConnectDomainEventDeregisterAny(d->conn, d->callbacks[i]);
	}
	(void)virConnectUnregisterCloseCallback(d->conn, on_close);
	(void)virConnectClose(d->conn);
	d->conn = NULL;
}

static void find_all(struct domains *d)
{
	virDomainPtr *list = NULL;
	int n = virConnectListAllDomains(d->conn, &list, 0);

	if (n < 0) {
		log_error("libvirt: cannot list the domains: %s, will see those that start",
			  libvirt_error());
		return;
	}
	for (int i = 0; i < n; i++) {
		tell(d, DOMAIN_FOUND, list[i]);
		(void)virDomainFree(list[i]);
	}
	free(list);
	d->ops->listed(d->ctx);
}

static void register_events(struct domains *d)
{
	static const struct {
		int id;
		virConnectDomainEventGenericCallback fn;
	} events[EVENTS] = {
		{ VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle) },
		{ VIR_DOMAIN_EVENT_ID_REBOOT, VIR_DOMAIN_EVENT_CALLBACK(on_reboot) },
		{ VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, VIR_DOMAIN_EVENT_CALLBACK(on_device) },
		{ VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_CALLBACK(on_device) },
	};
	bool all = true;

	for (int i = 0; i < EVENTS; i++) {
		d->callbacks[i] = virConnectDomainEventRegisterAny(d->conn, NULL, events[i].id,
								   events[i].fn, d, NULL);
		all = all && d->callbacks[i] >= 0;
	}
	if (!all)
		log_error("libvirt: cannot watch the domains: %s, will see only those there now",
			  libvirt_error());
}

static void use_connection(struct domains *d)
{
	d->complained = false;
	d->closed = false;
	loop_update_timer(d->timer, -1);
	/*
	 * From here on a libvirtd that hangs is noticed. Drivers inside this process
	 * (test:///) have neither of both; that is no loss.
	 */
	(void)virConnectSetKeepAlive(d->conn, KEEPALIVE_S, KEEPALIVE_COUNT);
	(void)virConnectRegisterCloseCallback(d->conn, on_close, d, NULL);
	log_info("connected to libvirt at %s", d->uri);
	/* Events first, then the list, so that nothing falls between. */
	register_events(d);
	find_all(d);
}

static void free_opening(struct opening *o)
{
	if (!o)
		return;
	if (o->conn)
		(void)virConnectClose(o->conn);
	free(o->uri);
	free(o);
}

static void open_connection(void *job)
{
	struct opening *o = job;

	o->conn = virConnectOpenReadOnly(o->uri);
	if (!o->conn)
		copy(o->error, sizeof(o->error), libvirt_error());
}

static void on_opened(void *job)
{
	struct opening *o = job;
	struct domains *d = o->owner;

	if (!d) {
		free_opening(o);
		return;
	}
	d->opening = NULL;
	d->conn = o->conn;
	o->conn = NULL;
	if (d->conn) {
		use_connection(d);
	} else {
		if (!d->complained)
			log_error("libvirt: %s: %s; is libvirtd running, may this user connect "
				  "(PRIVILEGES in vmexitd(8))? will retry",
				  d->uri, o->error);
		d->complained = true;
		loop_update_timer(d->timer, RETRY_MS);
	}
	free_opening(o);
}

static void try_connect(struct domains *d)
{
	struct opening *o = calloc(1, sizeof(*o));

	if (o) {
		o->owner = d;
		o->uri = strdup(d->uri);
	}
	if (!o || !o->uri || worker_start(d->worker, open_connection, on_opened, o) < 0) {
		free_opening(o);
		loop_update_timer(d->timer, RETRY_MS);
		return;
	}
	d->opening = o;
	loop_update_timer(d->timer, -1);
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
	if (!d->conn && !d->opening)
		try_connect(d);
}

struct domains *domains_new(const char *uri, struct worker *worker,
			    const struct domains_ops *ops, void *ctx)
{
	struct domains *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->worker = worker;
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
	qemuproc_boot_id("/proc", d->host_boot, sizeof(d->host_boot));
	try_connect(d);
	return d;
}

void domains_free(struct domains *domains)
{
	if (!domains)
		return;
	if (domains->opening)
		domains->opening->owner = NULL;
	drop_connection(domains);
	if (domains->timer >= 0)
		loop_remove_timer(domains->timer);
	free(domains->uri);
	free(domains);
}
