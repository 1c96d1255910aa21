/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copies of a database while a store in another process writes to it as fast as it can. */
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/query/cursor.h"
#include "daemon/store/backup.h"
#include "daemon/store/store.h"
#include "daemon/store/testsample.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

#define S 1000000000LL
#define T0 (1763874000 * S)
#define BATCH 50

/* What both processes see. */
static volatile struct {
	uint64_t committed;		/* sequence */
	uint64_t longest_us;		/* of a commit */
	bool stop;
} *shared;

static char dir[] = "/tmp/vmexit-backup-XXXXXX";
static char path[64], copy[64];

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
}

static void add_one(struct store *store, struct boot *boot, uint64_t i)
{
	struct testsample_reason reasons[40];
	struct sample sample = testsample(i, 1000 * i);

	for (uint32_t k = 0; k < 40; k++)
		reasons[k] = (struct testsample_reason){ k, i * k, i * i * k, i * i * i };
	sample.t_wall_ns = T0 + i * S / 10;
	testsample_reasons(&sample, reasons, 40);
	(void)store_add(store, boot, SOURCE_GUEST, &sample);
}

static void commit(struct store *store, uint64_t sequence)
{
	uint64_t began = now_us(), took;

	if (store_flush(store, T0) < 0)
		_exit(1);
	took = now_us() - began;
	shared->committed = sequence;
	if (took > shared->longest_us)
		shared->longest_us = took;
}

static void write_on(void)
{
	struct store *store;
	struct boot *boot;

	if (store_open(path, &store) < 0)
		_exit(1);
	boot = store_boot(store, store_vm(store, "a", "a"), BOOT_CREATED, "life", T0);
	for (uint64_t i = 1; !shared->stop; i++) {
		add_one(store, boot, i);
		if (i % BATCH)
			continue;
		commit(store, i);
		while (store_work(store, T0 + (int64_t)i * S / 10) > 0)
			;
	}
	store_free(store);
	_exit(0);
}

/* How many samples a copy has, if they are all there are from the first on; else 0. */
static uint64_t whole_samples(const char *file)
{
	struct query_filter filter = { 0 };
	const struct row_pair *pair;
	struct cursor *cursor = NULL;
	struct query *query = NULL;
	struct query_vm vm;
	uint64_t n = 0;
	int r = query_open(file, &query);

	if (r == 0)
		r = query_vm(query, "a", &vm);
	filter.vm_id = vm.id;
	if (r == 0)
		r = cursor_new(query, &filter, false, &cursor);
	while (r == 0 && (r = cursor_next(cursor, &pair)) > 0) {
		n++;
		r = pair->row.sample.sequence == n && pair->row.sample.exits == 1000 * n ? 0 : -EIO;
	}
	cursor_free(cursor);
	query_free(query);
	return r < 0 ? 0 : n;
}

/* One copy: false if it is not what it should be. *during grows by what came meanwhile. */
static bool copy_one(uint64_t *during)
{
	uint64_t before = shared->committed, after, n;
	int r;

	unlink(copy);
	r = backup_copy(path, copy, NULL, NULL);
	after = shared->committed;
	n = r == 0 ? whole_samples(copy) : 0;
	*during += after - before;
	if (r == 0 && n >= before && n <= after + BATCH)
		return true;
	printf("# %d: %llu samples, from %llu to %llu\n", r, (unsigned long long)n,
	       (unsigned long long)before, (unsigned long long)after);
	return false;
}

static void test_under_load(void)
{
	uint64_t during = 0;
	int wrong = 0, copies = 0;

	shared->longest_us = 0;
	while (copies < 3 || (copies < 50 && during < 10 * BATCH)) {
		wrong += !copy_one(&during);
		copies++;
	}
	ok(wrong == 0, "%d copies have all that was committed when they began", copies);
	ok(during >= 10 * BATCH, "the writer goes on meanwhile: %llu samples",
	   (unsigned long long)during);
	ok(shared->longest_us < 1000000, "and waits for nobody");
	printf("# longest commit: %.1f ms\n", shared->longest_us / 1e3);
}

/* The third call is the end. */
static int end_soon(void *ctx, uint64_t bytes, uint64_t total)
{
	int *calls = ctx;

	return bytes <= total && ++*calls < 3 ? 0 : -EINTR;
}

static void test_ends(void)
{
	struct stat st;
	int calls = 0;

	unlink(copy);
	ok(backup_copy(path, copy, end_soon, &calls) == -EINTR && calls == 3, "a copy may be ended");
	unlink(copy);
	ok(backup_copy(path, copy, NULL, NULL) == 0 && stat(copy, &st) == 0 &&
		   (st.st_mode & 0777) == 0640, "one that is not is for its group only");
	log_init("backup_test", LOG_ERROR - 1);
	ok(backup_copy(path, copy, NULL, NULL) < 0, "it goes into no file that is there");
	ok(backup_copy("/nonexistent/v.db", copy, NULL, NULL) == -ENOENT, "nor comes from nowhere");
}

static void remove_all(void)
{
	static const char *const ends[] = { "", "-wal", "-shm", ".lock" };
	char file[96];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(file, sizeof(file), "%s%s", path, ends[i]);
		unlink(file);
	}
	unlink(copy);
	rmdir(dir);
}

int main(void)
{
	int status = 1;
	pid_t writer;

	log_init("backup_test", LOG_ERROR);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!mkdtemp(dir) || shared == MAP_FAILED)
		return 1;
	snprintf(path, sizeof(path), "%s/v.db", dir);
	snprintf(copy, sizeof(copy), "%s/copy.db", dir);
	writer = fork();
	if (writer == 0)
		write_on();
	while (shared->committed < 10000 && waitpid(writer, &status, WNOHANG) == 0)
		usleep(1000);
	ok(shared->committed >= 10000, "a store at work");
	test_under_load();
	test_ends();
	shared->stop = true;
	ok(waitpid(writer, &status, 0) == writer && WIFEXITED(status) && WEXITSTATUS(status) == 0,
	   "which had no trouble");
	remove_all();
	return done_testing();
}
