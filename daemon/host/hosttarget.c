/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/host/hosttarget.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/host/qemuproc.h"
#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

#define SEARCHES_MAX 5			/* soon after another, then libvirt has to do */
#define SEARCH_NS 200000000LL
#define SEARCH_AGAIN_NS 10000000000LL
#define SILENT_MAX 3

static int64_t wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* CLOCK_REALTIME at @ticks since the host booted, which is cut to those. */
static int64_t wall_of_ticks(uint64_t ticks)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return wall_ns() - (ts.tv_sec * 1000000000LL + ts.tv_nsec) +
	       (int64_t)(ticks * (1000000000ULL / sysconf(_SC_CLK_TCK)));
}

struct hosttarget *hosttarget_new(const struct host_vm *vm, int64_t now_ns)
{
	struct hosttarget *t = calloc(1, sizeof(*t));

	if (t) {
		t->vm = *vm;
		t->due_ns = now_ns;
	}
	return t;
}

void hosttarget_free(struct hosttarget *t)
{
	if (!t)
		return;
	kvmdebugfs_close(t->debugfs);
	free(t);
}

void hosttarget_change(struct hosttarget *t, const struct host_vm *vm, int64_t now_ns)
{
	bool same = strcmp(t->vm.life, vm->life) == 0 && t->vm.pid == vm->pid;
	struct hosttarget *next = t->next;
	struct host_state reported = t->reported;

	if (same) {
		t->vm = *vm;
		/* At once, should it boot now and be read faster from here on. */
		t->due_ns = now_ns;
		return;
	}
	kvmdebugfs_close(t->debugfs);
	*t = (struct hosttarget){ .vm = *vm, .due_ns = now_ns, .reported = reported, .next = next };
}

/* ---- debugfs ---- */

static void say_unreadable(struct hosttarget_place *place, int error)
{
	const char *remedy = "";

	if (error == EACCES || error == EPERM)
		remedy = "; PRIVILEGES in vmexitd(8) says who may";
	else if (error == ENOENT)
		remedy = "; is debugfs mounted, and was KVM loaded before vmexitd was started?";
	if (!place->unreadable_said)
		log_line(place->alone ? LOG_WARNING : LOG_NOTICE, "%s cannot be read: %s; %s%s",
			 place->debugfs, strerror(error),
			 place->alone ? "there are no host counters"
				      : "the host's counters come from libvirt, without exit reasons",
			 remedy);
	place->unreadable_said = true;
}

static enum host_lack lack_of(int r)
{
	switch (r) {
	case -EACCES:
	case -EPERM:
		return HOST_LACK_RIGHTS;
	case -ENOENT:
		return HOST_LACK_DEBUGFS;
	case -ENOTUNIQ:
		return HOST_LACK_ONE;
	default:
		return HOST_LACK_VM;
	}
}

static int find_process(struct hosttarget *t, const struct hosttarget_place *place, pid_t *ret_pid)
{
	if (t->vm.libvirt)
		return qemuproc_find(place->proc, place->pid_dir, t->vm.name, t->vm.key, ret_pid);
	if (!qemuproc_is(place->proc, t->vm.pid, NULL))
		return -ESRCH;
	*ret_pid = t->vm.pid;
	return 0;
}

/* A VM has just been created, or its process has just ended: it may take some tries. */
static int not_found(struct hosttarget *t, int64_t now_ns)
{
	t->searches++;
	t->search_ns = now_ns + (t->searches < SEARCHES_MAX ? SEARCH_NS : SEARCH_AGAIN_NS);
	if (t->searches >= SEARCHES_MAX)
		t->state.lack = HOST_LACK_VM;
	return t->searches < SEARCHES_MAX ? -EAGAIN : -ESRCH;
}

static int search(struct hosttarget *t, struct hosttarget_place *place, int64_t now_ns)
{
	uint64_t started;
	pid_t pid;
	char state;
	int r;

	if (t->refused)
		return -ESRCH;
	if (t->vm.libvirt && !*place->pid_dir) {
		t->state.lack = HOST_LACK_VM;
		return -ESRCH;
	}
	if (now_ns < t->search_ns)
		return t->searches < SEARCHES_MAX ? -EAGAIN : -ESRCH;
	/* With the rights that a file is opened with: of a user that has a capability, too. */
	r = faccessat(AT_FDCWD, place->debugfs, R_OK | X_OK, AT_EACCESS) < 0 ? -errno : 0;
	if (r == 0)
		r = find_process(t, place, &pid);
	if (r == 0)
		r = kvmdebugfs_open(place->debugfs, place->proc, pid, &t->debugfs);
	if (r == 0)
		r = qemuproc_stat(place->proc, pid, &state, &started);
	if (r == 0) {
		t->pid = pid;
		t->searches = 0;
		if (!t->vm.libvirt) {
			snprintf(t->life, sizeof(t->life), "%s/%s/%llu", place->host_boot,
				 kvmdebugfs_name(t->debugfs), (unsigned long long)started);
			t->began_ns = wall_of_ticks(started);
		}
		return 0;
	}
	kvmdebugfs_close(t->debugfs);
	t->debugfs = NULL;
	if (r == -ESRCH)
		return not_found(t, now_ns);
	t->state.lack = lack_of(r);
	if (r == -ENOTUNIQ)
		log_info("'%s': its process has several KVM VMs, so debugfs does not tell which",
			 t->vm.name);
	else
		say_unreadable(place, -r);
	t->searches = SEARCHES_MAX;
	t->search_ns = now_ns + SEARCH_AGAIN_NS;
	return r;
}

static void fill(struct host_reading *reading, const struct kvmdebugfs_counts *counts)
{
	reading->vcpus = counts->vcpus;
	reading->exits = counts->exits;
	if (!(counts->has & KVMDEBUGFS_HAS_REASONS))
		return;
	reading->has = HOST_HAS_REASONS;
	reading->generation = counts->generation;
	reading->reason_namespace = counts->reason_namespace;
	if (counts->has & KVMDEBUGFS_HAS_CYCLES) {
		reading->has |= HOST_HAS_CYCLES | HOST_HAS_IDLE;
		reading->handling_cycles = counts->handling_cycles;
		reading->away_cycles = counts->away_cycles;
		reading->idle_cycles = counts->idle_cycles;
	}
	reading->reasons_count = counts->reasons_count;
	memcpy(reading->reasons, counts->reasons,
	       counts->reasons_count * sizeof(*counts->reasons));
}

static struct host_reading *new_reading(const struct hosttarget *t,
					const struct hosttarget_place *place, size_t reasons)
{
	struct host_reading *reading =
		calloc(1, sizeof(*reading) + reasons * sizeof(*reading->reasons));

	if (!reading)
		return NULL;
	memcpy(reading->key, t->vm.key, sizeof(reading->key));
	memcpy(reading->life, t->life, sizeof(reading->life));
	reading->began_ns = t->began_ns;
	reading->tsc_khz = tsc_khz(&place->tsc);
	return reading;
}

/* QEMU without libvirt has nobody to ask; its process tells when it has been stopped. */
static void look_at_process(struct hosttarget *t, const struct hosttarget_place *place)
{
	uint64_t started;
	char state;

	if (!t->vm.libvirt && qemuproc_stat(place->proc, t->pid, &state, &started) == 0)
		t->state.stuck_since_ns = hostplan_halted(t->state.stuck_since_ns, state,
							  &t->halted_ns, wall_ns());
}

static int read_failed(struct hosttarget *t, struct hosttarget_place *place, int r, int64_t now_ns)
{
	kvmdebugfs_close(t->debugfs);
	t->debugfs = NULL;
	t->state.path = HOST_PATH_NONE;
	if (r == -ESRCH)
		return not_found(t, now_ns);
	/* Such as a kernel's lockdown, which stays. */
	say_unreadable(place, -r);
	t->state.lack = lack_of(r);
	t->refused = true;
	return r;
}

static void say_table(struct hosttarget *t, int error)
{
	if (!t->table_said)
		log_info("'%s': KVM's table exit_reasons cannot be used: %s; counters come without "
			 "reasons",
			 t->vm.name,
			 error == EBADMSG ? "it has another form than vmexitd knows"
					  : strerror(error));
	t->table_said = true;
}

int hosttarget_read(struct hosttarget *t, struct hosttarget_place *place, int64_t now_ns,
		    struct host_reading **ret_reading)
{
	_cleanup_free_ struct kvmdebugfs_counts *counts = malloc(sizeof(*counts));
	struct host_reading *reading;
	int64_t before_ns, after_ns;
	int r;

	if (!counts)
		return -ENOMEM;
	if (!t->debugfs) {
		r = search(t, place, now_ns);
		if (r < 0)
			return r;
	}
	before_ns = wall_ns();
	r = kvmdebugfs_read(t->debugfs, counts);
	after_ns = wall_ns();
	if (r < 0)
		return r == -ENOMEM ? r : read_failed(t, place, r, now_ns);
	if (counts->table_error)
		say_table(t, -counts->table_error);
	reading = new_reading(t, place, counts->reasons_count);
	if (!reading)
		return -ENOMEM;
	reading->t_ns = before_ns + (after_ns - before_ns) / 2;
	reading->error_ns = (after_ns - before_ns) / 2;
	fill(reading, counts);
	t->state.path = reading->has & HOST_HAS_REASONS ? HOST_PATH_REASONS : HOST_PATH_EXITS;
	t->state.lack = reading->has & HOST_HAS_REASONS ? HOST_LACK_NOTHING :
			counts->table_error		    ? HOST_LACK_TABLE :
							      HOST_LACK_SERIES;
	t->state.has_poll_exits = true;
	t->state.poll_exits = 0;
	look_at_process(t, place);
	*ret_reading = reading;
	return 0;
}

/* ---- libvirt ---- */

static void add_cost(struct hosttarget *t, const struct virtstats_domain *answer)
{
	struct pollcost_step whole = { answer->reading[0].exits - t->last_exits,
				       answer->reading[0].t_ns - t->last_t_ns };

	if (t->last_t_ns == 0 || answer->reading[0].exits < t->last_exits)
		return;
	for (unsigned int i = 1; i < answer->readings; i++) {
		struct pollcost_step step = {
			answer->reading[i].exits - answer->reading[i - 1].exits,
			answer->reading[i].t_ns - answer->reading[i - 1].t_ns,
		};

		pollcost_add(&t->cost, &step, &whole);
	}
}

static void note_silence(struct hosttarget *t, const struct virtstats_domain *answer)
{
	if (answer->answer != VIRTSTATS_ANSWERS || hosttarget_is_silent(t))
		return;
	if (++t->silent == SILENT_MAX) {
		log_info("'%s': libvirt and QEMU have no counters of its vCPUs; with KVM, QEMU 7.1 and "
			 "libvirt 8.10 have",
			 t->vm.name);
		t->state.path = HOST_PATH_NONE;
		if (t->state.lack == HOST_LACK_NOTHING)
			t->state.lack = HOST_LACK_COUNTERS;
	}
}

bool hosttarget_is_silent(const struct hosttarget *t)
{
	return t->silent >= SILENT_MAX;
}

struct host_reading *hosttarget_answer(struct hosttarget *t, const struct hosttarget_place *place,
				       const struct virtstats_domain *answer, bool reads)
{
	struct host_reading *reading;
	unsigned int last;

	t->state.stuck_since_ns = hostplan_stuck(t->state.stuck_since_ns, answer->answer,
						 answer->occupied_ms, wall_ns());
	if (!reads)
		return NULL;
	if (answer->readings == 0) {
		note_silence(t, answer);
		return NULL;
	}
	t->silent = 0;
	add_cost(t, answer);
	last = answer->readings - 1;
	t->last_t_ns = answer->reading[last].t_ns;
	t->last_exits = answer->reading[last].exits;
	t->state.path = HOST_PATH_LIBVIRT;
	t->state.has_poll_exits = pollcost_get(&t->cost, &t->state.poll_exits);
	reading = new_reading(t, place, 0);
	if (!reading)
		return NULL;
	reading->t_ns = answer->reading[0].t_ns;
	reading->error_ns = answer->reading[0].error_ns;
	reading->exits = answer->reading[0].exits;
	reading->vcpus = answer->vcpus;
	if (answer->has_cycles) {
		reading->has = HOST_HAS_CYCLES;
		reading->handling_cycles = answer->handling_cycles;
		reading->away_cycles = answer->away_cycles;
	}
	return reading;
}
