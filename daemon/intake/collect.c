/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/intake/collect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/intake/boots.h"
#include "daemon/intake/intake.h"

#define FIRMWARE_RESET_S 5
#define YOUNG_NS 10000000000LL		/* no guest has rebooted by then */
#define US 1000

struct collect {
	struct member_setting setting;
	struct vitals *vitals;
	struct member *members;
};

static int64_t now_ns(struct collect *collect)
{
	int64_t t_ns = hostclock_now(&collect->setting.clock);

	return t_ns - t_ns % US;
}

struct collect *collect_new(struct store *store, struct vitals *vitals,
			    unsigned int guest_disk_limit_mb)
{
	struct collect *collect = calloc(1, sizeof(*collect));

	if (!collect)
		return NULL;
	collect->vitals = vitals;
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
	collect->setting.hostsource = hostsource;
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

static void watch_peer(struct member *m, pid_t pid)
{
	hostlink_peer(&m->link, pid);
	hostlink_watch(&m->link, m->setting->hostsource, m->vm);
}

static void on_channel_state(void *ctx, enum vm_agent agent, const char *error)
{
	struct member *m = ctx;

	set_agent(m, agent, error);
	/* Without libvirt the socket is all there is to tell by. */
	if (m->link.by_libvirt)
		return;
	set_state(m, agent == AGENT_UNREACHABLE ? VM_UNKNOWN : VM_RUNNING);
	if (agent == AGENT_UNREACHABLE)
		watch_peer(m, 0);
}

static void on_channel_peer(void *ctx, pid_t pid)
{
	struct member *m = ctx;

	if (!m->link.by_libvirt)
		watch_peer(m, pid);
}

static const struct channel_ops channel_ops = {
	.state = on_channel_state,
	.peer = on_channel_peer,
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

/*
 * A start that fell between the events and the list: it is FOUND already. When it was
 * created exactly is not known then.
 */
static void was_created(struct member *m)
{
	if (m->vm->boot->cause != BOOT_FOUND)
		return;
	m->vm->boot->cause = BOOT_CREATED;
	store_boot_changed(m->setting->store, m->vm->boot);
}

static const char *state_words(enum vm_state state)
{
	return state == VM_STOPPED ? "stopped" :
	       state == VM_PAUSED  ? "paused" :
	       state == VM_RUNNING ? "running" :
				     "in a state that is not known";
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
	m->link.by_libvirt = m->found = true;
	set_state(m, domain->state);
	vitals_set_reason(collect->vitals, m->vm->key, domain->reason);
	switch (event) {
	case DOMAIN_FOUND:
		on_found(m, domain, t_ns);
		break;
	case DOMAIN_STARTED:
		if (boots_is_open(m) && strcmp(m->vm->boot->life, domain->life) == 0) {
			was_created(m);
			break;
		}
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
		/* Such as a guest that panicked, and goes on. */
		if (*domain->life && !boots_is_open(m))
			on_found(m, domain, t_ns);
		break;
	}
	hostlink_watch(&m->link, collect->setting.hostsource, m->vm);
	if (!boots_is_open(m))
		vitals_set_host(collect->vitals, m->vm->key, &(struct host_state){ 0 });
	if (set_channel(m, domain->socket) < 0)
		log_error("'%s': out of memory, its channel is not served", domain->name);
	log_info("'%s': %s%s%s", domain->name, state_words(domain->state),
		 *domain->reason ? ", " : "", domain->reason);
}

/* A domain that ended while nobody watched may not even be defined any more. */
static void on_domains_listed(void *ctx)
{
	struct collect *collect = ctx;

	vitals_set_libvirt(collect->vitals, true);
	for (struct vm *vm = store_vms(collect->setting.store); vm; vm = vm->next) {
		struct domain gone = { .state = VM_STOPPED };
		struct member *m;

		if (vm->state != VM_UNKNOWN || !hostlink_is_domain(vm->key))
			continue;
		m = get_member(collect, vm->key, vm->name);
		if (!m || m->found)
			continue;
		if (boots_is_open(m))
			boots_close(m, boots_last_seen_ns(vm->boot));
		memcpy(gone.uuid, vm->key, sizeof(gone.uuid));
		memcpy(gone.name, vm->name, sizeof(gone.name));
		on_domain_event(collect, DOMAIN_STOPPED, &gone);
	}
}

static void on_domains_lost(void *ctx)
{
	struct collect *collect = ctx;

	vitals_set_libvirt(collect->vitals, false);
	for (struct member *m = collect->members; m; m = m->next) {
		if (m->link.by_libvirt)
			set_state(m, VM_UNKNOWN);
		m->found = false;
	}
}

const struct domains_ops collect_domains_ops = {
	.event = on_domain_event,
	.listed = on_domains_listed,
	.lost = on_domains_lost,
};

/* A host's count that falls without a word of libvirt's: another life. False: not believed. */
static bool check_host_fall(struct member *m, const struct host_reading *reading)
{
	const struct boot *boot = m->vm->boot;

	return reading->exits >= boot->last[SOURCE_HOST].exits ||
	       boots_after_fall(m, SOURCE_HOST, reading->exits, reading->t_ns);
}

/* Let the boot know what @reading says of it, and the guest be held against that. */
static void note(struct member *m, const struct host_reading *reading)
{
	struct oracle_count count = { reading->t_ns, reading->error_ns, reading->exits };
	struct boot *boot = m->vm->boot;
	bool news = hostlink_note(&m->link, boot, reading);

	intake_host_count(m, &count, reading->vcpus);
	if (m->host_vcpus && boot->vcpus != m->host_vcpus) {
		boot->vcpus = m->host_vcpus;
		news = true;
	}
	if (news)
		store_boot_changed(m->setting->store, boot);
}

static void store_reading(struct member *m, struct host_reading *reading)
{
	struct boot *boot = m->vm->boot;
	struct hostlink_detail detail;
	struct sample sample;

	hostlink_sample(reading, &detail, &sample);
	sample.t_wall_ns -= sample.t_wall_ns % US;
	if ((int64_t)sample.t_wall_ns <= boot->last_t_ns[SOURCE_HOST])
		sample.t_wall_ns = boot->last_t_ns[SOURCE_HOST] + US;
	sample.sequence = boot->last_sequence[SOURCE_HOST] + 1;
	(void)store_add(m->setting->store, boot, SOURCE_HOST, &sample);
}

/*
 * The boot of a VM that no libvirt tells of. Its process began just now: then this is
 * the VM's first, and its counters began with it.
 */
static void open_by_reading(struct member *m, const struct host_reading *reading)
{
	int64_t age_ns = reading->t_ns - reading->began_ns;
	bool seen = reading->began_ns && age_ns >= 0 && age_ns < YOUNG_NS;
	int64_t opened_ns = seen ? reading->began_ns : reading->t_ns;

	if (boots_is_open(m))
		boots_close(m, boots_last_seen_ns(m->vm->boot));
	boots_open(m, seen ? BOOT_CREATED : BOOT_FOUND, reading->life, opened_ns - opened_ns % US);
}

static void on_host_reading(void *ctx, struct host_reading *reading)
{
	struct member *m = find_member(ctx, reading->key);

	if (!m)
		return;
	if (hostlink_is_new(&m->link, m->vm, reading))
		open_by_reading(m, reading);
	/* A reading may overtake the event of the domain's start or end. */
	if (!boots_is_open(m) || reading->t_ns <= m->vm->boot->opened_ns ||
	    !check_host_fall(m, reading))
		return;
	note(m, reading);
	store_reading(m, reading);
}

static void on_host_state(void *ctx, const char *key, const struct host_state *state)
{
	struct collect *collect = ctx;
	struct member *m = find_member(collect, key);

	if (!m)
		return;
	vitals_set_host(collect->vitals, key, state);
	/* Readers look at VMs again when a record changes. */
	m->vm->dirty = true;
}

const struct hostsource_ops collect_host_ops = {
	.reading = on_host_reading,
	.state = on_host_state,
};

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
