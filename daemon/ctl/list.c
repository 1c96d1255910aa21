/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "daemon/ctl/answer.h"
#include "daemon/ctl/clean.h"
#include "daemon/ctl/client.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/vmnote.h"
#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

#define NAME_COLUMNS 20

static void print_name(const char *untrusted_name)
{
	char text[4096];
	int columns = clean_text(untrusted_name, INT_MAX, text, sizeof(text));

	printf("%s%*s", text, columns < NAME_COLUMNS ? NAME_COLUMNS - columns : 0, "");
}

/* The guest's own view where there is one, else the host's. */
static json_t *best_source(json_t *vm, const char **ret_name)
{
	json_t *guest = json_object_get(vm, "guest");

	*ret_name = "guest";
	if (json_is_integer(json_object_get(guest, "exits")))
		return guest;
	*ret_name = "host";
	return json_object_get(vm, "host");
}

static void print_vm(json_t *vm)
{
	const char *name = "", *state = "", *agent = "", *source;
	json_t *latest = best_source(vm, &source);
	json_t *exits = json_object_get(latest, "exits");
	json_t *rate = json_object_get(latest, "exits_rate");
	json_t *share = json_object_get(latest, "handling_share");
	char note[VMNOTE_MAX], clean[VMNOTE_MAX];

	(void)json_unpack(vm, "{ss,ss,ss}", "name", &name, "state", &state, "agent", &agent);
	print_name(name);
	printf(" %-8s %-12s", state, agent);
	if (json_is_integer(exits))
		printf(" %14lld", (long long)json_integer_value(exits));
	else
		printf(" %14s", "-");
	if (json_is_real(rate) && strcmp(state, "running") == 0)
		printf(" %11.1f", json_real_value(rate));
	else
		printf(" %11s", "-");
	if (json_is_real(share) && strcmp(state, "running") == 0)
		printf(" %9.2f%%", 100 * json_real_value(share));
	else
		printf(" %10s", "-");
	printf("  %s", json_is_integer(exits) ? source : "-");
	vmnote_text(vm, note, sizeof(note));
	if (*note)
		clean_text(note, INT_MAX, clean, sizeof(clean));
	printf("%s%s\n", *note ? "  " : "", *note ? clean : "");
}

static int print_table(const char *text)
{
	json_t *root = json_loads(text, 0, NULL);
	json_t *vms = json_object_get(root, "vms");
	json_t *vm;
	size_t i;

	if (!json_is_array(vms)) {
		log_error("vmexitd's answer is not understood; are both of one version?");
		json_decref(root);
		return 1;
	}
	printf("%-*s %-8s %-12s %14s %11s %10s  %s\n", NAME_COLUMNS, "NAME", "STATE", "AGENT", "EXITS",
	       "EXITS/S", "HANDLING", "SOURCE");
	json_array_foreach(vms, i, vm)
		print_vm(vm);
	json_decref(root);
	return 0;
}

static int run(const struct command_context *ctx, int argc, char **argv)
{
	_cleanup_free_ char *text = NULL;

	(void)argc, (void)argv;
	if (client_get(ctx->socket, "/api/v1/vms", &text) < 0)
		return 1;
	if (ctx->json)
		return answer_print(text) < 0 ? 1 : 0;
	return print_table(text);
}

const struct command command_list = {
	.name = "list",
	.words = "",
	.help = "VMs with their state and latest exit rate",
	.run = run,
};
