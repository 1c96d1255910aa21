/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process that draws. Non-logging. */
#ifndef DAEMON_GNUPLOT_H
#define DAEMON_GNUPLOT_H

#include <stddef.h>

/* A pipe takes 64 KiB at once. */
#define GNUPLOT_SCRIPT_MAX 60000

/*
 * Let the program @gnuplot carry out the script @text of up to GNUPLOT_SCRIPT_MAX bytes, with
 * the file @data as its descriptor 4. It gets no more than so much time and memory, and can write no
 * file. Returns 0 with what it wrote to its standard output, which the caller frees; -ETIMEDOUT
 * after 20 s, -ENOENT (no such program), -EIO (it failed), -ENOMEM (it wrote too much) or
 * another -errno.
 */
int gnuplot_run(const char *gnuplot, const char *text, size_t len, int data, char **ret_picture,
		size_t *ret_size);

#endif
