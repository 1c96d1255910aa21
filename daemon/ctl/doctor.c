/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/base/config.h"
#include "daemon/ctl/client.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/doctorask.h"
#include "daemon/ctl/doctorclock.h"
#include "daemon/ctl/doctorconfig.h"
#include "daemon/ctl/doctordaemon.h"
#include "daemon/ctl/doctorkernel.h"
#include "daemon/ctl/doctorlibvirt.h"
#include "daemon/ctl/doctorplace.h"
#include "daemon/ctl/doctorprint.h"
#include "daemon/ctl/doctorsay.h"
#include "daemon/ctl/doctorstore.h"
#include "daemon/ctl/doctorvm.h"
#include "guest-agent/shared/log.h"

#define GAPS_S 3600

/* The service's $PATH, whatever this user's is. */
#define SERVICE_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum { OPTION_CONFIG, OPTION_QUIET };

static const struct command_option options[] = {
	[OPTION_CONFIG] = { "config", 0, "FILE", "vmexitd's settings [" CONFIG_DEFAULT_FILE "]" },
	[OPTION_QUIET] = { "quiet", 'q', NULL, "only what is not well" },
	{ 0 },
};

struct doctor {
	struct doctor_place place;
	struct doctorsay say;
	struct config config;		/* as the daemon has it, if that can be asked */
	struct doctorask ask;
	json_t *daemon, *vms;		/* of its API; NULL: nobody to ask, or it has none */
	struct survey survey;
	const char *only;		/* the VM that was named, or NULL */
};

/* ---- the daemon ---- */

static json_t *get(struct doctor *d, const char *path)
{
	long status;
	json_t *answer = doctorask_get(&d->ask, path, &status);

	if (status == 200)
		return answer;
	json_decref(answer);
	return NULL;
}

/* A text that the daemon has otherwise than the file. */
static void take_setting(char **slot, json_t *daemon, const char *key)
{
	json_t *value = json_object_get(daemon, key);
	const char *text = json_is_null(value) ? "off" : json_string_value(value);
	char *copy = text ? strdup(text) : NULL;

	if (!copy)
		return;
	free(*slot);
	*slot = copy;
}

/*
 * "qemu:///system": other URIs of libvirt may name a program to run, which is not for vmexitd's
 * user to choose when root asks.
 */
static bool is_plain_uri(const char *uri)
{
	size_t scheme = strspn(uri, "abcdefghijklmnopqrstuvwxyz");

	return scheme > 0 && strncmp(uri + scheme, ":///", 4) == 0 &&
	       uri[scheme + 4 + strspn(uri + scheme + 4, "abcdefghijklmnopqrstuvwxyz")] == '\0';
}

static void take_settings(struct doctor *d)
{
	json_t *libvirt = json_object_get(d->daemon, "libvirt");

	if (!d->daemon)
		return;
	take_setting(&d->config.database, d->daemon, "database");
	take_setting(&d->config.listen, d->daemon, "listen");
	if (json_is_null(libvirt))
		take_setting(&d->config.libvirt, d->daemon, "libvirt");
	else if (is_plain_uri(doctorask_text(libvirt, "uri")))
		take_setting(&d->config.libvirt, libvirt, "uri");
}

/* Whether the page answers, and if not, why. */
static bool try_page(struct doctor *d, const char **ret_why)
{
	static char why[sizeof(d->ask.why)];
	struct doctorask ask = { 0 };
	json_t *health = NULL;
	long status = 0;

	if (doctorask_open_page(&ask, d->config.listen) == 0)
		health = doctorask_get(&ask, "/healthz", &status);
	(void)snprintf(why, sizeof(why), "%s",
		       status == 0		       ? ask.why :
		       json_object_get(health, "version") ? "" :
							 "another program answers there");
	json_decref(health);
	doctorask_done(&ask);
	*ret_why = why;
	return !*why;
}

static void look_at_daemon(struct doctor *d, const char *socket)
{
	struct doctor_user user = doctordaemon_user();
	bool has_page = strcmp(d->config.listen, "off") != 0, asked, page;
	const char *page_why = "";
	json_t *health, *remote;
	long status;
	int error = doctorask_open(&d->ask, socket);

	page = error < 0 && has_page && try_page(d, &page_why);
	asked = doctordaemon_look_at_socket(&d->place, socket, error, page, &user, &d->say);
	if (asked && error < 0)
		(void)doctorask_open_page(&d->ask, d->config.listen);
	if (!asked || !d->ask.link) {
		doctordaemon_look_at_page(&d->config, false, "", &d->say);
		return;
	}
	health = doctorask_get(&d->ask, "/healthz", &status);
	d->daemon = health ? get(d, "/api/v1/daemon") : NULL;
	doctordaemon_look_at_answers(&d->place, d->daemon, health, d->ask.why, &d->say);
	if (error == 0)
		take_settings(d);
	if (health) {
		if (error == 0 && strcmp(d->config.listen, "off") != 0)
			(void)try_page(d, &page_why);
		doctordaemon_look_at_page(&d->config, true, page_why, &d->say);
		remote = get(d, "/api/v1/remote");
		doctordaemon_look_at_remote(remote, &d->say);
		json_decref(remote);
		d->vms = get(d, "/api/v1/vms");
	} else {
		doctorask_done(&d->ask);
	}
	json_decref(health);
}

static void look_at_store(struct doctor *d)
{
	struct doctor_disk disk;
	bool known = doctorstore_disk(&d->place, d->config.database, &disk) == 0;
	json_t *uid = json_object_get(d->daemon, "uid");
	struct doctor_owner owner = { .runs = json_is_integer(uid), .uid = json_integer_value(uid) };

	owner.has_uid = owner.runs || doctordaemon_service_user(&d->place, &owner.uid);
	doctorstore_look(&d->place, &d->config, known ? &disk : NULL, &owner, &d->say);
}

/* ---- VMs ---- */

static void look_at_libvirt(struct doctor *d)
{
	const char *uri = d->config.libvirt;
	int r = strcmp(uri, "off") == 0 ? 0 : doctorlibvirt_ask(uri, &d->survey);

	doctorlibvirt_look(uri, r, &d->survey, d->daemon, &d->say);
}

static bool is_wanted(const struct doctor *d, const char *id, const char *name)
{
	return !d->only || strcmp(d->only, id) == 0 || strcmp(d->only, name) == 0;
}

/* @domain or @vm may be NULL. */
static void look_at_vm(struct doctor *d, const struct survey_domain *domain, json_t *vm)
{
	const char *id = doctorask_text(vm, "id");
	json_t *libvirt = json_object_get(d->daemon, "libvirt");
	struct doctor_vm v = {
		.domain = domain,
		.vm = vm,
		.watched = domain && json_is_true(json_object_get(libvirt, "connected")),
		.telemetry = doctorkernel_telemetry(&d->place),
	};
	char params[64];
	long status;

	(void)snprintf(params, sizeof(params), "?from=%lld", (long long)time(NULL) - GAPS_S);
	if (*id && strcmp(doctorask_text(vm, "state"), "running") == 0) {
		v.boots = doctorask_vm(&d->ask, id, "boots", "", &status);
		v.gaps = doctorask_vm(&d->ask, id, "gaps", params, &status);
	}
	doctorvm_look(&v, &d->say);
	json_decref(v.boots);
	json_decref(v.gaps);
}

/* The daemon's entry of a domain. */
static json_t *find_vm(const struct doctor *d, const char *id)
{
	json_t *vm;
	size_t i;

	json_array_foreach(json_object_get(d->vms, "vms"), i, vm) {
		if (strcmp(doctorask_text(vm, "id"), id) == 0)
			return vm;
	}
	return NULL;
}

static void look_at_vms(struct doctor *d)
{
	size_t looked = 0, i;
	json_t *vm;

	for (i = 0; i < d->survey.count; i++) {
		const struct survey_domain *domain = &d->survey.domains[i];

		if (!is_wanted(d, domain->uuid, domain->name))
			continue;
		look_at_vm(d, domain, find_vm(d, domain->uuid));
		looked++;
	}
	/* Those that libvirt does not have, or that it could not be asked for. */
	json_array_foreach(json_object_get(d->vms, "vms"), i, vm) {
		const char *id = doctorask_text(vm, "id");
		bool runs = strcmp(doctorask_text(vm, "state"), "stopped") != 0;

		if (survey_find(&d->survey, id) || !is_wanted(d, id, doctorask_text(vm, "name")) ||
		    (!runs && !d->only))
			continue;
		look_at_vm(d, NULL, vm);
		looked++;
	}
	if (!d->only || looked > 0)
		return;
	d->say.subject = "VMs";
	doctorsay(&d->say, DOCTOR_PROBLEM, "known", "there is no VM '%s'", d->only);
	doctorsay_why(&d->say, "neither libvirt nor vmexitd has one of that name, as far as they could be asked");
	doctorsay_fix(&d->say, "vmexitctl list, or virsh list --all, shows those there are");
}

static void done(struct doctor *d)
{
	json_decref(d->daemon);
	json_decref(d->vms);
	doctorask_done(&d->ask);
	survey_done(&d->survey);
	config_done(&d->config);
	doctorsay_done(&d->say);
}

/* The socket that was named, else that of the settings. */
static const char *socket_of(const struct command_context *ctx, const struct config *config)
{
	bool named = strcmp(ctx->socket, CLIENT_DEFAULT_SOCKET) != 0;

	return named || strcmp(config->api_socket, "off") == 0 ? ctx->socket : config->api_socket;
}

static int run(const struct command_context *ctx, int argc, char **argv)
{
	const char *file = ctx->values[OPTION_CONFIG];
	bool quiet = ctx->values[OPTION_QUIET];
	struct doctor d = { .only = argc > 0 ? argv[0] : NULL };
	struct doctor_clock clock;
	int status;

	doctorplace_init(&d.place);
	doctorkernel_look(&d.place, &d.say);
	doctordaemon_look_at_unit(&d.place, &d.say);
	if (doctorconfig_look(&d.place, file ? file : CONFIG_DEFAULT_FILE, file, &d.say, &d.config) < 0) {
		log_error("out of memory");
		done(&d);
		return 1;
	}
	look_at_daemon(&d, socket_of(ctx, &d.config));
	doctordaemon_look_at_gnuplot(&d.place, d.config.gnuplot, SERVICE_PATH, &d.say);
	look_at_store(&d);
	look_at_libvirt(&d);
	clock = doctorclock_read();
	doctorclock_look(&clock, &d.say);
	look_at_vms(&d);
	status = doctorsay_count(&d.say, DOCTOR_PROBLEM) > 0;
	if (!ctx->json)
		doctorprint_text(&d.say, quiet, d.place.is_root);
	else if (doctorprint_json(&d.say, quiet) < 0)
		status = 1;
	done(&d);
	return status;
}

const struct command command_doctor = {
	.name = "doctor",
	.words = "[VM]",
	.words_max = 1,
	.help = "what is wrong with kernel, daemon, VMs, and how to mend it",
	.about = "Each line is ok, a note (it works, with less than there could be), a PROBLEM, or\n"
		 "unseen (this user may not look). The status is 1 if there is a problem.",
	.options = options,
	.run = run,
};
