/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/metrics/figures.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "guest-agent/shared/tap.h"

static double said[METRICS_COUNT];
static int last;
static bool ordered;

static int note(void *ctx, const struct metric *metric, const char *label, double value)
{
	(void)label;
	if (ctx && metric->id == *(enum metrics_id *)ctx)
		return -9;
	ordered &= (int)metric->id > last && (!metric->label == !label);
	last = metric->id;
	said[metric->id] = value;
	return 0;
}

static void forget(void)
{
	for (int i = 0; i < METRICS_COUNT; i++)
		said[i] = NAN;
	last = -1;
	ordered = true;
}

static void test_record(void)
{
	struct query_vm vm = { .state = VM_RUNNING, .agent = AGENT_WAITING };
	struct vital vital = { .host = { .path = HOST_PATH_LIBVIRT } };
	struct boot boot = { .number = 3, .opened_ns = 1500000000 };
	struct figures_record record = { .vm = &vm, .vital = &vital };

	forget();
	ok(figures_of_record(&record, note, NULL) == 0 && ordered && said[METRICS_VM_RUNNING] == 1 &&
		   said[METRICS_AGENT_CHANNEL] == 1 && said[METRICS_AGENT_CONNECTED] == 0,
	   "a VM that runs, with an agent that is silent");
	ok(isnan(said[METRICS_GUEST_LEAF]) && isnan(said[METRICS_QUARANTINED]) &&
		   isnan(said[METRICS_POLL_EXITS]) && said[METRICS_BOOTS] == 0 &&
		   said[METRICS_HOST_STUCK] == 0,
	   "what is not known is not said");
	record.boot = &boot;
	record.has_gap = true;
	record.gap_to_ns = 2500000000;
	record.quarantined = 5;
	vm.state = VM_PAUSED;
	vm.agent = AGENT_CONNECTED;
	vm.leaf = LEAF_NO;
	vital.host.has_poll_exits = true;
	vital.host.poll_exits = 1.5;
	vital.host.stuck_since_ns = 7;
	forget();
	ok(figures_of_record(&record, note, NULL) == 0 && ordered && said[METRICS_VM_RUNNING] == 0 &&
		   said[METRICS_VM_PAUSED] == 1 && said[METRICS_AGENT_CONNECTED] == 1 &&
		   said[METRICS_GUEST_LEAF] == 0,
	   "one that is paused");
	ok(said[METRICS_BOOTS] == 3 && said[METRICS_BOOT_START] == 1.5 &&
		   said[METRICS_LAST_GAP] == 2.5 && said[METRICS_QUARANTINED] == 5 &&
		   said[METRICS_POLL_EXITS] == 1.5 && said[METRICS_HOST_STUCK] == 1,
	   "with all that there is of its boot");
}

static void test_daemon(void)
{
	struct store_stats stats = { .pending = 4, .refused = 5, .error = -28 };
	struct figures_daemon daemon = { .version = "1", .stats = &stats, .vms = 2 };
	enum metrics_id end = METRICS_STORE_FAILED;

	forget();
	ok(figures_of_daemon(&daemon, note, NULL) == 0 && ordered && said[METRICS_VMS] == 2 &&
		   said[METRICS_STORE_PENDING] == 4 && said[METRICS_STORE_REFUSED] == 5 &&
		   said[METRICS_STORE_FAILED] == 1 && said[METRICS_BUILD_INFO] == 1,
	   "a store whose disk is full");
	ok(isnan(said[METRICS_REMOTE_LAG]) && isnan(said[METRICS_STORE_SIZE]) &&
		   isnan(said[METRICS_PROCESS_FDS]),
	   "without remote write there is nothing of it");
	daemon.has_disk = daemon.has_process = daemon.remote.on = true;
	daemon.remote.lag_s = 12.5;
	daemon.remote.lost = 3;
	forget();
	ok(figures_of_daemon(&daemon, note, NULL) == 0 && ordered && said[METRICS_REMOTE_LAG] == 12.5 &&
		   said[METRICS_REMOTE_LOST] == 3 && said[METRICS_STORE_SIZE] == 0 &&
		   said[METRICS_PROCESS_FDS] == 0,
	   "with it there is");
	forget();
	ok(figures_of_daemon(&daemon, note, &end) == -9 && last < METRICS_STORE_FAILED,
	   "what the caller returns ends it");
}

static void test_process(void)
{
	struct figures_process before, after;
	int fd;

	ok(figures_process(&before) == 0, "this process has figures");
	ok(before.resident_bytes > 100000 && before.virtual_bytes >= before.resident_bytes,
	   "memory");
	ok(before.cpu_s >= 0 && before.start_s <= time(NULL) + 1 && before.start_s > time(NULL) - 3600,
	   "CPU time, and when it began");
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ok(figures_process(&after) == 0 && after.fds == before.fds + 1 && after.max_fds > after.fds &&
		   after.start_s == before.start_s,
	   "open files");
	close(fd);
}

int main(void)
{
	test_record();
	test_daemon();
	test_process();
	return done_testing();
}
