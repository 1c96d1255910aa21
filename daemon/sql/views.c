/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/sql/views.h"

#define TIME(ns) "strftime('%Y-%m-%dT%H:%M:%fZ', (" ns ") / 1e9, 'unixepoch')"
#define SOURCE(column) "iif(" column " = 0, 'guest', 'host')"

/* The boot of a row s, in words; t_ns is what a statement is limited by. */
#define IN_WORDS \
	"v.name AS vm, b.number AS boot, " SOURCE("s.source") " AS source, " TIME("s.t_ns") \
	" AS time, (s.t_ns - b.opened_ns) / 1e9 AS boot_s"
#define WHOSE IN_WORDS ", s.t_ns"
#define FROM_BOOT " JOIN main.boot b ON b.id = s.boot JOIN main.vm v ON v.id = b.vm"

/* Rows of sample_value of one kind. */
#define VALUES(kind) "sample_value s" FROM_BOOT " WHERE s.kind = '" kind "'"

/* A share of all vCPUs' time: cycles a second by what there are. */
#define SHARE(cycles) \
	"(s." cycles " - s.before_" cycles ") / (s.t_ns - s.before_ns) * 1e6 / b.tsc_khz / b.vcpus"

const char views_sql[] =
	"CREATE TEMP VIEW vms AS SELECT id, key, name,"
	" CASE state WHEN 1 THEN 'running' WHEN 2 THEN 'paused' WHEN 3 THEN 'stopped'"
	" ELSE 'unknown' END AS state FROM main.vm;"

	"CREATE TEMP VIEW boots AS SELECT v.name AS vm, b.number AS boot, b.id AS id,"
	" CASE b.cause WHEN 0 THEN 'found' WHEN 1 THEN 'created' WHEN 2 THEN 'reboot'"
	" WHEN 3 THEN 'guest' ELSE 'resumed' END AS cause, " TIME("b.opened_ns") " AS opened, "
	TIME("b.closed_ns") " AS closed, b.kernel, b.agent, b.vcpus, b.tsc_khz"
	" FROM main.boot b JOIN main.vm v ON v.id = b.vm;"

	"CREATE TEMP VIEW marks AS SELECT v.name AS vm, b.number AS boot, " TIME("m.t_ns")
	" AS time, (m.t_ns - b.opened_ns) / 1e9 AS boot_s,"
	" CASE m.kind WHEN 1 THEN 'instant' WHEN 2 THEN 'begin' WHEN 3 THEN 'end'"
	" WHEN 4 THEN 'phase' END AS kind,"
	" m.label, m.status FROM main.mark m JOIN main.boot b ON b.id = m.boot"
	" JOIN main.vm v ON v.id = b.vm;"

	"CREATE TEMP VIEW gaps AS SELECT v.name AS vm, b.number AS boot, " SOURCE("g.source")
	" AS source, " TIME("g.from_ns") " AS since, " TIME("g.to_ns") " AS until,"
	" (g.to_ns - g.from_ns) / 1e9 AS seconds, g.count AS samples, g.cause"
	" FROM main.gap g JOIN main.boot b ON b.id = g.boot JOIN main.vm v ON v.id = b.vm;"

	"CREATE TEMP VIEW samples AS SELECT " IN_WORDS ", s.* FROM sample s" FROM_BOOT ";"

	"CREATE TEMP VIEW rates AS SELECT " WHOSE ", (s.t_ns - s.before_ns) / 1e9 AS seconds,"
	" (s.exits - s.before_exits) * 1e9 / (s.t_ns - s.before_ns) AS exits_per_s, "
	SHARE("handling_cycles") " AS handling_share, " SHARE("away_cycles") " AS away_share"
	" FROM (SELECT boot, source, t_ns, exits, handling_cycles, away_cycles, after_gap,"
	" lag(t_ns) OVER w AS before_ns, lag(exits) OVER w AS before_exits,"
	" lag(handling_cycles) OVER w AS before_handling_cycles,"
	" lag(away_cycles) OVER w AS before_away_cycles"
	" FROM sample WINDOW w AS (PARTITION BY boot, source ORDER BY sequence)) s" FROM_BOOT
	" WHERE s.before_ns < s.t_ns AND NOT s.after_gap;"

	"CREATE TEMP VIEW reasons AS SELECT " WHOSE ", s.id AS number,"
	" coalesce(vmexit_reason(b.reason_namespace, s.id), s.id) AS reason, s.value AS exits"
	" FROM " VALUES("reason_exits") ";"

	"CREATE TEMP VIEW vcpus AS SELECT " WHOSE ", s.id AS vcpu, s.value AS exits FROM "
	VALUES("vcpu_exits") ";"

	"CREATE TEMP VIEW processes AS SELECT " WHOSE ", s.id AS pid, s.name AS command,"
	" s.value / 1e6 AS cpu_s FROM " VALUES("process_cpu_us") ";"

	"CREATE TEMP VIEW units AS SELECT " WHOSE ", s.name AS unit, s.value / 1e6 AS cpu_s FROM "
	VALUES("unit_cpu_us") ";";
