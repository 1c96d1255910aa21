/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A VM's way from a pid file to a reading, in directories that play /proc and debugfs. */
#include "daemon/host/hosttarget.c"

#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>

#include "guest-agent/shared/tap.h"

#define UUID "76d86578-6974-4000-8000-000000000001"
#define S 1000000000LL
#define TABLE \
	"# generation 0xab, flags 0x3, VMX\nreason name count handling_cycles away_cycles\n" \
	"0xa CPUID 5 60 70\n0x1e IO 7 80 90\n0xfffffffe idle 0 0 11\n"

static char top[] = "/tmp/vmexit-hosttarget-XXXXXX";
static char debugfs[64], proc[64], run[64];
static struct hosttarget_place place = {
	.debugfs = debugfs,
	.proc = proc,
	.pid_dir = run,
	.host_boot = "boot",
};

static void put(const char *path, const char *text, size_t len)
{
	char full[PATH_MAX];
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", top, path);
	f = fopen(full, "w");
	if (f) {
		fwrite(text, 1, len, f);
		fclose(f);
	}
}

static void put_text(const char *path, const char *text)
{
	put(path, text, strlen(text));
}

static void make(const char *path)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s/%s", top, path);
	(void)mkdir(full, 0755);
}

static void point(const char *path, const char *target)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s/%s", top, path);
	(void)unlink(full);
	(void)symlink(target, full);
}

static void take_away(const char *path)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s/%s", top, path);
	(void)remove(full);
}

static void set_process(char state)
{
	char text[200];

	snprintf(text, sizeof(text),
		 "42 (qemu) %c 1 42 42 0 -1 0 0 0 0 0 0 0 0 0 20 0 4 0 777 0 0\n", state);
	put_text("proc/42/stat", text);
}

/* A QEMU with one VM, which libvirt calls "g". */
static void set_up(void)
{
	static const char words[] = "/usr/bin/qemu-system-x86_64\0-uuid\0" UUID "\0-display";

	make("kvm"), make("run"), make("proc"), make("proc/42"), make("proc/42/fd");
	make("kvm/42-9"), make("kvm/42-9/vcpu0"), make("kvm/42-9/vcpu1");
	put_text("kvm/42-9/exits", "99\n");
	put_text("kvm/42-9/exit_reasons", TABLE);
	put_text("run/g.pid", "42\n");
	point("proc/42/exe", "/usr/bin/qemu-system-x86_64");
	point("proc/42/fd/9", "anon_inode:kvm-vm");
	put("proc/42/cmdline", words, sizeof(words));
	set_process('S');
}

static const struct host_vm domain = {
	.key = UUID, .name = "g", .life = "boot/1", .libvirt = true,
};

static void test_table(void)
{
	struct hosttarget *t = hosttarget_new(&domain, 0);
	struct host_reading *r = NULL;

	ok(hosttarget_read(t, &place, 0, &r) == 0 && r, "a domain is read");
	if (!r)
		return;
	ok(strcmp(r->key, UUID) == 0 && !*r->life && r->exits == 12 && r->vcpus == 2 &&
		   r->has == (HOST_HAS_REASONS | HOST_HAS_CYCLES | HOST_HAS_IDLE),
	   "its exits and vCPUs");
	ok(r->generation == 0xab && r->reason_namespace == 1 && r->handling_cycles == 140 &&
		   r->away_cycles == 160 && r->idle_cycles == 11,
	   "its cycles");
	ok(r->reasons_count == 3 && r->reasons[1].reason == 0x1e && r->reasons[1].count == 7 &&
		   r->reasons[1].handling_cycles == 80 && r->reasons[1].away_cycles == 90,
	   "its reasons");
	ok(t->state.path == HOST_PATH_REASONS && t->state.lack == HOST_LACK_NOTHING &&
		   t->state.has_poll_exits && t->state.poll_exits == 0,
	   "that costs nothing");
	free(r);
	put_text("kvm/42-9/exit_reasons", "new form\n");
	r = NULL;
	ok(hosttarget_read(t, &place, S, &r) == 0 && r->exits == 99 && r->has == 0 &&
		   t->state.path == HOST_PATH_EXITS && t->state.lack == HOST_LACK_TABLE &&
		   t->table_said,
	   "a table of another form: exits are left");
	free(r);
	put_text("kvm/42-9/exit_reasons", TABLE);
	hosttarget_free(t);
}

/* The VM ends, and its domain starts again. */
static void test_end(void)
{
	struct hosttarget *t = hosttarget_new(&domain, 0);
	struct host_vm next = domain;
	struct host_reading *r = NULL;
	int tries = 0;

	(void)hosttarget_read(t, &place, 0, &r);
	free(r);
	take_away("kvm/42-9/exits"), take_away("kvm/42-9/exit_reasons");
	r = NULL;
	ok(hosttarget_read(t, &place, S, &r) == -EAGAIN && !r && !t->debugfs &&
		   t->state.path == HOST_PATH_NONE,
	   "a VM that has ended is not read");
	take_away("run/g.pid");
	for (int64_t now = S; tries < 20 && hosttarget_read(t, &place, now, &r) == -EAGAIN; tries++)
		now = t->search_ns;
	ok(t->state.lack == HOST_LACK_VM, "it is not found");
	ok(tries > 1 && tries < 6, "it is looked for a few times (%d), then libvirt has to do", tries);
	put_text("run/g.pid", "42");
	set_up();
	ok(hosttarget_read(t, &place, t->search_ns - 1, &r) == -ESRCH &&
		   hosttarget_read(t, &place, t->search_ns, &r) == 0,
	   "and now and then later, too");
	free(r);
	next.life[5] = '2';
	t->cost.count = 7;
	t->state.stuck_since_ns = 5;
	hosttarget_change(t, &next, 3 * S);
	ok(!t->debugfs && t->cost.count == 0 && t->state.stuck_since_ns == 0 && t->due_ns == 3 * S,
	   "another life begins all over");
	r = NULL;
	ok(hosttarget_read(t, &place, 3 * S, &r) == 0, "and is found");
	free(r);
	snprintf(next.name, sizeof(next.name), "h");
	hosttarget_change(t, &next, 4 * S);
	ok(t->debugfs, "one that is only renamed goes on");
	hosttarget_free(t);
}

static void test_unreadable(void)
{
	struct hosttarget_place nowhere = place;
	struct hosttarget *t = hosttarget_new(&domain, 0);
	struct host_reading *r = NULL;

	nowhere.debugfs = "/nowhere/at/all";
	ok(hosttarget_read(t, &nowhere, 0, &r) == -ENOENT && nowhere.unreadable_said &&
		   t->state.lack == HOST_LACK_DEBUGFS,
	   "debugfs that is not there is said");
	ok(hosttarget_read(t, &nowhere, S, &r) == -ESRCH, "libvirt has to do at once");
	hosttarget_free(t);
	nowhere.pid_dir = "";
	t = hosttarget_new(&domain, 0);
	ok(hosttarget_read(t, &nowhere, 0, &r) == -ESRCH && t->state.lack == HOST_LACK_VM,
	   "likewise domains of another host");
	ok(lack_of(-EACCES) == HOST_LACK_RIGHTS && lack_of(-EPERM) == HOST_LACK_RIGHTS &&
		   lack_of(-ENOTUNIQ) == HOST_LACK_ONE,
	   "what else may be lacking");
	hosttarget_free(t);
}

static void test_plain(void)
{
	struct host_vm vm = { .key = "plain", .name = "plain", .pid = 42 };
	struct hosttarget *t = hosttarget_new(&vm, 0);
	struct host_reading *r = NULL;
	struct timespec up, now;
	int64_t age_ns;

	ok(hosttarget_read(t, &place, 0, &r) == 0 && strcmp(r->life, "boot/42-9/777") == 0,
	   "a VM without libvirt, by its process: %s", r ? r->life : "-");
	clock_gettime(CLOCK_BOOTTIME, &up);
	clock_gettime(CLOCK_REALTIME, &now);
	age_ns = now.tv_sec * S + now.tv_nsec - (r ? r->began_ns : 0);
	ok(labs(up.tv_sec * S + up.tv_nsec - 7770000000LL - age_ns) < S,
	   "which began 7.77 seconds after the host");
	free(r);
	set_process('T');
	r = NULL;
	ok(hosttarget_read(t, &place, S, &r) == 0 && t->halted_ns && !t->state.stuck_since_ns,
	   "its process was stopped just now");
	free(r);
	t->halted_ns -= 6 * S;
	r = NULL;
	ok(hosttarget_read(t, &place, S, &r) == 0 && t->state.stuck_since_ns == t->halted_ns,
	   "after a while it is stuck");
	free(r);
	set_process('S');
	r = NULL;
	ok(hosttarget_read(t, &place, S, &r) == 0 && !t->state.stuck_since_ns, "until it goes on");
	free(r);
	hosttarget_free(t);
	vm.pid = getpid();
	t = hosttarget_new(&vm, 0);
	ok(hosttarget_read(t, &place, 0, &r) == -EAGAIN && !t->debugfs, "a process that is no QEMU");
	hosttarget_free(t);
}

static void test_libvirt(void)
{
	struct hosttarget *t = hosttarget_new(&domain, 0);
	struct virtstats_domain answer = {
		.answer = VIRTSTATS_ANSWERS,
		.readings = 1,
		.reading = { { .t_ns = 100 * S, .exits = 5000 } },
		.vcpus = 4,
		.has_cycles = true,
		.handling_cycles = 11,
		.away_cycles = 22,
	};
	struct virtstats_domain nothing = { .answer = VIRTSTATS_ANSWERS };
	struct host_reading *r = hosttarget_answer(t, &place, &answer, true);

	ok(r && r->exits == 5000 && r->t_ns == 100 * S && r->vcpus == 4 &&
		   r->has == HOST_HAS_CYCLES && r->handling_cycles == 11 && r->away_cycles == 22,
	   "libvirt's answer is a reading");
	ok(t->state.path == HOST_PATH_LIBVIRT && !t->state.has_poll_exits, "whose cost is not known");
	free(r);
	for (int i = 1; i <= 2; i++) {
		answer.readings = 3;
		for (int k = 0; k < 3; k++) {
			answer.reading[k].t_ns = (100 + i) * S + k * S / 1000;
			answer.reading[k].exits = 5000 + i * 1000 + k * 6;
		}
		r = hosttarget_answer(t, &place, &answer, true);
		ok(r && r->t_ns == (100 + i) * S && r->exits == 5000u + i * 1000,
		   "the first of three readings counts");
		free(r);
	}
	ok(t->state.has_poll_exits && t->state.poll_exits > 4.9 && t->state.poll_exits < 5.1,
	   "after some there is a cost: %.2f", t->state.poll_exits);
	for (int i = 0; i < SILENT_MAX; i++) {
		ok(!hosttarget_is_silent(t), "it may have counters");
		ok(!hosttarget_answer(t, &place, &nothing, true), "no reading");
	}
	ok(hosttarget_is_silent(t) && t->state.path == HOST_PATH_NONE &&
		   t->state.lack == HOST_LACK_COUNTERS,
	   "it has none");
	answer.answer = VIRTSTATS_OCCUPIED;
	answer.readings = 0;
	answer.occupied_ms = 9000;
	ok(!hosttarget_answer(t, &place, &answer, false) && t->state.stuck_since_ns,
	   "a probe tells that QEMU is stuck");
	hosttarget_free(t);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

int main(void)
{
	log_init("hosttarget_test", LOG_WARNING);
	if (ok(mkdtemp(top), "a directory")) {
		snprintf(debugfs, sizeof(debugfs), "%s/kvm", top);
		snprintf(proc, sizeof(proc), "%s/proc", top);
		snprintf(run, sizeof(run), "%s/run", top);
		set_up();
		test_table();
		test_end();
		test_unreadable();
		test_plain();
		test_libvirt();
		nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	}
	return done_testing();
}
