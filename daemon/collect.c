/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/collect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/guestclock.h"
#include "guest-agent/shared/log.h"

/* A guest may claim a new boot so often; more are an attack on the boots' table. */
#define GUEST_BOOTS_PER_WINDOW 20
#define GUEST_BOOTS_WINDOW_S 600
#define FIRMWARE_RESET_S 5
#define US 1000

/* What is known of a VM beside its record. */
struct member {
	struct collect *collect;
	struct vm *vm;
	struct channel *channel;
	struct hostlink link;
	bool found;			/* by libvirt, since it was connected */
	bool joined;			/* the agent's last hello belongs to the latest boot */
	struct guestclock clock;
	uint64_t acked;
	unsigned int guest_boots;
	int64_t guest_boots_since_ns;
	struct log_limit limit;
	struct member *next;
};

struct collect {
	struct store *store;
	struct vitals *vitals;
	struct hostsource *hostsource;
	struct member *members;
};

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec / US * US;
}

struct collect *collect_new(struct store *store, struct vitals *vitals)
{
	struct collect *collect = calloc(1, sizeof(*collect));

	if (collect) {
		collect->store = store;
		collect->vitals = vitals;
	}
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
		m->collect = collect;
		m->vm = store_vm(collect->store, key, name);
		if (!m->vm) {
			free(m);
			return NULL;
		}
		m->next = collect->members;
		collect->members = m;
	}
	if (strcmp(m->vm->name, name) != 0) {
		snprintf(m->vm->name, sizeof(m->vm->name), "%s", name);
		m->vm->dirty = true;
	}
	return m;
}

static bool boot_is_open(const struct member *m)
{
	return m->vm->boot && m->vm->boot->closed_ns == 0;
}

static void close_boot(struct member *m, int64_t closed_ns)
{
	if (!boot_is_open(m))
		return;
	m->vm->boot->closed_ns = closed_ns;
	store_boot_changed(m->collect->store, m->vm->boot);
}

/* The new boot; the one before if memory is short, which is then said. */
static struct boot *open_boot(struct member *m, enum boot_cause cause, const char *life,
			      int64_t opened_ns)
{
	close_boot(m, opened_ns);
	if (!store_boot(m->collect->store, m->vm, cause, life, opened_ns))
		log_error("'%s': out of memory, its new boot is not recorded", m->vm->name);
	memset(&m->clock, 0, sizeof(m->clock));
	m->acked = 0;
	m->joined = false;
	hostlink_watch(&m->link, m->collect->hostsource, m->vm);
	return m->vm->boot;
}

/* Nobody saw the end of the last boot, but its last sample is evidence of life. */
static int64_t last_seen_ns(const struct boot *boot)
{
	int64_t t_ns = boot->opened_ns;

	for (int source = 0; source < SOURCES; source++) {
		if (boot->last_t_ns[source] > t_ns)
			t_ns = boot->last_t_ns[source];
	}
	return t_ns;
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

static void set_leaf(struct member *m, enum vm_leaf leaf)
{
	if (m->vm->leaf != leaf) {
		m->vm->leaf = leaf;
		m->vm->dirty = true;
	}
}

static void watch_peer(struct member *m, pid_t pid)
{
	hostlink_peer(&m->link, pid);
	hostlink_watch(&m->link, m->collect->hostsource, m->vm);
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

static bool on_channel_ready(void *ctx)
{
	struct member *m = ctx;

	return !store_is_full(m->collect->store);
}

/* Whether the guest may open one more boot by what it says. */
static bool guest_may_open(struct member *m, int64_t t_ns)
{
	if (t_ns - m->guest_boots_since_ns > GUEST_BOOTS_WINDOW_S * 1000000000LL) {
		m->guest_boots_since_ns = t_ns;
		m->guest_boots = 0;
	}
	return m->guest_boots++ < GUEST_BOOTS_PER_WINDOW;
}

/* A life of its own where libvirt tells nothing: the guest's boot. */
static void life_of(const struct member *m, const uint8_t *boot_id, char *life, size_t size)
{
	char guest[RECORD_LIFE_MAX + 1] = "guest/";

	for (int i = 0; i < PROTO_BOOT_ID_SIZE; i++)
		snprintf(guest + strlen(guest), sizeof(guest) - strlen(guest), "%02x", boot_id[i]);
	snprintf(life, size, "%s", hostlink_life(&m->link, m->vm, guest));
}

/* When the guest's kernel started: its boot's begin, if nobody saw more of it. */
static int64_t guest_start_ns(const struct member *m, const struct proto_hello *hello, int64_t t_ns)
{
	int64_t earliest_ns = m->vm->boot ? last_seen_ns(m->vm->boot) : 0;

	if (hello->t_boot_ns > (uint64_t)(t_ns - earliest_ns))
		return earliest_ns;
	return t_ns - (int64_t)hello->t_boot_ns / US * US;
}

/* Find the boot that @hello belongs to, opening one if need be. False: refused. */
static bool join_boot(struct member *m, const struct proto_hello *hello, int64_t t_ns)
{
	struct boot *boot = m->vm->boot;
	char life[RECORD_LIFE_MAX + 1];

	if (boot && boot->has_guest_boot_id &&
	    memcmp(boot->guest_boot_id, hello->boot_id, PROTO_BOOT_ID_SIZE) == 0) {
		boot->closed_ns = 0;
		return true;
	}
	if (!boot_is_open(m) || boot->has_guest_boot_id) {
		if (!guest_may_open(m, t_ns))
			return false;
		life_of(m, hello->boot_id, life, sizeof(life));
		boot = open_boot(m, boot ? BOOT_GUEST : BOOT_FOUND, life,
				 guest_start_ns(m, hello, t_ns));
		if (!boot)
			return false;
	}
	memcpy(boot->guest_boot_id, hello->boot_id, PROTO_BOOT_ID_SIZE);
	boot->has_guest_boot_id = true;
	return true;
}

static uint64_t on_channel_hello(void *ctx, const struct proto_hello *hello)
{
	struct member *m = ctx;
	int64_t t_ns = now_ns();
	struct boot *boot;

	m->joined = join_boot(m, hello, t_ns);
	if (!m->joined) {
		if (log_limit_ok(&m->limit, t_ns / 1000000000))
			log_warning("'%s': the guest claims too many boots, ignoring them",
				    m->vm->name);
		return 0;
	}
	boot = m->vm->boot;
	snprintf(boot->kernel, sizeof(boot->kernel), "%s", hello->kernel);
	snprintf(boot->agent, sizeof(boot->agent), "%s", hello->agent);
	boot->vcpus = hello->vcpus;
	if (hello->has & PROTO_HELLO_HAS_LEAF) {
		boot->tsc_khz = hello->tsc_khz;
		boot->reason_namespace = hello->reason_namespace;
	}
	store_boot_changed(m->collect->store, boot);
	set_leaf(m, hello->has & PROTO_HELLO_HAS_LEAF ? LEAF_YES : LEAF_NO);
	memset(&m->clock, 0, sizeof(m->clock));
	guestclock_observe(&m->clock, hello->t_boot_ns, t_ns);
	return boot->committed[SOURCE_GUEST];
}

/*
 * A counter that falls belongs to another life that nobody announced. Returns
 * false when the guest does that too often to be believed.
 */
static bool check_exits(struct member *m, enum sample_source source, const struct sample *sample)
{
	struct boot *boot = m->vm->boot;
	uint8_t boot_id[PROTO_BOOT_ID_SIZE];
	char life[RECORD_LIFE_MAX + 1];
	uint32_t vcpus, tsc_khz;
	bool has_boot_id, joined;

	if (!(sample->has & SAMPLE_HAS_EXITS) || sample->exits >= boot->last_exits[source])
		return true;
	if (!guest_may_open(m, sample->t_wall_ns))
		return false;
	log_notice("'%s': the exit count of the %s fell from %llu to %llu; a new boot begins",
		   m->vm->name, source == SOURCE_GUEST ? "guest" : "host",
		   (unsigned long long)boot->last_exits[source],
		   (unsigned long long)sample->exits);
	snprintf(life, sizeof(life), "%s", boot->life);
	memcpy(boot_id, boot->guest_boot_id, sizeof(boot_id));
	has_boot_id = boot->has_guest_boot_id;
	joined = m->joined;
	vcpus = boot->vcpus;
	tsc_khz = boot->tsc_khz;
	boot = open_boot(m, BOOT_FOUND, life, sample->t_wall_ns);
	/* To its agent it is still the same guest. */
	memcpy(boot->guest_boot_id, boot_id, sizeof(boot_id));
	boot->has_guest_boot_id = has_boot_id;
	m->joined = joined;
	boot->vcpus = vcpus;
	boot->tsc_khz = tsc_khz;
	return true;
}

static void add(struct member *m, enum sample_source source, struct sample *sample)
{
	struct boot *boot = m->vm->boot;

	/* Microseconds, as every answer shows them: a time that is read selects its sample. */
	sample->t_wall_ns -= sample->t_wall_ns % US;
	/* Time goes forward within a boot and source, whatever the clocks did. */
	if ((int64_t)sample->t_wall_ns <= boot->last_t_ns[source])
		sample->t_wall_ns = boot->last_t_ns[source] + US;
	if (boot->cause == BOOT_CREATED && (int64_t)sample->t_wall_ns <= boot->opened_ns)
		sample->t_wall_ns = boot->opened_ns + US;
	if (store_add(m->collect->store, boot, source, sample) < 0)
		return;
	boot->last_sequence[source] = sample->sequence;
	boot->last_t_ns[source] = sample->t_wall_ns;
	if (sample->has & SAMPLE_HAS_EXITS)
		boot->last_exits[source] = sample->exits;
}

static void on_channel_sample(void *ctx, const struct sample *sample, bool delayed)
{
	struct member *m = ctx;
	struct sample taken = *sample;
	int64_t t_ns = now_ns();

	/* Not joined: what the guest before a reboot left in the socket, or a refused one. */
	if (!m->joined || sample->sequence <= m->vm->boot->last_sequence[SOURCE_GUEST])
		return;
	if (!delayed)
		guestclock_observe(&m->clock, sample->t_boot_ns, t_ns);
	taken.t_wall_ns = guestclock_host_ns(&m->clock, sample->t_boot_ns, t_ns);
	if (!check_exits(m, SOURCE_GUEST, &taken)) {
		taken.has = 0;
		if (log_limit_ok(&m->limit, t_ns / 1000000000))
			log_warning("'%s': the guest's exit count keeps falling, not stored",
				    m->vm->name);
	}
	add(m, SOURCE_GUEST, &taken);
}

static const struct channel_ops channel_ops = {
	.state = on_channel_state,
	.peer = on_channel_peer,
	.hello = on_channel_hello,
	.ready = on_channel_ready,
	.sample = on_channel_sample,
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
	return m->channel ? 0 : -ENOMEM;
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
		if (boot_is_open(m))
			close_boot(m, last_seen_ns(boot));
		return;
	}
	if (boot_is_open(m) && strcmp(boot->life, domain->life) == 0)
		return;
	if (boot_is_open(m))
		close_boot(m, last_seen_ns(boot));
	open_boot(m, BOOT_FOUND, domain->life, t_ns);
}

/*
 * A machine that was reset resets itself once more while its firmware starts
 * (SeaBIOS finds its memory used); for who watches that is one boot.
 */
static bool is_firmwares_own(const struct member *m, int64_t t_ns)
{
	return boot_is_open(m) && !m->vm->boot->has_guest_boot_id &&
	       m->vm->boot->cause == BOOT_REBOOT &&
	       t_ns - m->vm->boot->opened_ns < FIRMWARE_RESET_S * 1000000000LL;
}

static void on_domain_event(void *ctx, enum domain_event event, const struct domain *domain)
{
	struct collect *collect = ctx;
	struct member *m = get_member(collect, domain->uuid, domain->name);
	int64_t t_ns = now_ns();

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
		/* Its start fell between the events and the list: it is FOUND already. */
		if (boot_is_open(m) && strcmp(m->vm->boot->life, domain->life) == 0) {
			if (m->vm->boot->cause == BOOT_FOUND)
				m->vm->boot->cause = BOOT_CREATED;
			store_boot_changed(collect->store, m->vm->boot);
			break;
		}
		set_leaf(m, LEAF_UNKNOWN);
		open_boot(m, BOOT_CREATED, domain->life, t_ns);
		break;
	case DOMAIN_RESTORED:
		open_boot(m, BOOT_RESUMED, domain->life, t_ns);
		break;
	case DOMAIN_REBOOTED:
		if (!is_firmwares_own(m, t_ns))
			open_boot(m, BOOT_REBOOT, domain->life, t_ns);
		break;
	case DOMAIN_STOPPED:
		close_boot(m, t_ns);
		break;
	case DOMAIN_CHANGED:
		/* Such as a guest that panicked, and goes on. */
		if (*domain->life && !boot_is_open(m))
			on_found(m, domain, t_ns);
		break;
	}
	hostlink_watch(&m->link, collect->hostsource, m->vm);
	if (!boot_is_open(m))
		vitals_set_host(collect->vitals, m->vm->key, &(struct host_state){ 0 });
	if (set_channel(m, domain->socket) < 0)
		log_error("'%s': out of memory, its channel is not served", domain->name);
	log_info("'%s': %s%s%s", domain->name,
		 domain->state == VM_STOPPED ? "stopped" :
		 domain->state == VM_PAUSED  ? "paused" :
		 domain->state == VM_RUNNING ? "running" :
					       "in a state that is not known",
		 *domain->reason ? ", " : "", domain->reason);
}

/* A domain that ended while nobody watched may not even be defined any more. */
static void on_domains_listed(void *ctx)
{
	struct collect *collect = ctx;

	for (struct vm *vm = store_vms(collect->store); vm; vm = vm->next) {
		struct domain gone = { .state = VM_STOPPED };
		struct member *m;

		if (vm->state != VM_UNKNOWN || !hostlink_is_domain(vm->key))
			continue;
		m = get_member(collect, vm->key, vm->name);
		if (!m || m->found)
			continue;
		if (boot_is_open(m))
			close_boot(m, last_seen_ns(vm->boot));
		memcpy(gone.uuid, vm->key, sizeof(gone.uuid));
		memcpy(gone.name, vm->name, sizeof(gone.name));
		on_domain_event(collect, DOMAIN_STOPPED, &gone);
	}
}

static void on_domains_lost(void *ctx)
{
	struct collect *collect = ctx;

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

static void on_host_reading(void *ctx, const struct host_reading *reading)
{
	struct collect *collect = ctx;
	struct member *m = find_member(collect, reading->key);
	struct sample sample;

	if (!m)
		return;
	if (hostlink_is_new(&m->link, m->vm, reading)) {
		if (boot_is_open(m))
			close_boot(m, last_seen_ns(m->vm->boot));
		open_boot(m, BOOT_FOUND, reading->life, reading->t_ns);
	}
	hostlink_sample(reading, &sample);
	/* A reading may overtake the event of the domain's start or end. */
	if (!boot_is_open(m) || reading->t_ns <= m->vm->boot->opened_ns ||
	    !check_exits(m, SOURCE_HOST, &sample))
		return;
	if (hostlink_note(m->vm->boot, reading))
		store_boot_changed(collect->store, m->vm->boot);
	sample.sequence = m->vm->boot->last_sequence[SOURCE_HOST] + 1;
	add(m, SOURCE_HOST, &sample);
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

	(void)interval_us;
	if (!m || !m->channel)
		return -ENOENT;
	return m->vm->agent == AGENT_CONNECTED ? -EPROTONOSUPPORT : -ENOTCONN;
}

void collect_committed(struct collect *collect)
{
	for (struct member *m = collect->members; m; m = m->next) {
		uint64_t committed = m->vm->boot ? m->vm->boot->committed[SOURCE_GUEST] : 0;

		if (!m->channel)
			continue;
		if (committed > m->acked) {
			channel_ack(m->channel, committed);
			m->acked = committed;
		}
		channel_resume(m->channel);
	}
}
