/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/schema.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "daemon/store/db.h"
#include "daemon/store/migrate.h"
#include "guest-agent/shared/log.h"

/*
 * Times are nanoseconds since the epoch on the host's clock. Counters are 64-bit
 * patterns: SQLite shows one above 2^63 as negative. What is not known is NULL.
 */
static const char vm_and_boot[] =
	"CREATE TABLE vm ("
	" id INTEGER PRIMARY KEY,"
	" key TEXT NOT NULL UNIQUE,"	/* libvirt's UUID or a configured name */
	" name TEXT NOT NULL,"
	" state INTEGER NOT NULL,"	/* enum vm_state */
	" agent INTEGER NOT NULL,"	/* enum vm_agent */
	" leaf INTEGER NOT NULL,"	/* enum vm_leaf */
	" error TEXT NOT NULL"
	") STRICT;"
	"CREATE TABLE boot ("
	" id INTEGER PRIMARY KEY,"
	" vm INTEGER NOT NULL REFERENCES vm(id),"
	" number INTEGER NOT NULL,"
	" life TEXT NOT NULL,"		/* same text: same KVM VM, counters comparable */
	" cause INTEGER NOT NULL,"	/* enum boot_cause */
	" opened_ns INTEGER NOT NULL,"
	" closed_ns INTEGER,"
	" guest_boot_id BLOB,"
	" kernel TEXT,"
	" agent TEXT,"
	" vcpus INTEGER,"
	" tsc_khz INTEGER,"
	" reason_namespace INTEGER,"
	" created_ns INTEGER,"		/* its KVM VM's begin, if it was seen */
	" generation INTEGER,"		/* its KVM VM's */
	" UNIQUE (vm, number)"
	") STRICT;";

/*
 * Samples: as they come in the journal, then sealed in chunks. People read them through
 * the virtual tables of vmexit-sql(7), which look like one row a sample.
 */
static const char samples[] =
	"CREATE TABLE journal ("
	" id INTEGER PRIMARY KEY,"	/* grows with every sample of any VM */
	" boot INTEGER NOT NULL,"
	" source INTEGER NOT NULL,"	/* enum sample_source */
	" sequence INTEGER NOT NULL,"
	" t_ns INTEGER NOT NULL,"
	" before INTEGER,"		/* id of the one before, of this boot and source */
	" sample BLOB NOT NULL"		/* tick.h */
	") STRICT;"
	"CREATE TABLE journal_end ("
	" id INTEGER PRIMARY KEY,"	/* boot * 2 + source */
	" first_id INTEGER NOT NULL,"
	" last_id INTEGER NOT NULL,"
	" samples INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL,"
	" to_sequence INTEGER NOT NULL,"
	" from_ns INTEGER NOT NULL,"
	" to_ns INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE stream ("
	" boot INTEGER NOT NULL REFERENCES boot(id),"
	" source INTEGER NOT NULL,"
	" base_exits INTEGER,"		/* of its first sample that had exits */
	" base_sequence INTEGER,"	/* that sample's */
	" sealed_0 INTEGER NOT NULL,"	/* last sequence in chunks, by tier */
	" sealed_1 INTEGER NOT NULL,"
	" sealed_2 INTEGER NOT NULL,"
	" sealed_3 INTEGER NOT NULL,"
	" sealed_4 INTEGER NOT NULL,"
	" last_ns INTEGER,"		/* of the last sample sealed */
	" last BLOB,"			/* that sample, tick.h */
	" PRIMARY KEY (boot, source)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE chunk ("
	" id INTEGER PRIMARY KEY,"
	" boot INTEGER NOT NULL REFERENCES boot(id),"
	" source INTEGER NOT NULL,"
	" tier INTEGER NOT NULL,"	/* 0: samples; rollup.h */
	" from_sequence INTEGER NOT NULL,"	/* both included */
	" to_sequence INTEGER NOT NULL,"
	" from_ns INTEGER NOT NULL,"	/* earliest and latest */
	" to_ns INTEGER NOT NULL,"
	" samples INTEGER NOT NULL,"
	" rows INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL,"	/* of columns */
	" vm INTEGER NOT NULL,"		/* its boot's */
	" columns BLOB NOT NULL"	/* chunk.h */
	") STRICT;"
	"CREATE UNIQUE INDEX chunk_order ON chunk (boot, source, tier, to_sequence, to_ns,"
	" from_sequence, from_ns, samples, rows, bytes);"
	"CREATE INDEX chunk_age ON chunk (tier, to_ns);"
	"CREATE INDEX chunk_of_vm ON chunk (vm, tier, to_ns, from_ns, samples, bytes);";

/* A sequence of a boot's guest is in one of sample, mark, gap and quarantine. */
static const char beside_samples[] =
	"CREATE TABLE mark ("
	" id INTEGER PRIMARY KEY,"
	" boot INTEGER NOT NULL REFERENCES boot(id),"
	" sequence INTEGER NOT NULL,"
	" t_ns INTEGER NOT NULL,"
	" t_boot_ns INTEGER NOT NULL,"
	" kind INTEGER NOT NULL,"	/* enum proto_mark_kind */
	" begin_sequence INTEGER,"	/* of an end: its begin */
	" label TEXT NOT NULL,"
	" uid INTEGER NOT NULL,"
	" status INTEGER,"
	" UNIQUE (boot, sequence)"
	") STRICT;"
	"CREATE TABLE gap ("
	" id INTEGER PRIMARY KEY,"
	" boot INTEGER NOT NULL REFERENCES boot(id),"
	" source INTEGER NOT NULL,"
	" from_sequence INTEGER NOT NULL,"	/* both included */
	" to_sequence INTEGER NOT NULL,"
	" from_ns INTEGER NOT NULL,"
	" to_ns INTEGER NOT NULL,"
	" count INTEGER,"		/* of samples that the agent took */
	" cause INTEGER NOT NULL,"	/* enum gap_cause */
	" UNIQUE (boot, source, from_sequence)"
	") STRICT;"
	/* What the guest claimed and is not believed; values are of the first in the range. */
	"CREATE TABLE quarantine ("
	" id INTEGER PRIMARY KEY,"
	" boot INTEGER NOT NULL REFERENCES boot(id),"
	" from_sequence INTEGER NOT NULL,"
	" to_sequence INTEGER NOT NULL,"
	" from_ns INTEGER NOT NULL,"
	" to_ns INTEGER NOT NULL,"
	" count INTEGER NOT NULL,"
	" cause INTEGER NOT NULL,"	/* enum quarantine_cause */
	" generation INTEGER,"
	" exits INTEGER,"
	" handling_cycles INTEGER,"
	" away_cycles INTEGER,"
	" idle_cycles INTEGER,"
	" UNIQUE (boot, from_sequence)"
	") STRICT;";

/* How many rows each VM has beside its samples is known at any time: a guest makes them. */
#define COUNT(table, name, event, row, change) \
	"CREATE TRIGGER " name " AFTER " event " ON " table " BEGIN" \
	" UPDATE vm SET beside = beside" change \
	" WHERE id = (SELECT vm FROM boot WHERE id = " row ".boot); END;"

static const char counts[] =
	"ALTER TABLE vm ADD COLUMN beside INTEGER NOT NULL DEFAULT 0;"
	"UPDATE vm SET beside = (SELECT count(*) FROM boot JOIN mark ON mark.boot = boot.id"
	" WHERE boot.vm = vm.id) + (SELECT count(*) FROM boot JOIN gap ON gap.boot = boot.id"
	" WHERE boot.vm = vm.id) + (SELECT count(*) FROM boot JOIN quarantine"
	" ON quarantine.boot = boot.id WHERE boot.vm = vm.id);"
	COUNT("mark", "mark_more", "INSERT", "NEW", " + 1")
	COUNT("mark", "mark_less", "DELETE", "OLD", " - 1")
	COUNT("gap", "gap_more", "INSERT", "NEW", " + 1")
	COUNT("gap", "gap_less", "DELETE", "OLD", " - 1")
	COUNT("quarantine", "quarantine_more", "INSERT", "NEW", " + 1")
	COUNT("quarantine", "quarantine_less", "DELETE", "OLD", " - 1");

/* What is oldest is found without a search. */
static const char ages[] =
	"CREATE INDEX boot_age ON boot (closed_ns);"
	"CREATE INDEX mark_age ON mark (t_ns);"
	"CREATE INDEX gap_age ON gap (to_ns);";

/* How far samples were sent; of a VM that is no more nobody asks. */
static const char sent[] =
	"CREATE TABLE sent ("
	" vm INTEGER NOT NULL,"		/* 0: sending has begun */
	" source INTEGER NOT NULL,"
	" boot INTEGER NOT NULL,"	/* its number */
	" sequence INTEGER NOT NULL,"
	" t_ms INTEGER NOT NULL,"	/* sent.h */
	" lost INTEGER NOT NULL DEFAULT 0,"	/* samples */
	" PRIMARY KEY (vm, source)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TRIGGER sent_forget AFTER DELETE ON vm BEGIN"
	" DELETE FROM sent WHERE vm = OLD.id; END;";

static int write_schema(sqlite3 *db, int64_t from)
{
	char version[128];
	int r = 0;

	if (from == 0)
		r = db_exec(db, vm_and_boot, "cannot make the tables");
	if (from < 2 && r == 0)
		r = db_exec(db, beside_samples, "cannot make the tables");
	if (from < 3 && r == 0)
		r = db_exec(db, samples, "cannot make the tables");
	if (from < 3 && r == 0)
		r = db_exec(db, ages, "cannot make the tables");
	if (from < 3 && r == 0)
		r = db_exec(db, counts, "cannot make the tables");
	if (from > 0 && from < 3 && r == 0)
		r = migrate_samples(db);
	if (from < 4 && r == 0)
		r = db_exec(db, sent, "cannot make the tables");
	if (r < 0)
		return r;
	snprintf(version, sizeof(version), "PRAGMA application_id = %d; PRAGMA user_version = %d;",
		 SCHEMA_APPLICATION_ID, SCHEMA_VERSION);
	return db_exec(db, version, "cannot set the version");
}

/* All of it or nothing: a version is never between two. */
static int migrate(sqlite3 *db, const char *path, int64_t from)
{
	int r = db_exec(db, "PRAGMA journal_mode = WAL", "cannot set the journal's mode");

	if (r == 0)
		r = db_exec(db, "BEGIN IMMEDIATE", "cannot begin");
	if (r == 0)
		r = write_schema(db, from);
	if (r == 0)
		r = db_exec(db, "COMMIT", "cannot commit the tables");
	if (r < 0 && !sqlite3_get_autocommit(db))
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	if (r == -ENOSPC)
		log_error("%s: the disk is full; make room, or name another file", path);
	return r;
}

int schema_prepare(sqlite3 *db, const char *path)
{
	int64_t application_id = 0, version = 0, tables = 0;
	int r;

	r = db_number(db, "PRAGMA application_id", &application_id);
	if (r == 0)
		r = db_number(db, "PRAGMA user_version", &version);
	if (r == 0)
		r = db_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
	if (r < 0)
		return r;
	if (application_id == 0 && version == 0 && tables == 0)
		return migrate(db, path, 0);
	if (application_id != SCHEMA_APPLICATION_ID) {
		log_error("%s is a database of another program; name another file", path);
		return -EBADMSG;
	}
	if (version < 1 || version > SCHEMA_VERSION) {
		log_error("%s has version %lld, this vmexitd knows up to %d; install the newer "
			  "vmexitd, or name another file",
			  path, (long long)version, SCHEMA_VERSION);
		return -EBADMSG;
	}
	if (version == SCHEMA_VERSION)
		return db_exec(db, "PRAGMA journal_mode = WAL", "cannot set the journal's mode");
	log_notice("%s has version %lld; changing it to version %d", path, (long long)version,
		   SCHEMA_VERSION);
	return migrate(db, path, version);
}
