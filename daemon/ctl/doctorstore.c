/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/doctorstore.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include "daemon/store/schema.h"

#define MB (1ULL << 20)

/* Less room than that, or than a hundredth, will not last. */
#define FREE_MIN (256 * MB)
/* A WAL has 32 MB unless somebody reads all the time. */
#define WAL_MAX (256 * MB)

/* SQLite's file format: where these are in the first page, big-endian. */
#define HEADER_BYTES 100
#define HEADER_VERSION 60
#define HEADER_APPLICATION 68
static const char header_magic[] = "SQLite format 3";

static void directory_of(const char *path, char *dir, size_t size)
{
	char *slash;

	(void)snprintf(dir, size, "%s", path);
	slash = strrchr(dir, '/');
	if (!slash)
		(void)snprintf(dir, size, ".");
	else if (slash == dir)
		slash[1] = '\0';
	else
		*slash = '\0';
}

int doctorstore_disk(const struct doctor_place *place, const char *path, struct doctor_disk *ret_disk)
{
	char full[PATH_MAX], dir[PATH_MAX];
	struct statfs st;

	directory_of(path, dir, sizeof(dir));
	/* The file may lie elsewhere than its directory, but cannot be seen by everybody. */
	if (statfs(doctorplace_path(place, path, full, sizeof(full)), &st) < 0 &&
	    statfs(doctorplace_path(place, dir, full, sizeof(full)), &st) < 0)
		return -errno;
	*ret_disk = (struct doctor_disk){
		.type = st.f_type,
		.free_bytes = (uint64_t)st.f_bavail * st.f_bsize,
		.all_bytes = (uint64_t)st.f_blocks * st.f_bsize,
	};
	return 0;
}

static void say_kind(const struct doctor_disk *disk, struct doctorsay *say)
{
	unsigned int type = disk->type;
	bool remote = type == NFS_SUPER_MAGIC || type == CIFS_SUPER_MAGIC || type == SMB2_SUPER_MAGIC ||
		      type == V9FS_MAGIC || type == CEPH_SUPER_MAGIC || type == FUSE_SUPER_MAGIC;

	if (remote) {
		doctorsay(say, DOCTOR_PROBLEM, "file-system", "the database is on a file system of the network or "
							      "of a program (type 0x%x)",
			  type);
		doctorsay_why(say, "SQLite's locks and shared memory do not hold there, and may damage it");
		doctorsay_fix(say, "name a local one: database = FILE in vmexitd.conf(5)");
	} else if (type == TMPFS_MAGIC || type == RAMFS_MAGIC) {
		doctorsay(say, DOCTOR_NOTE, "file-system", "the database is in memory (tmpfs)");
		doctorsay_why(say, "it is gone when this host is switched off");
		doctorsay_fix(say, "name one on a disk: database = FILE in vmexitd.conf(5)");
	}
}

/* What the database may still grow to; 0: any size. */
static uint64_t limit_of(const struct config *config)
{
	uint64_t sum = 0;

	for (int i = 0; i < CONFIG_TIERS; i++) {
		if (config->keep[i].bytes == 0)
			return 0;
		sum += config->keep[i].bytes;
	}
	return sum;
}

static void say_room(const struct config *config, const struct doctor_disk *disk, uint64_t size,
		     struct doctorsay *say)
{
	uint64_t limit = limit_of(config), more = limit > size ? limit - size : 0;

	if (disk->free_bytes < FREE_MIN || disk->free_bytes < disk->all_bytes / 100) {
		doctorsay(say, DOCTOR_PROBLEM, "room", "the database's disk is full: %" PRIu64 " MB are free",
			  (uint64_t)(disk->free_bytes / MB));
		doctorsay_why(say, "when there is no room, nothing is stored");
		doctorsay_fix(say, "make room on it, or lower keep_samples and the other sizes in "
				   "vmexitd.conf(5), or name another disk with database = FILE");
	} else if (limit == 0 || disk->free_bytes < more) {
		doctorsay(say, DOCTOR_NOTE, "room", "the database may grow beyond the disk: %" PRIu64
						    " MB are free",
			  (uint64_t)(disk->free_bytes / MB));
		if (limit)
			doctorsay_why(say, "it has %" PRIu64 " MB, and its settings allow %" PRIu64 " MB",
				      (uint64_t)(size / MB), (uint64_t)(limit / MB));
		else
			doctorsay_why(say, "it has %" PRIu64 " MB, and its settings allow any size",
				      (uint64_t)(size / MB));
		doctorsay_fix(say, "lower (or give) the sizes of keep_samples and the others in "
				   "vmexitd.conf(5)");
	} else {
		doctorsay(say, DOCTOR_OK, "room", "%" PRIu64 " MB are free, of which it may take %" PRIu64 " MB",
			  (uint64_t)(disk->free_bytes / MB), (uint64_t)(more / MB));
	}
}

static uint32_t number_at(const char *header, size_t at)
{
	const unsigned char *p = (const unsigned char *)header + at;

	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static void say_not_ours(const char *path, struct doctorsay *say)
{
	doctorsay(say, DOCTOR_PROBLEM, "database", "%s is no database of vmexitd", path);
	doctorsay_why(say, "it does not begin as one does");
	doctorsay_fix(say, "move it away, and put a backup in its place if there is one; or name another: "
			   "database = FILE in vmexitd.conf(5)");
}

static bool is_in_wal(const struct doctor_place *place, const char *path, const char *header, long n)
{
	char wal[PATH_MAX];
	struct stat st;

	(void)snprintf(wal, sizeof(wal), "%s-wal", path);
	if (doctorplace_stat(place, wal, &st) < 0 || st.st_size == 0)
		return false;
	return n == 0 || (n == HEADER_BYTES && memcmp(header, header_magic, sizeof(header_magic)) == 0 &&
			  number_at(header, HEADER_APPLICATION) == 0 &&
			  number_at(header, HEADER_VERSION) == 0);
}

/* Only what the file begins with: its pages are the daemon's. */
static void look_inside(const struct doctor_place *place, const char *path, const struct stat *st,
			struct doctorsay *say)
{
	char header[HEADER_BYTES + 1];
	long n = doctorplace_read(place, path, header, sizeof(header));
	uint32_t version;

	if (n == -EINVAL) {
		say_not_ours(path, say);
		return;
	}
	if (n < 0) {
		doctorsay(say, DOCTOR_UNSEEN, "database", "what is in %s: %s", path, strerror(-n));
		return;
	}
	/* One that has just been made says nothing yet; all of it is in the WAL. */
	if (is_in_wal(place, path, header, n)) {
		doctorsay(say, DOCTOR_OK, "database", "%s, just begun", path);
		return;
	}
	if (n < HEADER_BYTES || memcmp(header, header_magic, sizeof(header_magic)) != 0 ||
	    number_at(header, HEADER_APPLICATION) != SCHEMA_APPLICATION_ID) {
		say_not_ours(path, say);
		return;
	}
	version = number_at(header, HEADER_VERSION);
	if (version > SCHEMA_VERSION) {
		doctorsay(say, DOCTOR_PROBLEM, "database", "%s is of a newer vmexitd: version %u, this one knows "
							   "%u",
			  path, version, SCHEMA_VERSION);
		doctorsay_why(say, "an older vmexitd does not open it");
		doctorsay_fix(say, "install the newer vmexitd again, or restore the backup from before the "
				   "upgrade");
		return;
	}
	doctorsay(say, DOCTOR_OK, "database", "%s, %lld MB", path, (long long)(st->st_size / (long long)MB));
}

static void look_at_wal(const struct doctor_place *place, const char *path, struct doctorsay *say)
{
	char wal[PATH_MAX];
	struct stat st;

	(void)snprintf(wal, sizeof(wal), "%s-wal", path);
	if (doctorplace_stat(place, wal, &st) < 0 || (uint64_t)st.st_size < WAL_MAX)
		return;
	doctorsay(say, DOCTOR_NOTE, "wal", "%s has grown to %lld MB", wal, (long long)(st.st_size / (long long)MB));
	doctorsay_why(say, "somebody has read the database in one go for long, a backup or a statement; it "
			   "does not shrink by itself");
	doctorsay_fix(say, "fuser -v %s   (as root: who has it open); when nobody else has, systemctl "
			   "restart vmexitd",
		      path);
}

static void look_at_owner(const struct doctor_place *place, const char *path, const struct stat *st,
			  const struct doctor_owner *owner, struct doctorsay *say)
{
	char dir[PATH_MAX];
	struct stat dir_st;

	directory_of(path, dir, sizeof(dir));
	if (owner->has_uid && owner->uid != 0 && st->st_uid != owner->uid) {
		doctorsay(say, DOCTOR_PROBLEM, "owner", "%s belongs to user %u, and vmexitd %s as %u", path,
			  (unsigned int)st->st_uid, owner->runs ? "runs" : "would run",
			  (unsigned int)owner->uid);
		doctorsay_why(say, "it was made by a vmexitd that ran as somebody else");
		doctorsay_fix(say, "systemctl stop vmexitd; chown -R vmexit:vmexit /var/lib/vmexit; systemctl "
				   "start vmexitd   (as root)");
	}
	if (st->st_mode & S_IRWXO && doctorplace_stat(place, dir, &dir_st) == 0 &&
	    dir_st.st_mode & S_IXOTH) {
		doctorsay(say, DOCTOR_NOTE, "mode", "every user can open %s (mode %04o)", path,
			  (unsigned int)(st->st_mode & 07777));
		doctorsay_why(say, "whoever can read it can keep its log from being begun anew; and it has the "
				   "names of all guests' processes");
		doctorsay_fix(say, "chmod o= %s   (as root)", path);
	}
}

static void look_at_file(const struct doctor_place *place, const char *path,
			 const struct doctor_owner *owner, uint64_t *ret_size, struct doctorsay *say)
{
	char dir[PATH_MAX];
	struct stat st;
	int r = doctorplace_stat(place, path, &st);

	directory_of(path, dir, sizeof(dir));
	if (r == 0) {
		*ret_size = st.st_size;
		look_inside(place, path, &st, say);
		look_at_owner(place, path, &st, owner, say);
		look_at_wal(place, path, say);
	} else if (r == -EACCES) {
		doctorsay(say, DOCTOR_UNSEEN, "database", "%s: only root and members of its group may", path);
	} else if (owner->runs) {
		doctorsay(say, DOCTOR_PROBLEM, "database", "%s is gone while vmexitd has it open", path);
		doctorsay_why(say, "it was removed or moved");
		doctorsay_fix(say, "put it back where it was, or systemctl restart vmexitd to begin another   "
				   "(as root)");
	} else if (!doctorplace_exists(place, dir)) {
		doctorsay(say, DOCTOR_NOTE, "database", "there is no directory %s for the database", dir);
		doctorsay_why(say, "the service makes it when it starts; a vmexitd started by hand does not");
		doctorsay_fix(say, "install -d -m 750 %s   (as root)", dir);
	} else {
		doctorsay(say, DOCTOR_OK, "database", "there is no %s yet; vmexitd makes it when it starts", path);
	}
}

void doctorstore_look(const struct doctor_place *place, const struct config *config,
		      const struct doctor_disk *disk, const struct doctor_owner *owner,
		      struct doctorsay *say)
{
	uint64_t size = 0;

	say->subject = "Database";
	look_at_file(place, config->database, owner, &size, say);
	if (!disk)
		return;
	say_kind(disk, say);
	say_room(config, disk, size, say);
}
