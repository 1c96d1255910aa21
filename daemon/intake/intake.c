/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/intake/intake.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/intake/accept.h"
#include "daemon/intake/boots.h"

#define US 1000
/* The host's clock reads a little differently for each of its readers. */
#define ORACLE_SLACK_NS 10000000

static const char *const causes[] = {
	[QUARANTINE_FELL] = "a counter fell within one life of the VM",
	[QUARANTINE_CYCLES] = "more cycles than the VM's vCPUs have had",
	[QUARANTINE_SUM] = "its reasons and its total do not fit",
	[QUARANTINE_CLOCK] = "a host time that cannot be",
	[QUARANTINE_HOST] = "the host itself counted otherwise",
	[QUARANTINE_LIVES] = "too many lives of the VM",
	[QUARANTINE_OFTEN] = "too much of this boot was not true",
};

static int64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Microseconds, as every answer shows them: a time that is read selects its sample. */
static int64_t now_us_ns(struct member *m)
{
	int64_t now_ns = hostclock_now(&m->setting->clock);

	return now_ns - now_ns % US;
}

static bool may_log(struct member *m)
{
	return log_limit_ok(&m->log, monotonic_ns() / 1000000000);
}

void intake_init(struct member *m)
{
	double bytes = m->setting->guest_disk_bytes_per_h;
	int64_t now_ns = monotonic_ns();

	limit_init(&m->disk, bytes, bytes / 3600, now_ns);
	limit_init(&m->marks, INTAKE_MARKS_PER_HOUR, INTAKE_MARKS_PER_HOUR / 3600.0, now_ns);
	boots_reset_oracle(m);
}

bool intake_ready(void *ctx)
{
	struct member *m = ctx;

	return !store_is_full(m->setting->store);
}

/* True if it is there already. The agent may have missed that it is committed. */
static bool is_duplicate(struct member *m, uint64_t sequence)
{
	if (sequence > boots_last_sequence(m))
		return false;
	if (sequence <= boots_committed(m) && m->channel)
		channel_ack(m->channel, boots_committed(m));
	return true;
}

/* ---- gaps ---- */

/* Times of a range go forward, and behind what was stored before it. */
static int add_gap(struct member *m, struct boot *boot, struct range *gap)
{
	if (gap->from_ns < boot->last_t_ns[SOURCE_GUEST])
		gap->from_ns = boot->last_t_ns[SOURCE_GUEST];
	if (gap->to_ns < gap->from_ns)
		gap->to_ns = gap->from_ns;
	return store_add_gap(m->setting->store, boot, SOURCE_GUEST, gap);
}

/* A gap that the guest causes: too many of them are one. */
static int add_own_gap(struct member *m, struct boot *boot, struct range *gap)
{
	if (!limit_take_in_rows(&m->disk, INTAKE_RECORD_BYTES, monotonic_ns())) {
		/* Of one cause now, they count what was taken. */
		if (gap->cause == GAP_MISSED)
			gap->count = 0;
		gap->cause = GAP_LIMIT;
	}
	return add_gap(m, boot, gap);
}

/* What the guest sent, and may not have stored. */
static int refuse(struct member *m, struct boot *boot, uint64_t sequence, int64_t t_ns,
		  unsigned int samples, const char *what)
{
	struct range gap = { sequence, sequence, t_ns, t_ns, samples, GAP_LIMIT };

	if (may_log(m))
		log_warning("'%s': the guest sends more %s than it may, leaving them out",
			    m->vm->name, what);
	return add_gap(m, boot, &gap);
}

int intake_gap(void *ctx, const struct proto_gap *gap)
{
	struct member *m = ctx;
	int64_t now_ns = now_us_ns(m);
	uint64_t last;
	struct range range = {
		.from = gap->from,
		.to = gap->to,
		.cause = gap->cause < PROTO_GAP_CAUSES ? gap->cause : GAP_UNKNOWN,
	};
	int r;

	if (!m->joined)
		return -EAGAIN;
	if (is_duplicate(m, gap->to))
		return 0;
	last = boots_last_sequence(m);
	range.from_ns = guestclock_event_ns(&m->clock, gap->from_t_boot_ns, now_ns);
	range.to_ns = guestclock_event_ns(&m->clock, gap->to_t_boot_ns, now_ns);
	range.count = lost_in(&m->lost, gap, last);
	if (range.from <= last)
		range.from = last + 1;
	r = add_own_gap(m, m->vm->boot, &range);
	if (r == 0)
		lost_gap(&m->lost, gap, range.count);
	return r;
}

/* The agent is another one than that of the last sample: what it had left is lost. */
static void add_restart(struct member *m, const struct proto_hello *hello, int64_t now_ns)
{
	uint64_t last = boots_last_sequence(m);
	struct range gap = { .from = last + 1, .to = hello->started - 1, .count = -1,
			     .cause = GAP_RESTART };

	if (!(hello->has & PROTO_HELLO_HAS_AGENT) || last == 0 || hello->started <= last + 1 ||
	    hello->started > hello->t_boot_ns / US + 1)
		return;
	gap.to_ns = guestclock_event_ns(&m->clock, hello->started * US, now_ns);
	(void)add_gap(m, m->vm->boot, &gap);
}

/* What the agent took in front of @sample, and what neither came nor was told of. */
static int add_lost(struct member *m, struct boot *boot, const struct sample *sample)
{
	uint64_t count = lost_before(&m->lost, sample), last = boots_last_sequence(m);
	struct range gap = {
		.from = last + 1,
		.to = sample->sequence - 1,
		.from_ns = boots_last_seen_ns(boot),
		.to_ns = sample->t_wall_ns,
		/* A sample has a sequence of its own, so more there were not. */
		.count = count <= sample->sequence - 1 - last ? (int64_t)count : -1,
		.cause = GAP_LOST,
	};
	int r;

	if (count == 0 || gap.from > gap.to)
		return 0;
	if (may_log(m))
		log_warning("'%s': samples that the agent took did not arrive", m->vm->name);
	r = add_own_gap(m, boot, &gap);
	/* Once, should the store have no room for the sample. */
	if (r == 0)
		lost_told(&m->lost, count);
	return r;
}

/* Where the last range ends behind the boots that have the guest's samples. */
static uint64_t last_range(const struct vm *vm)
{
	uint64_t to = vm->boot->open.range.to;

	return to > vm->silent.range ? to : vm->silent.range;
}

/*
 * What the agent says is missing stands in the latest boot. A sample of the life before that
 * comes behind it says that samples of that life are.
 */
static int add_earlier(struct member *m, struct boot *boot, const struct sample *sample)
{
	struct range gap = {
		.from = boot->last_sequence[SOURCE_GUEST] + 1,
		.to = last_range(m->vm),
		.from_ns = boots_last_seen_ns(boot),
		.to_ns = sample->t_wall_ns,
		.cause = GAP_UNKNOWN,	/* that and the count stand there */
	};

	if (boot == m->vm->boot || gap.to < gap.from)
		return 0;
	return add_gap(m, boot, &gap);
}

/* ---- hello ---- */

static void set_leaf(struct member *m, enum vm_leaf leaf)
{
	if (m->vm->leaf != leaf) {
		m->vm->leaf = leaf;
		m->vm->dirty = true;
	}
}

bool intake_hello(void *ctx, const struct proto_hello *hello, uint64_t *ret_committed)
{
	struct member *m = ctx;
	int64_t now_ns = now_us_ns(m);
	struct boot *boot;
	uint64_t last;

	m->joined = boots_join(m, hello, now_ns);
	if (!m->joined) {
		if (may_log(m))
			log_warning("'%s': the guest claims too many boots, ignoring them for a while",
				    m->vm->name);
		return false;
	}
	boot = m->vm->boot;
	last = boots_last_sequence(m);
	snprintf(boot->kernel, sizeof(boot->kernel), "%s", hello->kernel);
	snprintf(boot->agent, sizeof(boot->agent), "%s", hello->agent);
	boot->vcpus = m->host_vcpus ? m->host_vcpus : hello->vcpus;
	if (hello->has & PROTO_HELLO_HAS_LEAF) {
		boot->tsc_khz = hello->tsc_khz;
		boot->reason_namespace = hello->reason_namespace;
	}
	(void)hostlink_correct(&m->link, boot);
	store_boot_changed(m->setting->store, boot);
	set_leaf(m, hello->has & PROTO_HELLO_HAS_LEAF ? LEAF_YES : LEAF_NO);
	memset(&m->clock, 0, sizeof(m->clock));
	guestclock_observe(&m->clock, hello->t_boot_ns, now_ns);
	add_restart(m, hello, now_ns);
	lost_agent(&m->lost, hello->has & PROTO_HELLO_HAS_AGENT ? hello->started : 0,
		   last, boot);
	*ret_committed = boots_committed(m);
	return true;
}

/* ---- samples ---- */

/*
 * Give @sample its host time and that time's error: by the leaf's clock, else by its
 * arrival. The guest's own CLOCK_REALTIME is not looked at.
 */
static void date(struct member *m, struct sample *sample, bool delayed, int64_t now_ns)
{
	if (!delayed)
		guestclock_observe(&m->clock, sample->t_boot_ns, now_ns);
	if (sample->has & SAMPLE_HAS_CLOCK) {
		sample->t_wall_ns = (int64_t)sample->host_ns < now_ns ? (int64_t)sample->host_ns
								      : now_ns;
	} else {
		sample->t_wall_ns = guestclock_host_ns(&m->clock, sample->t_boot_ns, now_ns,
						       &sample->clock_error_ns);
	}
	sample->t_wall_ns -= sample->t_wall_ns % US;
}

/* Time goes forward within a boot, whatever the clocks did. */
static void keep_forward(const struct boot *boot, struct sample *sample)
{
	int64_t least_ns = boot->last_t_ns[SOURCE_GUEST];

	if (boot->cause == BOOT_CREATED && boot->opened_ns > least_ns)
		least_ns = boot->opened_ns;
	if ((int64_t)sample->t_wall_ns <= least_ns)
		sample->t_wall_ns = least_ns - least_ns % US + US;
}

static struct oracle_count count_of(const struct sample *sample)
{
	return (struct oracle_count){
		.t_ns = sample->t_wall_ns,
		.error_ns = sample->clock_error_ns + ORACLE_SLACK_NS,
		.exits = sample->exits,
	};
}

/* Times before and after the host's clock was set back are not to be compared. */
static void check_steps(struct member *m)
{
	if (m->clock_steps == m->setting->clock.steps)
		return;
	m->clock_steps = m->setting->clock.steps;
	boots_reset_oracle(m);
}

/* Whether the host's counts admit the guest's; while it is suspect none is believed. */
static enum quarantine_cause ask_oracle(struct member *m, const struct sample *sample)
{
	struct oracle_count guest = count_of(sample);

	check_steps(m);
	if (!(sample->has & SAMPLE_HAS_EXITS))
		return m->suspect ? QUARANTINE_HOST : QUARANTINE_NONE;
	if (!oracle_admits(&m->oracle, &guest, sample->has & SAMPLE_HAS_CLOCK)) {
		m->suspect = sample->sequence;
		return QUARANTINE_HOST;
	}
	oracle_claim(&m->oracle, sample->sequence, &guest);
	return m->suspect ? QUARANTINE_HOST : QUARANTINE_NONE;
}

static enum quarantine_cause judge(struct member *m, const struct boot *boot,
				   const struct sample *sample, int64_t now_ns)
{
	struct accept_facts facts = {
		.arrived_ns = now_ns,
		.set_back_ns = m->setting->clock.set_back_ns,
		.created_ns = boot->created_ns,
		.vcpus = m->host_vcpus ? m->host_vcpus : boot->vcpus,
		.tsc_khz = boot->tsc_khz,
	};
	enum quarantine_cause cause = accept_sample(&facts, &boot->last[SOURCE_GUEST], sample);

	/* The oracle is of the latest life. */
	if (cause == QUARANTINE_NONE && boot == m->vm->boot)
		cause = ask_oracle(m, sample);
	return cause == QUARANTINE_NONE && boot->quarantines >= INTAKE_QUARANTINES_PER_BOOT
		       ? QUARANTINE_OFTEN
		       : cause;
}

static int quarantine(struct member *m, struct boot *boot, const struct sample *sample,
		      enum quarantine_cause cause, int64_t t_ns)
{
	struct range range = { sample->sequence, sample->sequence, t_ns, t_ns, 1, cause };

	if (boot->quarantines >= INTAKE_QUARANTINES_PER_BOOT)
		range.cause = QUARANTINE_OFTEN;
	if (may_log(m))
		log_warning("'%s': the guest's samples are not believed: %s; quarantined",
			    m->vm->name, causes[range.cause]);
	return store_add_quarantine(m->setting->store, boot, &range, sample);
}

/* What of @sample the guest's share of the disk has room for: first the lists go. */
static bool fit(struct member *m, struct sample *sample)
{
	int64_t now_ns = monotonic_ns();

	if (!limit_take_in_rows(&m->disk, INTAKE_RECORD_BYTES, now_ns))
		return false;
	if (limit_take(&m->disk, sample->detail_len, m->disk.size / 2, now_ns))
		return true;
	if (may_log(m))
		log_warning("'%s': the guest's lists take more of the disk than it may have, "
			    "leaving them out",
			    m->vm->name);
	sample->detail_len = 0;
	return true;
}

/* A sample that is news. */
static int take(struct member *m, const struct sample *sample, bool delayed, int64_t now_ns)
{
	struct sample taken = *sample;
	enum quarantine_cause cause;
	struct boot *boot;
	int r;

	boot = boots_of_sample(m, sample, now_ns);
	if (!boot)
		return quarantine(m, m->vm->boot, sample, QUARANTINE_LIVES, now_ns);
	if (!(sample->has & SAMPLE_HAS_GENERATION) && sample->has & SAMPLE_HAS_EXITS &&
	    sample->exits < boot->last[SOURCE_GUEST].exits)
		boot = boots_after_fall(m, SOURCE_GUEST, sample->exits, now_ns);
	if (!boot)
		return quarantine(m, m->vm->boot, sample, QUARANTINE_LIVES, now_ns);
	date(m, &taken, delayed, now_ns);
	cause = judge(m, boot, &taken, now_ns);
	if (cause == QUARANTINE_CLOCK)
		taken.t_wall_ns = now_ns;
	else if (taken.has & SAMPLE_HAS_CLOCK)
		guestclock_anchor(&m->clock, taken.t_boot_ns, taken.t_wall_ns);
	keep_forward(boot, &taken);
	r = add_earlier(m, boot, &taken);
	if (r == 0)
		r = add_lost(m, boot, &taken);
	if (r < 0)
		return r;
	if (cause != QUARANTINE_NONE)
		return quarantine(m, boot, &taken, cause, taken.t_wall_ns);
	if (!fit(m, &taken))
		return refuse(m, boot, sample->sequence, taken.t_wall_ns, 1, "samples");
	return store_add(m->setting->store, boot, SOURCE_GUEST, &taken);
}

int intake_sample(void *ctx, const struct sample *sample, bool delayed)
{
	struct member *m = ctx;
	int r;

	/* What the guest before a reboot left in the socket, or of a boot that was refused. */
	if (!m->joined)
		return -EAGAIN;
	if (is_duplicate(m, sample->sequence))
		return 0;
	r = take(m, sample, delayed, now_us_ns(m));
	if (r == 0)
		lost_sample(&m->lost, sample);
	return r;
}

/* ---- marks ---- */

int intake_mark(void *ctx, const struct proto_mark *mark)
{
	struct member *m = ctx;
	int64_t now_ns = now_us_ns(m), monotonic = monotonic_ns();
	struct mark record = {
		.sequence = mark->sequence,
		.t_boot_ns = mark->t_boot_ns,
		.kind = mark->kind,
		.begin = mark->begin,
		.uid = mark->uid,
		.has_status = mark->has & PROTO_MARK_HAS_STATUS,
		.status = mark->status,
	};

	if (!m->joined)
		return -EAGAIN;
	if (is_duplicate(m, mark->sequence))
		return 0;
	record.t_ns = guestclock_event_ns(&m->clock, mark->t_boot_ns, now_ns);
	record.t_ns -= record.t_ns % US;
	if (m->vm->boot->marks >= INTAKE_MARKS_PER_BOOT ||
	    !limit_take(&m->marks, 1, 0, monotonic) ||
	    !limit_take_in_rows(&m->disk, INTAKE_RECORD_BYTES, monotonic))
		return refuse(m, m->vm->boot, mark->sequence, record.t_ns, 0, "marks");
	snprintf(record.label, sizeof(record.label), "%s", mark->label);
	return store_add_mark(m->setting->store, m->vm->boot, &record);
}

/* ---- the host's own counts ---- */

void intake_host_count(struct member *m, const struct oracle_count *host, uint32_t vcpus)
{
	struct boot *boot = m->vm->boot;

	check_steps(m);
	/* Without a vCPU that was there the sum is no count of the VM. */
	if (vcpus < m->host_vcpus)
		return;
	m->host_vcpus = vcpus;
	switch (oracle_reading(&m->oracle, host)) {
	case ORACLE_SILENT:
		break;
	case ORACLE_HOLDS:
		if (m->oracle.vouched > m->suspect)
			m->suspect = 0;
		break;
	case ORACLE_LIE:
		m->suspect = boot->last_sequence[SOURCE_GUEST];
		log_warning("'%s': the guest's samples are not believed: %s; quarantined",
			    m->vm->name, causes[QUARANTINE_HOST]);
		if (store_retract(m->setting->store, boot, m->oracle.vouched,
				  QUARANTINE_HOST) < 0)
			log_error("'%s': out of memory, what is not true stays", m->vm->name);
		break;
	}
}
