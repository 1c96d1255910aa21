/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The store in a process that is killed with SIGKILL, again and again, at random moments and
 * in the middle of writes of every kind: what it had acknowledged is there afterwards, and
 * it goes on. 50 kills; VMEXIT_LONG=1: 1,000. SEED=N repeats the aims.
 */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "daemon/store/store.c"
#include "daemon/store/testdisk.h"
#include "daemon/store/testhistory.h"
#include "daemon/store/testvfs.h"
#include "guest-agent/shared/tap.h"

#define STEP_NS (240LL * 1000000000)
#define BOOT_STEPS 2500
#define STEPS_A_COMMIT 40
#define CHECKPOINT_PAGES 150
/* Kills of one database, then there is a new one; so that the last tier is reached, too. */
#define KILLS_A_DATABASE 25
#define KILLS_A_DATABASE_LONG 125
#define ALIVE_MS_MAX 60
/* To come by what is aimed at; then it is killed wherever it is. */
#define AIM_MS 5000

/* What the process is doing, as far as the database is concerned. */
enum stage { STAGE_OPEN, STAGE_ADD, STAGE_COMMIT, STAGE_WORK, STAGES };

/* Where in it: between two operations on files, or in one. */
enum place { PLACE_BETWEEN, PLACE_WAL, PLACE_WAL_SYNC, PLACE_DATABASE, PLACE_DATABASE_SYNC, PLACES };

/* What parent and child both see. */
struct shared {
	volatile enum stage stage;
	volatile enum place place;
	/* Stop in the middle of the operation of that kind and stage when so many have passed. */
	bool aimed;
	enum stage aim_stage;
	enum place aim_place;
	volatile unsigned int aim_after;
};

static const struct {
	const char *name;
	enum stage stage;
	enum place place;
	unsigned int after_max;
} aims[] = {
	{ "a commit's write to the WAL", STAGE_COMMIT, PLACE_WAL, 200 },
	{ "a commit's sync of the WAL", STAGE_COMMIT, PLACE_WAL_SYNC, 8 },
	{ "a seal's write to the WAL", STAGE_WORK, PLACE_WAL, 500 },
	{ "a seal's sync of the WAL", STAGE_WORK, PLACE_WAL_SYNC, 20 },
	{ "a checkpoint's write to the database", STAGE_WORK, PLACE_DATABASE, 150 },
	{ "a checkpoint's sync of the database", STAGE_WORK, PLACE_DATABASE_SYNC, 2 },
};
#define AIMS (sizeof(aims) / sizeof(aims[0]))

static const struct testhistory history = {
	.seed = 11, .step_ns = STEP_NS, .boot_steps = BOOT_STEPS };
static char dir[] = "/tmp/vmexit-kill-XXXXXX";
static char path[64];
static struct shared *shared;
static int stopped_fd = -1;		/* where the child says that it is where it was to be */

/* ---- the child ---- */

static enum place place_of(const struct testvfs_event *e)
{
	bool is_wal = e->file == TESTVFS_WAL;

	if (!is_wal && e->file != TESTVFS_DATABASE)
		return PLACE_BETWEEN;
	if (e->op == TESTVFS_WRITE || e->op == TESTVFS_TRUNCATE)
		return is_wal ? PLACE_WAL : PLACE_DATABASE;
	if (e->op == TESTVFS_SYNC)
		return is_wal ? PLACE_WAL_SYNC : PLACE_DATABASE_SYNC;
	return PLACE_BETWEEN;
}

/* Half of it, then wait for the end. */
static void stop_within(const struct testvfs_event *e)
{
	if (e->op == TESTVFS_WRITE)
		(void)e->real->pMethods->xWrite(e->real, e->data, e->count / 2, e->offset);
	if (write(stopped_fd, "!", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static int on_event(void *ctx, const struct testvfs_event *e)
{
	enum place place = place_of(e);

	(void)ctx;
	shared->place = place;
	if (place == PLACE_BETWEEN)
		return SQLITE_OK;
	if (shared->aimed && place == shared->aim_place && shared->stage == shared->aim_stage &&
	    shared->aim_after-- == 0)
		stop_within(e);
	/* A sync is a moment only; memory that outlives the process needs none. */
	return e->op == TESTVFS_SYNC ? TESTVFS_DONE : SQLITE_OK;
}

static int commit(struct store *store, uint64_t reached[TESTHISTORY_VMS], int ack_fd)
{
	int r = 0;

	shared->stage = STAGE_ADD;
	for (int i = 0; i < STEPS_A_COMMIT && r == 0; i++) {
		unsigned int vm = (reached[0] * 7 + i) % TESTHISTORY_VMS;

		r = testhistory_add(&history, store, vm, ++reached[vm]);
	}
	shared->stage = STAGE_COMMIT;
	if (r == 0)
		r = store_flush(store, 0);
	shared->stage = STAGE_ADD;
	if (r > 0 && write(ack_fd, reached, TESTHISTORY_VMS * sizeof(*reached)) < 0)
		r = -errno;
	return r;
}

static int live(struct store *store, int ack_fd)
{
	uint64_t reached[TESTHISTORY_VMS];
	int r = 0;

	for (unsigned int vm = 0; vm < TESTHISTORY_VMS; vm++)
		reached[vm] = testhistory_reached(&history, store, vm);
	while (r >= 0) {
		uint64_t latest = 0;

		r = commit(store, reached, ack_fd);
		for (int vm = 0; vm < TESTHISTORY_VMS; vm++)
			latest = reached[vm] > latest ? reached[vm] : latest;
		shared->stage = STAGE_WORK;
		while (r >= 0 && (r = store_work(store, testhistory_ns(&history, latest))) > 0)
			;
	}
	return r;
}

static void __attribute__((noreturn)) child(int ack_fd)
{
	struct store *store;

	shared->stage = STAGE_OPEN;
	shared->place = PLACE_BETWEEN;
	if (testvfs_install(on_event, NULL) != SQLITE_OK || store_open(path, &store) < 0)
		_exit(2);
	store->upkeep.checkpoint_pages = CHECKPOINT_PAGES;
	(void)live(store, ack_fd);
	_exit(4);
}

/* ---- the parent ---- */

struct acks {
	uint64_t reached[TESTHISTORY_VMS];
	uint64_t count;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* False at the end. Acknowledgements are shorter than what a pipe takes at once. */
static bool read_ack(int fd, struct acks *acks)
{
	uint64_t reached[TESTHISTORY_VMS];

	if (read(fd, reached, sizeof(reached)) != sizeof(reached))
		return false;
	memcpy(acks->reached, reached, sizeof(reached));
	acks->count++;
	return true;
}

/* Take acknowledgements until @until_ms, or until the child has stopped: then true. */
static bool wait_for(int ack_fd, int stop_fd, int64_t until_ms, struct acks *acks)
{
	struct pollfd fds[] = { { ack_fd, POLLIN, 0 }, { stop_fd, POLLIN, 0 } };

	for (;;) {
		int64_t left_ms = until_ms - now_ms();

		if (left_ms <= 0 || poll(fds, 2, left_ms) <= 0)
			return false;
		if (fds[0].revents & POLLIN)
			(void)read_ack(ack_fd, acks);
		else if (fds[1].revents & POLLIN)
			return true;
		else if (fds[0].revents)
			return false;
	}
}

/* Where each kill fell. */
struct kills {
	unsigned int aimed[AIMS], random[STAGES], writing, checkpointing;
	uint64_t acks;
};

/* Let one child live and end it. False if it ended otherwise. */
static bool kill_one(struct testdisk *chance, int aim, struct kills *kills, struct acks *acks)
{
	int ack[2], stop[2], status;
	bool stopped;
	pid_t pid;

	shared->aimed = aim >= 0;
	if (aim >= 0) {
		shared->aim_stage = aims[aim].stage;
		shared->aim_place = aims[aim].place;
		shared->aim_after = testdisk_random(chance, aims[aim].after_max);
	}
	if (pipe(ack) < 0 || pipe(stop) < 0)
		return false;
	stopped_fd = stop[1];
	pid = fork();
	if (pid == 0) {
		close(ack[0]);
		close(stop[0]);
		child(ack[1]);
	}
	close(ack[1]);
	close(stop[1]);
	stopped = wait_for(ack[0], stop[0],
			   now_ms() + (aim >= 0 ? AIM_MS : (int)testdisk_random(chance, ALIVE_MS_MAX)),
			   acks);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	while (read_ack(ack[0], acks))
		;
	close(ack[0]);
	close(stop[0]);
	if (stopped) {
		kills->aimed[aim]++;
	} else {
		kills->random[shared->stage]++;
		kills->writing += shared->place == PLACE_WAL || shared->place == PLACE_WAL_SYNC;
		kills->checkpointing += shared->place == PLACE_DATABASE ||
					shared->place == PLACE_DATABASE_SYNC;
	}
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void tell(const struct kills *kills, unsigned int count)
{
	bool all = true;

	for (size_t i = 0; i < AIMS; i++) {
		printf("# %u in the middle of %s\n", kills->aimed[i], aims[i].name);
		all = all && kills->aimed[i] > 0;
	}
	printf("# at random: %u while it opened, %u between, %u in commits, %u in background work;"
	       " of these %u by the WAL, %u in checkpoints\n",
	       kills->random[STAGE_OPEN], kills->random[STAGE_ADD], kills->random[STAGE_COMMIT],
	       kills->random[STAGE_WORK], kills->writing, kills->checkpointing);
	ok(all, "kills hit the middle of commits, seals and checkpoints");
	ok(kills->acks > count, "and %" PRIu64 " commits were acknowledged meanwhile", kills->acks);
}

/* Tiers of which the database has chunks. */
static int count_tiers(void)
{
	sqlite3 *db;
	int64_t tiers = 0;

	if (db_open_reader(path, &db) == 0) {
		(void)db_number(db, "SELECT count(DISTINCT tier) FROM chunk", &tiers);
		sqlite3_close(db);
	}
	return tiers;
}

static void test_kills(struct testdisk *chance, unsigned int count, unsigned int a_database)
{
	struct kills kills = { 0 };
	struct acks acks = { 0 };
	unsigned int bad = 0;

	for (unsigned int i = 0; i < count && bad < 5; i++) {
		char why[TESTHISTORY_WHY_MAX] = "the process ended by itself";
		/* Every second one is aimed. */
		int aim = i % 2 ? (int)(i / 2 % AIMS) : -1;

		if (i % a_database == 0) {
			testdisk_remove(path);
			acks = (struct acks){ 0 };
		}
		kills.acks -= acks.count;
		if (!kill_one(chance, aim, &kills, &acks) ||
		    (acks.count && !testhistory_holds(&history, path, acks.reached, why))) {
			bad++;
			printf("# kill %u: %s\n", i, why);
		}
		kills.acks += acks.count;
	}
	ok(bad == 0, "after each of %u kills all that was acknowledged is there, once, and adds up",
	   count);
	ok(count_tiers() > 2, "in samples and rollups of %d tiers", count_tiers() - 1);
	tell(&kills, count);
}

int main(void)
{
	const char *seed = getenv("SEED");
	struct testdisk *chance;

	log_init("kill_test", LOG_ERROR - 1);
	signal(SIGPIPE, SIG_IGN);
	chance = testdisk_new(seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL) ^ getpid());
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!chance || shared == MAP_FAILED || !mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/v.db", dir);
	if (getenv("VMEXIT_LONG"))
		test_kills(chance, 1000, KILLS_A_DATABASE_LONG);
	else
		test_kills(chance, 50, KILLS_A_DATABASE);
	testdisk_remove(path);
	rmdir(dir);
	testdisk_free(chance);
	return done_testing();
}
