/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/widecolumns.h"

#include "guest-agent/shared/workload.h"

#define FIELD(name, put, field) { name, put, KEY_FIELD, field }
#define TEXT(name, text) { name, WIDE_TEXT, 0, text }

/* The first ones are known to many a script: new ones go behind the workload's. */
const struct wide_column wide_columns[] = {
	FIELD("time", WIDE_TIME, FIELD_T_NS),
	FIELD("epoch_s", WIDE_EPOCH, FIELD_T_NS),
	TEXT("vm", WIDE_TEXT_VM),
	TEXT("boot", WIDE_TEXT_BOOT),
	TEXT("source", WIDE_TEXT_SOURCE),
	FIELD("sequence", WIDE_NUMBER, FIELD_SEQUENCE),
	FIELD("uptime_s", WIDE_CUT, FIELD_T_BOOT_NS),
	FIELD("exits", WIDE_NUMBER, FIELD_EXITS),
	FIELD("handling_cycles", WIDE_NUMBER, FIELD_HANDLING),
	TEXT("tsc_khz", WIDE_TEXT_TSC),
	TEXT("vcpus", WIDE_TEXT_VCPUS),
	FIELD("away_cycles", WIDE_NUMBER, FIELD_AWAY),
	FIELD("idle_cycles", WIDE_NUMBER, FIELD_IDLE),
	FIELD("agent_exits", WIDE_NUMBER, FIELD_AGENT_EXITS),
	FIELD("taken", WIDE_NUMBER, FIELD_TAKEN),
	FIELD("clock_error_s", WIDE_NANOS, FIELD_CLOCK_ERROR_NS),
	FIELD("interval_s", WIDE_MICROS, FIELD_INTERVAL_US),
#define X(identifier, type, unit) \
	{ #identifier, WIDE_NUMBER, KEY_WORKLOAD, WORKLOAD_##identifier },
	WORKLOAD_MAP(X)
#undef X
	FIELD("t_ns", WIDE_SIGNED, FIELD_T_NS),
	FIELD("t_boot_ns", WIDE_NUMBER, FIELD_T_BOOT_NS),
	FIELD("pace", WIDE_NUMBER, FIELD_PACE),
	FIELD("after_gap", WIDE_FLAG, FIELD_GAP),
	TEXT("vm_name", WIDE_TEXT_NAME),
	TEXT("boot_cause", WIDE_TEXT_CAUSE),
	TEXT("boot_opened_ns", WIDE_TEXT_OPENED),
	TEXT("boot_closed_ns", WIDE_TEXT_CLOSED),
	TEXT("boot_created_ns", WIDE_TEXT_CREATED),
	TEXT("boot_generation", WIDE_TEXT_GENERATION),
	TEXT("reason_namespace", WIDE_TEXT_NAMESPACE),
};

const size_t wide_columns_count = sizeof(wide_columns) / sizeof(wide_columns[0]);
