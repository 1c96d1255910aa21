/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What goes together with exits as JSON, as vmexit-http(7) says. Non-logging. */
#ifndef DAEMON_JSONCORRELATE_H
#define DAEMON_JSONCORRELATE_H

#include "daemon/query/attribution.h"
#include "daemon/query/correlate.h"

/* Whose numbers they are. */
struct jsoncorrelate {
	const struct query_vm *vm;
	uint32_t boot;			/* number; 0: a range over boots */
	enum sample_source source;
	uint32_t reason_namespace;
};

/* Each returns 0 with a string that the caller frees, or -ENOMEM. */

/* The first @limit pairs. */
int jsoncorrelate_pairs(const struct jsoncorrelate *about, const struct correlate *correlate,
			size_t limit, char **ret_text);
int jsoncorrelate_scatter(const struct jsoncorrelate *about,
			  const struct correlate_scatter *scatter, char **ret_text);
int jsoncorrelate_attribution(const struct jsoncorrelate *about, enum attribution_by by,
			      const struct attribution *attribution, char **ret_text);

/* The word for @by, NULL beyond the last. */
const char *jsoncorrelate_by(enum attribution_by by);

#endif
