/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/metrics/figures.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define S 1e9

/* Where calls go, until one does not return 0. */
struct walk {
	metrics_fn fn;
	void *ctx;
	int result;
};

static void say(struct walk *w, bool known, enum metrics_id id, double value)
{
	if (w->result == 0 && known)
		w->result = w->fn(w->ctx, &metrics[id], NULL, value);
}

int figures_of_record(const struct figures_record *record, metrics_fn fn, void *ctx)
{
	const struct query_vm *vm = record->vm;
	const struct host_state *host = &record->vital->host;
	const struct boot *boot = record->boot;
	struct walk w = { .fn = fn, .ctx = ctx };

	say(&w, true, METRICS_VM_RUNNING, vm->state == VM_RUNNING);
	say(&w, true, METRICS_VM_PAUSED, vm->state == VM_PAUSED);
	say(&w, true, METRICS_AGENT_CHANNEL, vm->agent != AGENT_NO_CHANNEL);
	say(&w, true, METRICS_AGENT_CONNECTED, vm->agent == AGENT_CONNECTED);
	say(&w, vm->leaf != LEAF_UNKNOWN, METRICS_GUEST_LEAF, vm->leaf == LEAF_YES);
	say(&w, true, METRICS_BOOTS, boot ? boot->number : 0);
	say(&w, boot, METRICS_BOOT_START, boot ? boot->opened_ns / S : 0);
	say(&w, boot && record->has_gap, METRICS_LAST_GAP, record->gap_to_ns / S);
	say(&w, boot, METRICS_QUARANTINED, record->quarantined);
	say(&w, host->path && host->has_poll_exits, METRICS_POLL_EXITS, host->poll_exits);
	say(&w, true, METRICS_HOST_STUCK, host->stuck_since_ns != 0);
	return w.result;
}

static void say_store(struct walk *w, const struct figures_daemon *d)
{
	say(w, true, METRICS_VMS, d->vms);
	say(w, true, METRICS_VMS_LEFT_OUT, d->vms_left_out);
	say(w, true, METRICS_STORE_PENDING, d->stats->pending);
	say(w, true, METRICS_STORE_REFUSED, d->stats->refused);
	say(w, true, METRICS_STORE_FAILED, d->stats->error != 0);
	say(w, d->has_disk, METRICS_STORE_SIZE, d->size_bytes);
	say(w, d->has_disk, METRICS_STORE_FREE, d->free_bytes);
	if (w->result == 0)
		w->result = w->fn(w->ctx, &metrics[METRICS_BUILD_INFO], d->version, 1);
}

static void say_remote(struct walk *w, const struct figures_remote *remote)
{
	say(w, true, METRICS_REMOTE_LAG, remote->lag_s);
	say(w, true, METRICS_REMOTE_SENT, remote->sent);
	say(w, true, METRICS_REMOTE_REFUSED, remote->refused);
	say(w, true, METRICS_REMOTE_LOST, remote->lost);
	say(w, true, METRICS_REMOTE_REQUESTS, remote->requests);
	say(w, true, METRICS_REMOTE_FAILURES, remote->failures);
}

int figures_of_daemon(const struct figures_daemon *daemon, metrics_fn fn, void *ctx)
{
	const struct figures_process *p = &daemon->process;
	struct walk w = { .fn = fn, .ctx = ctx };
	bool has = daemon->has_process;

	say_store(&w, daemon);
	if (daemon->remote.on)
		say_remote(&w, &daemon->remote);
	say(&w, has, METRICS_PROCESS_CPU, p->cpu_s);
	say(&w, has, METRICS_PROCESS_RESIDENT, p->resident_bytes);
	say(&w, has, METRICS_PROCESS_VIRTUAL, p->virtual_bytes);
	say(&w, has, METRICS_PROCESS_FDS, p->fds);
	say(&w, has, METRICS_PROCESS_MAX_FDS, p->max_fds);
	say(&w, has, METRICS_PROCESS_START, p->start_s);
	return w.result;
}

/* The fields of /proc/self/stat behind the program's name, which may have anything in it. */
static int read_stat(struct figures_process *process, double *ret_since_boot_s)
{
	char text[1024], *rest;
	uint64_t user, system, start, virtual_bytes;
	double hz = sysconf(_SC_CLK_TCK);
	int64_t pages;
	ssize_t len;
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len < 0)
		return -EIO;
	text[len] = '\0';
	rest = strrchr(text, ')');
	/* From the third field on: 14 and 15 are CPU time, 22 the start, 23 and 24 memory. */
	if (!rest || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64
			    " %" SCNu64 " %*d %*d %*d %*d %*d %*d %" SCNu64 " %" SCNu64 " %" SCNd64,
			    &user, &system, &start, &virtual_bytes, &pages) != 5)
		return -EBADMSG;
	process->cpu_s = (user + system) / hz;
	process->virtual_bytes = virtual_bytes;
	process->resident_bytes = pages * sysconf(_SC_PAGESIZE);
	*ret_since_boot_s = start / hz;
	return 0;
}

static int count_fds(uint64_t *ret_fds)
{
	DIR *dir = opendir("/proc/self/fd");
	uint64_t count = 0;
	struct dirent *entry;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	/* Without the one that was open for it. */
	*ret_fds = count - 1;
	return 0;
}

static double seconds(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec + ts.tv_nsec / S;
}

/* Once, for the clock is set meanwhile, and a process does not start again. */
static double boot_s;

static void set_boot(void)
{
	boot_s = seconds(CLOCK_REALTIME) - seconds(CLOCK_BOOTTIME);
}

int figures_process(struct figures_process *ret_process)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct figures_process p = { 0 };
	struct rlimit limit;
	double since_boot_s;
	int r = read_stat(&p, &since_boot_s);

	if (r == 0)
		r = count_fds(&p.fds);
	if (r == 0 && getrlimit(RLIMIT_NOFILE, &limit) < 0)
		r = -errno;
	if (r < 0)
		return r;
	p.max_fds = limit.rlim_cur;
	(void)pthread_once(&once, set_boot);
	p.start_s = boot_s + since_boot_s;
	*ret_process = p;
	return 0;
}
