/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmexit-agent: samples a guest's VM exits and workload, and sends them to its host. */
#include <stdio.h>

#include "guest-agent/agent.h"
#include "guest-agent/command/mark.h"
#include "guest-agent/command/read.h"
#include "guest-agent/command/run.h"
#include "guest-agent/footprint.h"
#include "guest-agent/options.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/version.h"

/* Too large for a stack of unknown size. */
static struct agent agent;

static int send_samples(const struct options *options, char *argv0)
{
	int r = agent_init(&agent, &options->agent, argv0);

	footprint_shrink();
	if (r == 0) {
		while (agent_step(&agent))
			;
		agent_finish(&agent);
	}
	agent_done(&agent);
	return r < 0 ? 1 : 0;
}

static int run(const struct options *options)
{
	const struct run_options run_options = {
		.socket = options->agent.socket.path,
		.label = options->label,
		.json = options->json,
		.command = options->arguments,
	};

	return run_command(&run_options);
}

int main(int argc, char **argv)
{
	struct options options;

	log_init("vmexit-agent", LOG_NOTICE);
	if (options_parse(&options, argc, argv) < 0) {
		fputs("Try 'vmexit-agent --help'.\n", stderr);
		return 2;
	}
	if (options.verbose)
		log_init("vmexit-agent", LOG_INFO);
	switch (options.action) {
	case OPTIONS_HELP:
		options_print_help();
		return 0;
	case OPTIONS_VERSION:
		puts("vmexit-agent " VMEXIT_AGENT_VERSION);
		return 0;
	case OPTIONS_READ:
		return read_leaf(options.json);
	case OPTIONS_MARK:
		return mark_text(options.agent.socket.path, options.arguments[0], options.phase);
	case OPTIONS_RUN:
		return run(&options);
	case OPTIONS_AGENT:
		break;
	}
	return send_samples(&options, argv[0]);
}
