/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/doctorstore.h"

#include <linux/magic.h>
#include <stdlib.h>

#include "daemon/ctl/testplace.h"
#include "daemon/store/schema.h"
#include "guest-agent/shared/tap.h"

#define DB "/var/lib/vmexit/vmexit.db"
#define GB (1ULL << 30)

static char database[] = DB;
static struct config config = { .database = database };
static struct doctor_disk disk;

static void put_database(unsigned int application, unsigned char version)
{
	unsigned char header[4096] = "SQLite format 3";

	header[63] = version;
	for (int i = 0; i < 4; i++)
		header[68 + i] = application >> (24 - 8 * i);
	testplace_bytes(DB, header, sizeof(header));
}

static void set_mode(const char *path, mode_t mode)
{
	char full[PATH_MAX];

	(void)chmod(doctorplace_path(&place, path, full, sizeof(full)), mode);
}

/* A host with room, and a database as vmexitd makes it. */
static void good_host(void)
{
	testplace_clear();
	put_database(SCHEMA_APPLICATION_ID, SCHEMA_VERSION);
	set_mode(DB, 0640);
	set_mode("/var/lib/vmexit", 0750);
	disk = (struct doctor_disk){ EXT4_SUPER_MAGIC, 20 * GB, 100 * GB };
	for (int i = 0; i < CONFIG_TIERS; i++)
		config.keep[i] = (struct config_keep){ 86400, GB };
}

static void look(bool runs, uid_t uid)
{
	const struct doctor_owner owner = { .runs = runs, .has_uid = runs || uid, .uid = uid };

	doctorsay_done(&said);
	doctorstore_look(&place, &config, &disk, &owner, &said);
}

static void database_file(void)
{
	good_host();
	look(true, getuid());
	ok(testplace_said("database", DOCTOR_OK, DB) && testplace_said("room", DOCTOR_OK, "20480 MB are free"),
	   "a database, with room");
	ok(doctorsay_count(&said, DOCTOR_OK) == said.count, "of which nothing is wrong");
	put_database(0x12345678, 1);
	look(false, 0);
	ok(testplace_said("database", DOCTOR_PROBLEM, "no database of vmexitd"), "another program's");
	put_database(SCHEMA_APPLICATION_ID, SCHEMA_VERSION + 1);
	look(false, 0);
	ok(testplace_said("database", DOCTOR_PROBLEM, "newer"), "a newer vmexitd's");
	testplace_put(DB, "hello");
	look(false, 0);
	ok(testplace_said("database", DOCTOR_PROBLEM, "backup"), "what is none");
	put_database(0, 0);
	look(true, getuid());
	ok(testplace_said("database", DOCTOR_PROBLEM, "no database of vmexitd"), "an empty one");
	testplace_put(DB "-wal", "pages");
	look(true, getuid());
	ok(testplace_said("database", DOCTOR_OK, "just begun"), "but with a log");
	ok(testplace_pipe(DB), "a pipe in its place");
	look(true, getuid());
	ok(testplace_said("database", DOCTOR_PROBLEM, "no database of vmexitd"), "is not opened");
	testplace_clear();
	look(false, 0);
	ok(testplace_said("database", DOCTOR_NOTE, "install -d -m 750"), "no directory");
	testplace_put("/var/lib/vmexit/x", "");
	look(false, 0);
	ok(testplace_said("database", DOCTOR_OK, "no " DB " yet"), "none yet");
	look(true, 0);
	ok(testplace_said("database", DOCTOR_PROBLEM, "is gone"), "none, with a daemon that has it open");
}

static void rights(void)
{
	good_host();
	look(true, getuid() + 1);
	ok(testplace_said("owner", DOCTOR_PROBLEM, "chown -R"), "another user's");
	look(false, getuid() + 1);
	ok(testplace_said("owner", DOCTOR_PROBLEM, "would run"), "another user's than the service's");
	look(true, 0);
	ok(testplace_silent("owner"), "root may");
	set_mode(DB, 0644);
	look(true, getuid());
	ok(testplace_silent("mode"), "open to all in a directory that is closed");
	set_mode("/var/lib/vmexit", 0755);
	look(true, getuid());
	ok(testplace_said("mode", DOCTOR_NOTE, "chmod o="), "and in one that is not");
}

static void room(void)
{
	good_host();
	disk.free_bytes = 3 * GB;
	look(true, getuid());
	ok(testplace_said("room", DOCTOR_NOTE, "allow 5120 MB"), "less room than the settings allow");
	disk.free_bytes = GB / 2;
	look(true, getuid());
	ok(testplace_said("room", DOCTOR_PROBLEM, "512 MB are free"), "less than a hundredth");
	disk = (struct doctor_disk){ EXT4_SUPER_MAGIC, 100 << 20, GB };
	look(true, getuid());
	ok(testplace_said("room", DOCTOR_PROBLEM, "make room"), "less than a little");
	good_host();
	config.keep[2].bytes = 0;
	look(true, getuid());
	ok(testplace_said("room", DOCTOR_NOTE, "any size"), "no limit");
	good_host();
	disk.type = NFS_SUPER_MAGIC;
	look(true, getuid());
	ok(testplace_said("file-system", DOCTOR_PROBLEM, "network"), "a file system of the network");
	disk.type = TMPFS_MAGIC;
	look(true, getuid());
	ok(testplace_said("file-system", DOCTOR_NOTE, "tmpfs"), "of memory");
}

static void wal(void)
{
	char full[PATH_MAX];

	good_host();
	testplace_put(DB "-wal", "pages");
	look(true, getuid());
	ok(testplace_silent("wal"), "a log");
	ok(truncate(doctorplace_path(&place, DB "-wal", full, sizeof(full)), 300 << 20) == 0, "that grows");
	look(true, getuid());
	ok(testplace_said("wal", DOCTOR_NOTE, "300 MB"), "too large");
}

static void read_disk(void)
{
	struct doctor_disk found = { 0 };

	good_host();
	ok(doctorstore_disk(&place, DB, &found) == 0 && found.all_bytes > 0 &&
		   found.free_bytes <= found.all_bytes,
	   "a disk");
	ok(doctorstore_disk(&place, "/var/lib/vmexit/none.db", &found) == 0, "of a file that is not there yet");
	ok(doctorstore_disk(&place, "/none/none.db", &found) < 0, "none");
}

int main(void)
{
	database_file();
	rights();
	room();
	wal();
	read_disk();
	testplace_end();
	return done_testing();
}
