/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A VM on a real store, without channel and libvirt. For tests of intake and query only. */
#ifndef DAEMON_TESTMEMBER_H
#define DAEMON_TESTMEMBER_H

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/intake/boots.h"
#include "daemon/intake/intake.h"
#include "daemon/sql/tables.h"
#include "daemon/store/testsample.h"
#include "guest-agent/shared/tap.h"

#define S 1000000000LL
#define G1 0x1111111111111111ULL
#define G2 0x2222222222222222ULL

static char dir[] = "/tmp/vmexit-intake-XXXXXX";
static char path[64];
static struct member_setting setting;
static struct member member, *const m = &member;

static inline int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * S + ts.tv_nsec;
}

/* A number out of the database, with the writer's own connection closed to it. */
static inline int64_t number(const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = NULL;
	int64_t v = -1;

	store_flush(setting.store, 0);
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
	    tables_register(db, 0) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		v = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return v;
}

/* The daemon ends and begins again, with what it had committed. */
static inline void restart(void)
{
	char key[RECORD_KEY_MAX + 1];

	memcpy(key, m->vm->key, sizeof(key));
	store_free(setting.store);
	if (store_open(path, &setting.store) < 0)
		exit(1);
	memset(m, 0, sizeof(*m));
	m->setting = &setting;
	m->vm = store_vm(setting.store, key, key);
	intake_init(m);
}

static inline void begin(const char *name)
{
	setting.guest_disk_bytes_per_h = 256e6;
	memset(m, 0, sizeof(*m));
	m->setting = &setting;
	m->vm = store_vm(setting.store, name, name);
	intake_init(m);
}

static inline struct proto_hello hello_of(uint8_t boot, uint64_t generation)
{
	struct proto_hello hello = {
		.version_min = 1,
		.version_max = 2,
		.t_boot_ns = 1000 * S,
		.vcpus = 1,
		.has = PROTO_HELLO_HAS_LEAF | PROTO_HELLO_HAS_GENERATION,
		.tsc_khz = 1000000,
		.reason_namespace = 2,
		.generation = generation,
	};

	memset(hello.boot_id, boot, sizeof(hello.boot_id));
	return hello;
}

static inline bool join(uint8_t boot, uint64_t generation)
{
	struct proto_hello hello = hello_of(boot, generation);
	uint64_t committed;

	return intake_hello(m, &hello, &committed);
}

/* A sample of a patched host, @ago_ms before now. */
static inline struct sample at(uint64_t sequence, uint64_t exits, uint64_t generation, int64_t ago_ms)
{
	struct sample s = testsample(sequence, exits);

	s.has |= SAMPLE_HAS_GENERATION | SAMPLE_HAS_CLOCK;
	s.generation = generation;
	s.host_ns = now_ns() - ago_ms * 1000000;
	s.clock_error_ns = 1000;
	return s;
}

static inline void send(const struct sample *s)
{
	if (intake_sample(m, s, false) < 0)
		printf("# sample %llu was not taken\n", (unsigned long long)s->sequence);
}

static inline void send_at(uint64_t sequence, uint64_t exits, uint64_t generation, int64_t ago_ms)
{
	struct sample s = at(sequence, exits, generation, ago_ms);

	send(&s);
}

static inline bool testmember_start(void)
{
	log_init("intake_test", LOG_ERROR - 1);
	if (!mkdtemp(dir))
		return false;
	snprintf(path, sizeof(path), "%s/vmexit.db", dir);
	return store_open(path, &setting.store) == 0;
}

static inline void testmember_end(void)
{
	static const char *const endings[] = { "", "-wal", "-shm", ".lock" };
	char file[96];

	store_free(setting.store);
	for (size_t i = 0; i < 4; i++) {
		snprintf(file, sizeof(file), "%s%s", path, endings[i]);
		unlink(file);
	}
	rmdir(dir);
}
#endif
