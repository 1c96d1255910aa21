/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/host/kvmdebugfs.c"

#include <ftw.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "guest-agent/shared/tap.h"

#define HEAD "# generation 0xfeed000000000001, flags 0x3, SVM\n"
#define COLUMNS_LINE "reason name count handling_cycles away_cycles\n"

static struct kvmdebugfs_counts counts;

static int parse(const char *text)
{
	return kvmdebugfs_parse(text, strlen(text), &counts);
}

static void test_table(void)
{
	static const char vmx[] = "# generation 0x0, flags 0x1, VMX\n" COLUMNS_LINE
				  "0xa CPUID 5 0 0\n";
	static const char wide[] = HEAD "reason name vcpus count away_cycles handling_cycles new\n"
					"0x72 cpuid 2 7 30 20 x\n";
	int r = parse(HEAD COLUMNS_LINE "0x0 read_cr0 1 4955119 23264576\n"
					"0x72 cpuid 287 17851954 104022686\n"
					"0x400 npf 18446744073709551000 1 2\n"
					"0xffffffff other 3 0 9\n"
					"0xfffffffe idle 0 0 77\n");

	ok(r == 0 && counts.has == (KVMDEBUGFS_HAS_REASONS | KVMDEBUGFS_HAS_CYCLES) &&
		   counts.generation == 0xfeed000000000001 &&
		   counts.reason_namespace == VMEXIT_REASONS_SVM,
	   "a table's head");
	ok(counts.exits == 18446744073709551291ULL && counts.handling_cycles == 22807074 &&
		   counts.away_cycles == 127287273 && counts.idle_cycles == 77,
	   "its sums, with 64 bits; idle is apart");
	ok(counts.reasons_count == 5 && counts.reasons[1].reason == 0x72 &&
		   counts.reasons[1].count == 287 && counts.reasons[1].handling_cycles == 17851954 &&
		   counts.reasons[1].away_cycles == 104022686 &&
		   counts.reasons[3].reason == VMEXIT_REASON_OTHER,
	   "its rows");
	ok(parse(vmx) == 0 && counts.has == KVMDEBUGFS_HAS_REASONS && counts.exits == 5 &&
		   counts.reason_namespace == VMEXIT_REASONS_VMX,
	   "one of a VM whose exits are only counted, on VMX");
	ok(parse(HEAD COLUMNS_LINE) == 0 && counts.reasons_count == 0 && counts.exits == 0,
	   "one without an exit");
	ok(parse(wide) == 0 && counts.reasons[0].count == 7 &&
		   counts.reasons[0].handling_cycles == 20 && counts.reasons[0].away_cycles == 30,
	   "columns are found by their names, more of them do no harm");
}

static void test_refusals(void)
{
	static const char *const bad[] = {
		"",
		"# generation 0x1, flags 0x3, SVM",
		HEAD,
		"generation 0x1, flags 0x3, SVM\n" COLUMNS_LINE,
		"# generation 1x, flags 0x3, SVM\n" COLUMNS_LINE,
		"# generation 0x1, flags 0x100000000, SVM\n" COLUMNS_LINE,
		"# generation 0x1, flags 0x3, TDX\n" COLUMNS_LINE,
		"# generation 0x1, flags 0x3\n" COLUMNS_LINE,
		HEAD "reason name count handling_cycles\n",
		HEAD COLUMNS_LINE "0x72 cpuid 1 2\n",
		HEAD COLUMNS_LINE "0x72 cpuid 1 2 -3\n",
		HEAD COLUMNS_LINE "0x72 cpuid 1 2 three\n",
		HEAD COLUMNS_LINE "0x72 cpuid 1 2 3",
		HEAD COLUMNS_LINE "0x172345678 cpuid 1 2 3\n",
		HEAD COLUMNS_LINE "0x72 cpuid 1 2 18446744073709551616\n",
		HEAD COLUMNS_LINE "0x72 cpuid 18446744073709551615 2 3\n0x73 rsm 1 0 0\n",
		HEAD COLUMNS_LINE "0x72 cpuid 1 2 3\n0x72 cpuid 1 2 3\n",
		HEAD COLUMNS_LINE "\n",
	};
	static char many[KVMDEBUGFS_TEXT_MAX];
	size_t len, count = sizeof(bad) / sizeof(bad[0]), refused = 0;

	memset(&counts, 0x5a, sizeof(counts));
	for (size_t i = 0; i < count; i++) {
		if (parse(bad[i]) == -EBADMSG)
			refused++;
		else
			printf("# not refused: '%s'\n", bad[i]);
	}
	ok(refused == count && counts.exits == 0x5a5a5a5a5a5a5a5a,
	   "%zu wrong tables are refused and change nothing", count);
	ok(parse("# generation 0x1, flags 0x0, SVM\n" COLUMNS_LINE) == -ENODATA,
	   "a VM that counts nothing");
	len = snprintf(many, sizeof(many), HEAD COLUMNS_LINE);
	for (int i = 0; i < KVMDEBUGFS_REASONS_MAX; i++)
		len += snprintf(many + len, sizeof(many) - len, "0x%x x 1 1 1\n", i);
	ok(kvmdebugfs_parse(many, len, &counts) == 0 &&
		   counts.reasons_count == KVMDEBUGFS_REASONS_MAX,
	   "as many reasons as there is room for");
	len += snprintf(many + len, sizeof(many) - len, "0xffffffff x 1 1 1\n");
	ok(kvmdebugfs_parse(many, len, &counts) == -EBADMSG, "one more is refused");
}

/* Every piece of a good table: whole, or refused, and never beyond its end. */
static void test_pieces(void)
{
	static const char text[] = HEAD COLUMNS_LINE "0x72 cpuid 287 17851954 104022686\n"
						     "0x7b io 5 6 7\n";
	int good = 0, wrong = 0;

	for (size_t len = 0; len < sizeof(text); len++) {
		char *piece = malloc(len ? len : 1);
		int r;

		memcpy(piece, text, len);
		r = kvmdebugfs_parse(piece, len, &counts);
		good += r == 0;
		wrong += r != 0 && r != -EBADMSG;
		free(piece);
	}
	/* Up to the end of each of its last three lines. */
	ok(good == 3 && wrong == 0, "cut anywhere, a table is whole lines or refused");
	for (unsigned int seed = 1; seed < 200000; seed++) {
		char damaged[sizeof(text) - 1];

		srandom(seed);
		memcpy(damaged, text, sizeof(damaged));
		for (int i = 0; i < 3; i++)
			damaged[random() % sizeof(damaged)] = random();
		(void)kvmdebugfs_parse(damaged, sizeof(damaged), &counts);
	}
	ok(true, "200,000 damaged tables do no harm");
}

/* ---- directories ---- */

static char top[] = "/tmp/vmexit-kvmdebugfs-XXXXXX";

static void put(const char *path, const char *text)
{
	char full[PATH_MAX];
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", top, path);
	f = fopen(full, "w");
	if (f) {
		fputs(text, f);
		fclose(f);
	}
}

static void make(const char *path)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s/%s", top, path);
	(void)mkdir(full, 0755);
}

static void hold(const char *fd, const char *target)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s/proc/%s", top, fd);
	(void)unlink(full);
	(void)symlink(target, full);
}

static int find(pid_t pid, struct kvmdebugfs **vm)
{
	char root[PATH_MAX], proc[PATH_MAX];

	snprintf(root, sizeof(root), "%s/kvm", top);
	snprintf(proc, sizeof(proc), "%s/proc", top);
	return kvmdebugfs_open(root, proc, pid, vm);
}

static void test_finding(void)
{
	struct kvmdebugfs *vm = NULL;

	make("kvm"), make("proc"), make("proc/42"), make("proc/42/fd");
	ok(find(42, &vm) == -ESRCH, "a process without a VM");
	make("kvm/42-11"), make("kvm/421-11"), make("kvm/42-x"), make("kvm/4-2");
	hold("42/fd/11", "anon_inode:kvm-vcpu:0");
	ok(find(42, &vm) == -ESRCH, "one that now has something else under that number");
	hold("42/fd/11", "anon_inode:kvm-vm");
	ok(find(42, &vm) == 0 && strcmp(kvmdebugfs_name(vm), "42-11") == 0, "one with a VM");
	kvmdebugfs_close(vm);
	make("kvm/42-12");
	hold("42/fd/12", "anon_inode:kvm-vm");
	ok(find(42, &vm) == -ENOTUNIQ, "one with two");
	hold("42/fd/12", "/dev/null");
	ok(kvmdebugfs_open("/nowhere/at/all", "/proc", 42, &vm) == -ENOENT, "no debugfs");
}

/* What find() returns to a user who may not see what a process holds. */
static int find_unseen(pid_t pid)
{
	char full[PATH_MAX];
	int status;
	pid_t other;

	snprintf(full, sizeof(full), "%s/proc/42/fd", top);
	(void)chmod(full, 0);
	(void)chmod(top, 0755);
	other = fork();
	if (other == 0) {
		struct kvmdebugfs *vm = NULL;
		int r;

		if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
			_exit(255);
		r = find(pid, &vm);
		kvmdebugfs_close(vm);
		_exit(-r);
	}
	(void)waitpid(other, &status, 0);
	(void)chmod(full, 0755);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

static void test_unseen(void)
{
	char full[PATH_MAX];

	ok(find_unseen(42) == -ENOTUNIQ, "who may not see what a process holds takes no wrong one");
	snprintf(full, sizeof(full), "%s/kvm/42-12", top);
	(void)rmdir(full);
	ok(find_unseen(42) == 0, "but the only one by its name");
	ok(find_unseen(43) == -ESRCH, "and none where there is none");
}

static void test_reading(void)
{
	char full[PATH_MAX];
	struct kvmdebugfs *vm = NULL;

	if (!ok(find(42, &vm) == 0, "found"))
		return;
	put("kvm/42-11/exits", "1234\n");
	make("kvm/42-11/vcpu0"), make("kvm/42-11/vcpu12"), make("kvm/42-11/vcpux");
	ok(kvmdebugfs_read(vm, &counts) == 0 && counts.has == 0 && counts.exits == 1234 &&
		   counts.vcpus == 2 && counts.table_error == 0,
	   "a stock KVM's number of exits");
	put("kvm/42-11/exit_reasons", HEAD COLUMNS_LINE "0x72 cpuid 7 2 3\n");
	ok(kvmdebugfs_read(vm, &counts) == 0 && counts.has & KVMDEBUGFS_HAS_REASONS &&
		   counts.exits == 7 && counts.vcpus == 2,
	   "the table, where there is one");
	put("kvm/42-11/exit_reasons", "# generation 0x1, flags 0x0, SVM\n" COLUMNS_LINE);
	ok(kvmdebugfs_read(vm, &counts) == 0 && counts.has == 0 && counts.exits == 1234 &&
		   counts.table_error == 0,
	   "its number, where the table is off");
	put("kvm/42-11/exit_reasons", "something else\n");
	ok(kvmdebugfs_read(vm, &counts) == 0 && counts.exits == 1234 &&
		   counts.table_error == -EBADMSG,
	   "its number, where the table is of another form, which is told");
	put("kvm/42-11/exits", "many\n");
	ok(kvmdebugfs_read(vm, &counts) == -EBADMSG, "a number that is none");
	snprintf(full, sizeof(full), "%s/kvm/42-11/exits", top);
	(void)unlink(full);
	snprintf(full, sizeof(full), "%s/kvm/42-11/exit_reasons", top);
	(void)unlink(full);
	ok(kvmdebugfs_read(vm, &counts) == -ESRCH, "a VM that has ended");
	kvmdebugfs_close(vm);
	kvmdebugfs_close(NULL);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

int main(void)
{
	test_table();
	test_refusals();
	test_pieces();
	if (ok(mkdtemp(top), "a directory")) {
		test_finding();
		test_unseen();
		test_reading();
		nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	}
	return done_testing();
}
