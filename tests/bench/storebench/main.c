/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ../store runs: each command is a process of its own, so that its CPU time is. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest-agent/shared/log.h"
#include "tests/bench/storebench/commands.h"

static const char usage[] =
	"usage: storebench ingest TRACE DATABASE VMS SECONDS\n"
	"       storebench latency DATABASE VMS SECONDS staggered|together\n"
	"       storebench plain TRACE DATABASE SECONDS\n"
	"       storebench jsonl TRACE FILE\n"
	"       storebench query DATABASE\n"
	"       storebench values TRACE\n"
	"TRACE is \"generated\" (24 h), \"generated:SECONDS\" or a recorded database.\n";

static int values(const struct trace *trace)
{
	const struct sample *first = &trace->rows[0].sample;
	const struct sample *last = &trace->rows[trace->count - 1].sample;

	printf("samples=%zu\nvalues=%llu\nfrom_ms=%llu\nto_ms=%llu\n", trace->count,
	       (unsigned long long)trace->values, (unsigned long long)first->t_wall_ns / 1000000,
	       (unsigned long long)last->t_wall_ns / 1000000);
	return 0;
}

static int with_trace(int argc, char **argv)
{
	const char *command = argv[1];
	struct trace trace;
	int r = -EINVAL;

	trace_open(argv[2], &trace);
	if (strcmp(command, "ingest") == 0 && argc == 6)
		r = ingest(&trace, argv[3], atoi(argv[4]), atoi(argv[5]));
	else if (strcmp(command, "plain") == 0 && argc == 5)
		r = plain(&trace, argv[3], atoi(argv[4]));
	else if (strcmp(command, "jsonl") == 0 && argc == 4)
		r = json_lines(&trace, argv[3]);
	else if (strcmp(command, "values") == 0 && argc == 3)
		r = values(&trace);
	trace_done(&trace);
	return r;
}

int main(int argc, char **argv)
{
	int r = -EINVAL;

	log_init("storebench", LOG_NOTICE);
	if (argc == 3 && strcmp(argv[1], "query") == 0)
		r = query_curves(argv[2]);
	else if (argc == 6 && strcmp(argv[1], "latency") == 0)
		r = latency(argv[2], atoi(argv[3]), atoi(argv[4]),
			    strcmp(argv[5], "together") == 0);
	else if (argc >= 3)
		r = with_trace(argc, argv);
	if (r == -EINVAL) {
		fputs(usage, stderr);
		return 2;
	}
	if (r < 0)
		fprintf(stderr, "storebench: %s: %s\n", argv[1], strerror(-r));
	return r < 0;
}
