/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/commands.h"

#include <string.h>

#include "daemon/ctl/client.h"
#include "daemon/ctl/command.h"

const struct command *const commands_all[] = {
	&command_list,
	&command_top,
	&command_attach,
	&command_detach,
	&command_rate,
	&command_graph,
	&command_report,
	&command_compare,
	&command_marks,
	&command_correlate,
	&command_attribution,
	&command_export,
	&command_import,
	&command_sql,
	&command_backup,
	&command_doctor,
	&command_complete,
	NULL,
};

const struct command_option commands_options[] = {
	{ "json", 'j', NULL, "print one JSON document instead of words" },
	{ "socket", 's', "FILE", "vmexitd's socket [" CLIENT_DEFAULT_SOCKET "]" },
	{ "help", 'h', NULL, "this text; behind a command, that command's" },
	{ "version", 'V', NULL, "version" },
	{ 0 },
};

const struct command *commands_find(const char *name)
{
	for (size_t i = 0; commands_all[i]; i++) {
		if (strcmp(commands_all[i]->name, name) == 0)
			return commands_all[i];
	}
	return NULL;
}

size_t commands_count_options(const struct command_option *options)
{
	size_t count = 0;

	while (options && options[count].name)
		count++;
	return count;
}
