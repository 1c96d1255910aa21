/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What there is to say about the exits of a boot or of a range of time, as report.h reads it.
 *
 * Everything here is bounded: a day of samples a second is read as fine as it is, longer ranges
 * from rollups, and lists end where the constants say.
 */
#ifndef DAEMON_REPORTDATA_H
#define DAEMON_REPORTDATA_H

#include "daemon/query/phases.h"
#include "daemon/report/findings.h"
#include "daemon/report/ratecurve.h"
#include "daemon/report/stack.h"
#include "daemon/report/sums.h"

#define REPORT_BURSTS 8		/* that are looked at more closely */
#define REPORT_NAMES 5		/* of each kind, in a burst */
#define REPORT_MARKS_MAX 10000	/* that are looked at */
#define REPORT_INTERVALS 40	/* that are told of */
#define REPORT_BOOTS 16		/* likewise */

/* What the guest or somebody marked; times are seconds since the epoch. */
struct report_mark {
	char label[PROTO_LABEL_MAX + 1];	/* untrusted text of a guest */
	uint64_t sequence;
	bool instant;			/* from is to */
	bool is_open;			/* its end did not come yet */
	bool has_status;
	uint32_t status;
	double from, to;
	struct ratecurve_part part;	/* what was counted meanwhile, in this range */
};

/* How often a reason came in a burst and in the rest of the range, a second. */
struct report_contrast {
	uint32_t number;
	double rate, elsewhere;
};

struct report_burst {
	struct burst burst;
	const struct report_mark *marks[REPORT_NAMES];
	size_t marks_count, marks_all;	/* told of; overlapping */
	struct sums_name processes[REPORT_NAMES], units[REPORT_NAMES];
	size_t processes_count, units_count;
	struct report_contrast reasons[REPORT_NAMES];	/* what grew most first */
	size_t reasons_count;
};

enum report_stability {
	REPORT_UNKNOWN,			/* too short to say, or nothing counted */
	REPORT_STEADY,
	REPORT_UNEVEN,
	REPORT_BURSTY,
};

/* Thresholds of the above: vmexit-http(7) says how they are used. */
#define REPORT_BURSTY_SHARE 0.1
#define REPORT_BURSTY_VARIATION 1.0
#define REPORT_STEADY_VARIATION 0.25

/* What is known to be missing, or not believed, of the source that the report is by. */
struct report_limits {
	size_t gaps;
	double gap_s;			/* of the range */
	uint64_t gap_samples;		/* as far as it is known how many */
	size_t gap_causes[GAP_DISK + 1];
	size_t quarantines;
	uint64_t quarantined_samples;
	int quarantine_cause;		/* the latest */
};

struct report {
	struct query_vm vm;
	bool has_boot;			/* else it is of a range over boots */
	bool is_part;			/* of a boot: from or to was given */
	struct boot boot;
	struct boot boots[REPORT_BOOTS];	/* in the range, newest first */
	size_t boots_count, boots_all;
	bool has_source;		/* else there are no exits in the range */
	enum sample_source source;
	struct query_span spans[SOURCES];	/* of the boot */
	bool has_span[SOURCES];
	double from, to;		/* seconds since the epoch; of what was counted */
	bool complete;			/* from the boot's first exit on, nothing is missing */
	uint64_t exits;			/* with those over gaps */
	struct sums sums;		/* of source */
	struct sums guest;		/* of the guest's own samples */
	struct ratecurve curve;
	struct bursts bursts;
	double burst_share;		/* of all exits, above the base rate */
	enum report_stability stability;
	double variation;		/* standard deviation of the rate by its mean */
	struct report_burst burst[REPORT_BURSTS];	/* the largest, by time */
	size_t burst_count;
	bool has_reasons;
	struct totals totals;		/* by reason, most frequent first; without what did not occur */
	struct stack stack;
	bool has_phases;
	struct phases phases;
	struct report_mark *marks;	/* by begin */
	size_t marks_count;
	const struct report_mark *intervals[REPORT_INTERVALS];	/* the longest, by begin */
	size_t intervals_count, intervals_all;
	struct report_limits limits;
	struct finding findings[FINDINGS_RULES_COUNT];
	size_t findings_count;
};

#endif
