/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/intake/boots.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* So often a guest may claim another boot or life; more attack the boots' table. */
#define CLAIMS_PER_WINDOW 20
#define CLAIMS_WINDOW_NS 600000000000LL
/* Libvirt's news of a restore may be so late. */
#define NEWS_NS 10000000000LL
#define US 1000

bool boots_is_open(const struct member *m)
{
	return m->vm->boot && m->vm->boot->closed_ns == 0;
}

int64_t boots_last_seen_ns(const struct boot *boot)
{
	int64_t t_ns = boot->opened_ns;

	for (int source = 0; source < SOURCES; source++) {
		if (boot->last_t_ns[source] > t_ns)
			t_ns = boot->last_t_ns[source];
	}
	return t_ns;
}

void boots_close(struct member *m, int64_t closed_ns)
{
	if (!boots_is_open(m))
		return;
	m->vm->boot->closed_ns = closed_ns;
	store_boot_changed(m->setting->store, m->vm->boot);
}

void boots_reset_oracle(struct member *m)
{
	memset(&m->oracle, 0, sizeof(m->oracle));
	m->oracle.vouched = m->vm->boot ? m->vm->boot->last_sequence[SOURCE_GUEST] : 0;
}

/* @boot is of the same KVM VM as the one before: what is known of that holds on. */
static void inherit_life(struct boot *boot, const struct boot *before)
{
	boot->created_ns = before->created_ns;
	boot->vcpus = before->vcpus;
	boot->tsc_khz = before->tsc_khz;
	boot->reason_namespace = before->reason_namespace;
	for (int source = 0; source < SOURCES; source++)
		counters_copy(&boot->last[source], &before->last[source]);
}

/* @boot is of the same guest: the sequences have one order. */
static void inherit_guest(struct boot *boot, const struct boot *before)
{
	memcpy(boot->guest_boot_id, before->guest_boot_id, PROTO_BOOT_ID_SIZE);
	boot->has_guest_boot_id = before->has_guest_boot_id;
	memcpy(boot->kernel, before->kernel, sizeof(boot->kernel));
	memcpy(boot->agent, before->agent, sizeof(boot->agent));
	boot->vcpus = before->vcpus;
	boot->tsc_khz = before->tsc_khz;
	boot->reason_namespace = before->reason_namespace;
}

struct boot *boots_open(struct member *m, enum boot_cause cause, const char *life,
			int64_t opened_ns)
{
	struct boot *before = m->vm->boot, *boot;
	bool same_life = before && strcmp(before->life, life) == 0;

	boots_close(m, opened_ns);
	boot = store_boot(m->setting->store, m->vm, cause, life, opened_ns);
	if (!boot) {
		log_error("'%s': out of memory, its new boot is not recorded", m->vm->name);
		return before;
	}
	if (same_life) {
		inherit_life(boot, before);
		oracle_next_boot(&m->oracle);
	} else {
		boots_reset_oracle(m);
		m->host_vcpus = 0;
	}
	/* The news of its start: the KVM VM is as old as that. */
	if (!same_life && (cause == BOOT_CREATED || cause == BOOT_RESUMED))
		boot->created_ns = opened_ns;
	memset(&m->clock, 0, sizeof(m->clock));
	m->acked = 0;
	m->suspect = 0;
	m->joined = false;
	hostlink_watch(&m->link, m->setting->hostsource, m->vm);
	return boot;
}

/* The same guest in another life that nobody but its counters announced. */
static struct boot *open_life(struct member *m, enum boot_cause cause, const char *life,
			      int64_t opened_ns)
{
	struct boot *before = m->vm->boot, *boot;
	struct guestclock clock = m->clock;
	bool joined = m->joined;

	boot = boots_open(m, cause, life, opened_ns);
	if (boot == before)
		return boot;
	inherit_guest(boot, before);
	/* When that life began nobody knows, nor what it had counted before. */
	boot->created_ns = 0;
	for (int source = 0; source < SOURCES; source++)
		counters_done(&boot->last[source]);
	boots_reset_oracle(m);
	m->clock = clock;
	m->joined = joined;
	return boot;
}

void boots_restored(struct member *m, const char *life, int64_t now_ns)
{
	struct boot *boot = m->vm->boot;

	if (!boots_is_open(m) || boot->cause != BOOT_RESUMED ||
	    strncmp(boot->life, "kvm/", 4) != 0 || now_ns - boot->opened_ns > NEWS_NS) {
		boots_open(m, BOOT_RESUMED, life, now_ns);
		return;
	}
	snprintf(boot->life, sizeof(boot->life), "%s", life);
	store_boot_changed(m->setting->store, boot);
}

/* Whether the guest may open one more by what it says. */
static bool may_claim(struct member *m, int64_t now_ns)
{
	if (now_ns - m->claims_since_ns > CLAIMS_WINDOW_NS || now_ns < m->claims_since_ns) {
		m->claims_since_ns = now_ns;
		m->claims = 0;
	}
	if (m->claims == CLAIMS_PER_WINDOW)
		return false;
	m->claims++;
	return true;
}

/* A life where the host tells of none: by the generation, else the guest's boot. */
static void life_of(const struct member *m, const struct proto_hello *hello, char *life,
		    size_t size)
{
	char guest[RECORD_LIFE_MAX + 1] = "guest/";
	size_t len = strlen(guest);

	if (hello->has & PROTO_HELLO_HAS_GENERATION) {
		snprintf(guest, sizeof(guest), "kvm/%016" PRIx64, hello->generation);
	} else {
		for (int i = 0; i < PROTO_BOOT_ID_SIZE; i++)
			len += snprintf(guest + len, sizeof(guest) - len, "%02x", hello->boot_id[i]);
	}
	snprintf(life, size, "%s", hostlink_life(&m->link, m->vm, guest));
}

/* When the guest's kernel started: its boot's begin, if nobody saw more of it. */
static int64_t guest_start_ns(const struct member *m, const struct proto_hello *hello, int64_t t_ns)
{
	int64_t earliest_ns = m->vm->boot ? boots_last_seen_ns(m->vm->boot) : 0;

	/* The host's clock may have been set back. */
	if (earliest_ns > t_ns)
		return t_ns;
	if (hello->t_boot_ns > (uint64_t)(t_ns - earliest_ns))
		return earliest_ns;
	return t_ns - (int64_t)hello->t_boot_ns / US * US;
}

static bool is_guest(const struct boot *boot, const uint8_t id[PROTO_BOOT_ID_SIZE])
{
	return boot && boot->has_guest_boot_id &&
	       memcmp(boot->guest_boot_id, id, PROTO_BOOT_ID_SIZE) == 0;
}

bool boots_join(struct member *m, const struct proto_hello *hello, int64_t now_ns)
{
	struct boot *boot = m->vm->boot;
	char life[RECORD_LIFE_MAX + 1];

	if (is_guest(boot, hello->boot_id)) {
		boot->closed_ns = 0;
		return true;
	}
	if (!boots_is_open(m) || boot->has_guest_boot_id) {
		if (!may_claim(m, now_ns))
			return false;
		life_of(m, hello, life, sizeof(life));
		boot = boots_open(m, boot ? BOOT_GUEST : BOOT_FOUND, life,
				  guest_start_ns(m, hello, now_ns));
		if (!boot || boot->has_guest_boot_id)
			return false;
	}
	memcpy(boot->guest_boot_id, hello->boot_id, PROTO_BOOT_ID_SIZE);
	boot->has_guest_boot_id = true;
	return true;
}

/* Where the guest was before, if it is the same one in another life. */
static struct boot *earlier_life(const struct member *m)
{
	const struct boot *boot = m->vm->boot;

	return boot->has_guest_boot_id && is_guest(m->vm->earlier, boot->guest_boot_id)
		       ? m->vm->earlier
		       : NULL;
}

static void adopt_generation(struct member *m, const struct sample *sample)
{
	struct boot *boot = m->vm->boot, *before = m->vm->earlier;

	boot->has_generation = true;
	boot->generation = sample->generation;
	store_boot_changed(m->setting->store, boot);
	/* Nobody said so, but it is still the same KVM VM, and its counters went on. */
	if (before && before->has_generation && before->generation == sample->generation &&
	    boot->last[SOURCE_GUEST].has == 0)
		counters_copy(&boot->last[SOURCE_GUEST], &before->last[SOURCE_GUEST]);
}

struct boot *boots_of_sample(struct member *m, const struct sample *sample, int64_t now_ns)
{
	struct boot *boot = m->vm->boot, *earlier = earlier_life(m);
	char life[RECORD_LIFE_MAX + 1];

	if (!(sample->has & SAMPLE_HAS_GENERATION) ||
	    (boot->has_generation && boot->generation == sample->generation))
		return boot;
	/* Taken before the restore, sent after it. */
	if (earlier && earlier->has_generation && earlier->generation == sample->generation)
		return earlier;
	if (!boot->has_generation) {
		adopt_generation(m, sample);
		return boot;
	}
	if (!may_claim(m, now_ns))
		return NULL;
	log_notice("'%s': the guest goes on in another KVM VM", m->vm->name);
	snprintf(life, sizeof(life), "kvm/%016" PRIx64, sample->generation);
	boot = open_life(m, BOOT_RESUMED, life, now_ns);
	boot->has_generation = true;
	boot->generation = sample->generation;
	return boot;
}

struct boot *boots_after_fall(struct member *m, enum sample_source source, uint64_t exits,
			      int64_t now_ns)
{
	char life[RECORD_LIFE_MAX + 1];

	if (source == SOURCE_GUEST && !may_claim(m, now_ns))
		return NULL;
	log_notice("'%s': the exit count of the %s fell from %" PRIu64 " to %" PRIu64
		   "; a new boot begins",
		   m->vm->name, source == SOURCE_GUEST ? "guest" : "host",
		   m->vm->boot->last[source].exits, exits);
	snprintf(life, sizeof(life), "%s", m->vm->boot->life);
	return open_life(m, BOOT_FOUND, life, now_ns);
}

uint64_t boots_last_sequence(const struct member *m)
{
	const struct boot *boot = m->vm->boot, *earlier = earlier_life(m);
	uint64_t sequence = boot->last_sequence[SOURCE_GUEST];

	if (!earlier)
		return sequence;
	if (earlier->last_sequence[SOURCE_GUEST] > sequence)
		sequence = earlier->last_sequence[SOURCE_GUEST];
	return m->vm->silent.sequence > sequence ? m->vm->silent.sequence : sequence;
}

uint64_t boots_committed(const struct member *m)
{
	const struct boot *boot = m->vm->boot, *earlier = boot ? earlier_life(m) : NULL;
	uint64_t sequence = boot ? boot->committed[SOURCE_GUEST] : 0;

	if (!earlier)
		return sequence;
	if (earlier->committed[SOURCE_GUEST] > sequence)
		sequence = earlier->committed[SOURCE_GUEST];
	return m->vm->silent.committed > sequence ? m->vm->silent.committed : sequence;
}
