/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/doctorconfig.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "guest-agent/shared/log.h"

static char complaint[DOCTORSAY_TEXT_MAX];

/* Of two lines the first says what is wrong, the second where. */
static void note_complaint(int level, const char *line)
{
	size_t len = strlen(complaint);

	if (level <= LOG_ERROR)
		(void)snprintf(complaint + len, sizeof(complaint) - len, "%s%s", len ? "; " : "", line);
}

static int load(const char *path, struct config *config)
{
	char option[PATH_MAX + 16];
	char *argv[] = { "vmexitd", option, NULL };
	enum config_action action;
	int r;

	(void)snprintf(option, sizeof(option), "--config=%s", path);
	*complaint = '\0';
	log_divert(note_complaint);
	r = config_load(config, 2, argv, &action);
	log_divert(NULL);
	return r;
}

static void say_wrong(const char *file, int error, struct doctorsay *say)
{
	if (error == -EACCES) {
		doctorsay(say, DOCTOR_UNSEEN, "settings", "%s, which this user may not read", file);
		return;
	}
	doctorsay(say, DOCTOR_PROBLEM, "settings", "the settings in %s are not valid", file);
	doctorsay_why(say, "%s", *complaint ? complaint : strerror(-error));
	doctorsay_fix(say, "%s, then systemctl restart vmexitd",
		      error == -ENOENT ? "name another file with --config"
				       : "correct that line ('man vmexitd.conf')");
}

int doctorconfig_look(const struct doctor_place *place, const char *file, bool named,
		      struct doctorsay *say, struct config *ret_config)
{
	char path[PATH_MAX];
	int r;

	if (!named && !doctorplace_exists(place, file) && errno == ENOENT) {
		doctorsay(say, DOCTOR_OK, "settings", "there is no %s: all settings are the defaults", file);
		return load("/dev/null", ret_config);
	}
	r = load(doctorplace_path(place, file, path, sizeof(path)), ret_config);
	if (r == 0) {
		doctorsay(say, DOCTOR_OK, "settings", "the settings in %s are valid", file);
		return 0;
	}
	if (r == -ENOMEM)
		return r;
	say_wrong(file, r, say);
	config_done(ret_config);
	return load("/dev/null", ret_config);
}
