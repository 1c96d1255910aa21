/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Boots of any VMs beside each other, phase by phase. Logging (database errors only). */
#ifndef DAEMON_COMPARE_H
#define DAEMON_COMPARE_H

#include "daemon/query/phases.h"

#define COMPARE_MIN 2
#define COMPARE_MAX 8
/* More rows than any two kinds of CPU have; what counts less is left out. */
#define COMPARE_REASONS_MAX 512

struct compare {
	enum sample_source source;	/* of all of them */
	size_t count;
	struct phases boots[COMPARE_MAX];
};

/*
 * Of @count boots (up to COMPARE_MAX) what the first of @sources (1 << enum sample_source, 0:
 * all, as phases_tries has them) counted that has samples of all of them. Returns 0 with what
 * compare_free() frees, -ENOENT with the index of a boot that lacks each source in
 * @ret_lacks, or -errno.
 */
int compare_read(struct query *query, const struct boot *boots, size_t count, unsigned int sources,
		 size_t ret_lacks[SOURCES], struct compare **ret_compare);
void compare_free(struct compare *compare);

/* One phase of each boot, NULL where a boot has none. False: no boot has it. */
bool compare_parts(const struct compare *compare, enum bootphase name,
		   const struct phases_part *ret_parts[COMPARE_MAX]);

/* The whole of each boot. */
void compare_totals(const struct compare *compare,
		    const struct phases_part *ret_parts[COMPARE_MAX]);

/*
 * One exit reason, which numbers and namespace tell together, in a part of each boot. NULL where
 * a boot's reasons are of another namespace, not known, or the part is not there; zeros where it
 * did not occur.
 */
struct compare_reason {
	uint32_t reason_namespace, number;
	const struct totals_reason *of[COMPARE_MAX];
};

/*
 * The reasons of @parts, those with the largest count in any of them first. Returns 0 with a list
 * that the caller frees and that is valid as long as @compare, or -ENOMEM.
 */
int compare_reasons(const struct compare *compare, const struct phases_part *const *parts,
		    struct compare_reason **ret_reasons, size_t *ret_count);

#endif
