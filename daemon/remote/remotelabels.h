/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The setting remote_write_labels. Logging. */
#ifndef DAEMON_REMOTELABELS_H
#define DAEMON_REMOTELABELS_H

#include "daemon/remote/remotebatch.h"

#define REMOTELABELS_TEXT_MAX 1023

/* The labels of a text, which they point into. */
struct remotelabels {
	char text[REMOTELABELS_TEXT_MAX + 1];
	struct remoteframe_label labels[REMOTEBATCH_LABELS_MAX];
	size_t count;
};

/*
 * @text is NAME=VALUE,... or empty. Returns 0, or -EINVAL having logged why: too many, a name that
 * is none, one that series have already, or one that is there twice.
 */
int remotelabels_parse(const char *text, struct remotelabels *ret_labels);

#endif
