/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/collect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/boots.h"
#include "daemon/intake.h"

#define FIRMWARE_RESET_S 5
#define US 1000

struct collect {
	struct member_setting setting;
	struct hostsource *hostsource;
	struct member *members;
};

static int64_t now_ns(struct collect *collect)
{
	int64_t t_ns = hostclock_now(&collect->setting.clock);

	return t_ns - t_ns % US;
}

struct collect *collect_new(struct store *store, unsigned int guest_disk_limit_mb)
{
	struct collect *collect = calloc(1, sizeof(*collect));

	if (!collect)
		return NULL;
	collect->setting.store = store;
	collect->setting.guest_disk_bytes_per_h = guest_disk_limit_mb * 1e6;
	return collect;
}

void collect_free(struct collect *collect)
{
	if (!collect)
		return;
	while (collect->members) {
		struct member *m = collect->members;

		collect->members = m->next;
		channel_free(m->channel);
		free(m);
	}
	free(collect);
}

void collect_set_hostsource(struct collect *collect, struct hostsource *hostsource)
{
	collect->hostsource = hostsource;
}

static struct member *find_member(struct collect *collect, const char *key)
{
	struct member *m;

	for (m = collect->members; m; m = m->next) {
		if (strcmp(m->vm->key, key) == 0)
			return m;
	}
	return NULL;
}

static struct member *get_member(struct collect *collect, const char *key, const char *name)
{
	struct member *m = find_member(collect, key);

	if (!m) {
		m = calloc(1, sizeof(*m));
		if (!m)
			return NULL;
		m->setting = &collect->setting;
		m->vm = store_vm(collect->setting.store, key, name);
		if (!m->vm) {
			free(m);
			return NULL;
		}
		intake_init(m);
		m->next = collect->members;
		collect->members = m;
	}
	if (strcmp(m->vm->name, name) != 0) {
		snprintf(m->vm->name, sizeof(m->vm->name), "%s", name);
		m->vm->dirty = true;
	}
	return m;
}

static void set_state(struct member *m, enum vm_state state)
{
	if (m->vm->state != state) {
		m->vm->state = state;
		m->vm->dirty = true;
	}
}

static void set_agent(struct member *m, enum vm_agent agent, const char *error)
{
	struct vm *vm = m->vm;

	if (vm->agent == agent && strcmp(vm->error, error) == 0)
		return;
	vm->agent = agent;
	snprintf(vm->error, sizeof(vm->error), "%s", error);
	vm->dirty = true;
}

static void on_channel_state(void *ctx, enum vm_agent agent, const char *error)
{
	struct member *m = ctx;

	set_agent(m, agent, error);
	/* Without libvirt the socket is all there is to tell by. */
	if (!m->by_libvirt)
		set_state(m, agent == AGENT_UNREACHABLE ? VM_UNKNOWN : VM_RUNNING);
}

static const struct channel_ops channel_ops = {
	.state = on_channel_state,
	.hello = intake_hello,
	.ready = intake_ready,
	.sample = intake_sample,
	.mark = intake_mark,
	.gap = intake_gap,
};

static int set_channel(struct member *m, const char *socket)
{
	if (m->channel && strcmp(channel_path(m->channel), socket) == 0)
		return 0;
	channel_free(m->channel);
	m->channel = NULL;
	if (!*socket) {
		set_agent(m, AGENT_NO_CHANNEL, "");
		return 0;
	}
	m->channel = channel_new(m->vm->name, socket, &channel_ops, m);
	if (!m->channel)
		return -ENOMEM;
	channel_set_pace(m->channel, m->pace_us);
	return 0;
}

int collect_add_channel(struct collect *collect, const char *name, const char *socket)
{
	struct member *m = get_member(collect, name, name);

	return m ? set_channel(m, socket) : -ENOMEM;
}

static void on_found(struct member *m, const struct domain *domain, int64_t t_ns)
{
	struct boot *boot = m->vm->boot;

	if (!*domain->life) {
		if (boots_is_open(m))
			boots_close(m, boots_last_seen_ns(boot));
		return;
	}
	if (boots_is_open(m) && strcmp(boot->life, domain->life) == 0)
		return;
	if (boots_is_open(m))
		boots_close(m, boots_last_seen_ns(boot));
	boots_open(m, BOOT_FOUND, domain->life, t_ns);
}

/*
 * A machine that was reset resets itself once more while its firmware starts
 * (SeaBIOS finds its memory used); for who watches that is one boot.
 */
static bool is_firmwares_own(const struct member *m, int64_t t_ns)
{
	return boots_is_open(m) && !m->vm->boot->has_guest_boot_id &&
	       m->vm->boot->cause == BOOT_REBOOT &&
	       t_ns - m->vm->boot->opened_ns < FIRMWARE_RESET_S * 1000000000LL;
}

static void on_domain_event(void *ctx, enum domain_event event, const struct domain *domain)
{
	struct collect *collect = ctx;
	struct member *m = get_member(collect, domain->uuid, domain->name);
	int64_t t_ns = now_ns(collect);

	if (!m) {
		log_error("'%s': out of memory, not watched", domain->name);
		return;
	}
	m->by_libvirt = true;
	set_state(m, domain->state);
	switch (event) {
	case DOMAIN_FOUND:
		on_found(m, domain, t_ns);
		break;
	case DOMAIN_STARTED:
		/* Its start fell between the events and the list: it is FOUND already. */
		if (boots_is_open(m) && strcmp(m->vm->boot->life, domain->life) == 0)
			break;
		m->vm->leaf = LEAF_UNKNOWN;
		m->vm->dirty = true;
		boots_open(m, BOOT_CREATED, domain->life, t_ns);
		break;
	case DOMAIN_RESTORED:
		boots_restored(m, domain->life, t_ns);
		break;
	case DOMAIN_REBOOTED:
		if (!is_firmwares_own(m, t_ns))
			boots_open(m, BOOT_REBOOT, domain->life, t_ns);
		break;
	case DOMAIN_STOPPED:
		boots_close(m, t_ns);
		break;
	case DOMAIN_CHANGED:
		break;
	}
	if (set_channel(m, domain->socket) < 0)
		log_error("'%s': out of memory, its channel is not served", domain->name);
	if (collect->hostsource && (event == DOMAIN_STARTED || event == DOMAIN_RESTORED))
		hostsource_poke(collect->hostsource);
	log_info("'%s': %s", domain->name,
		 domain->state == VM_STOPPED ? "stopped" :
		 domain->state == VM_PAUSED  ? "paused" : "running");
}

static void on_domains_lost(void *ctx)
{
	struct collect *collect = ctx;

	for (struct member *m = collect->members; m; m = m->next) {
		if (m->by_libvirt)
			set_state(m, VM_UNKNOWN);
	}
}

const struct domains_ops collect_domains_ops = {
	.event = on_domain_event,
	.lost = on_domains_lost,
};

/* A host's count that falls without a word of libvirt's: another life. False: not believed. */
static bool check_host_fall(struct member *m, const struct host_reading *reading)
{
	const struct boot *boot = m->vm->boot;

	return reading->exits >= boot->last[SOURCE_HOST].exits ||
	       boots_after_fall(m, SOURCE_HOST, reading->exits, reading->t_ns);
}

void collect_host_reading(void *ctx, const struct host_reading *reading)
{
	struct oracle_count count = { reading->t_ns, reading->error_ns, reading->exits };
	struct sample sample = {
		.t_wall_ns = reading->t_ns - reading->t_ns % US,
		.clock_error_ns = reading->error_ns,
		.has = SAMPLE_HAS_EXITS,
		.exits = reading->exits,
	};
	struct collect *collect = ctx;
	struct member *m = find_member(collect, reading->uuid);
	struct boot *boot;

	/* A reading may overtake the event of the domain's start or end. */
	if (!m || !boots_is_open(m) || reading->t_ns <= m->vm->boot->opened_ns ||
	    !check_host_fall(m, reading))
		return;
	boot = m->vm->boot;
	intake_host_count(m, &count, reading->vcpus);
	if (boot->vcpus != m->host_vcpus) {
		boot->vcpus = m->host_vcpus;
		store_boot_changed(collect->setting.store, boot);
	}
	sample.sequence = boot->last_sequence[SOURCE_HOST] + 1;
	if ((int64_t)sample.t_wall_ns <= boot->last_t_ns[SOURCE_HOST])
		sample.t_wall_ns = boot->last_t_ns[SOURCE_HOST] + US;
	(void)store_add(collect->setting.store, boot, SOURCE_HOST, &sample);
}

int collect_set_pace(struct collect *collect, const char *key, uint32_t interval_us)
{
	struct member *m = find_member(collect, key);

	if (!m || !m->channel)
		return -ENOENT;
	if (channel_version(m->channel) < 2)
		return channel_version(m->channel) ? -EPROTONOSUPPORT : -ENOTCONN;
	m->pace_us = interval_us;
	channel_set_pace(m->channel, interval_us);
	return 0;
}

void collect_committed(struct collect *collect)
{
	for (struct member *m = collect->members; m; m = m->next) {
		uint64_t committed = boots_committed(m);

		if (!m->channel)
			continue;
		if (committed > m->acked) {
			channel_ack(m->channel, committed);
			m->acked = committed;
		}
		channel_resume(m->channel);
	}
}
