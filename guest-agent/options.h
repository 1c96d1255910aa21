/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Settings and command line of vmexit-agent: one table feeds the option parser, the
 * file and --help. Logging.
 */
#ifndef GUEST_AGENT_OPTIONS_H
#define GUEST_AGENT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "guest-agent/pace.h"
#include "guest-agent/sampler.h"

#define OPTIONS_DEFAULT_FILE "/etc/vmexit/agent.conf"
#define OPTIONS_RING_MAX 65536
#define OPTIONS_TEXT_MAX 512		/* of all settings that are text */

enum options_action { OPTIONS_RUN, OPTIONS_READ, OPTIONS_HELP, OPTIONS_VERSION };

struct options {
	enum options_action action;
	struct pace_settings pace;
	struct sampler_settings sampler;
	unsigned int buffer_s;		/* what is not committed is kept so long */
	const char *port;		/* NULL: find it */
	bool json;
	bool verbose;
	/* Where texts are; so it is not to be copied. */
	char text[OPTIONS_TEXT_MAX];
	size_t text_len;
};

/*
 * Defaults, then the file's settings (--config, else OPTIONS_DEFAULT_FILE if it
 * exists), then the options'. Returns 0, or -EINVAL or what reading the file gave,
 * after saying why.
 */
int options_parse(struct options *options, int argc, char **argv);
void options_print_help(void);

#endif
