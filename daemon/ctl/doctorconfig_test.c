/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/doctorconfig.h"

#include "daemon/ctl/testplace.h"
#include "guest-agent/shared/tap.h"

#define FILE_NAME "/etc/vmexit/vmexitd.conf"

static struct config config;

static int look(const char *text, bool named)
{
	int r;

	config_done(&config);
	testplace_clear();
	if (text)
		testplace_put(FILE_NAME, text);
	r = doctorconfig_look(&place, FILE_NAME, named, &said, &config);
	return r == 0 && config.database;
}

int main(void)
{
	ok(look(NULL, false) && testplace_said("settings", DOCTOR_OK, "defaults"), "no file: the defaults");
	ok(look("database = /srv/x.db\n", false) && testplace_said("settings", DOCTOR_OK, "valid") &&
		   strcmp(config.database, "/srv/x.db") == 0,
	   "a file with a setting");
	ok(look("database = /srv/x.db\nkeep_samples = 5\n", false) &&
		   testplace_said("settings", DOCTOR_PROBLEM, "keep_samples = '5' is not an age") &&
		   strcmp(config.database, "/var/lib/vmexit/vmexit.db") == 0,
	   "what is wrong in it; and then the defaults");
	ok(testplace_said("settings", DOCTOR_PROBLEM, "line 2"), "and where that is");
	ok(look("[daemon]\nlisten = off\n", false) &&
		   testplace_said("settings", DOCTOR_PROBLEM, "section [daemon] is not known"),
	   "a section");
	ok(look("no_such = 1\n", false) && testplace_said("settings", DOCTOR_PROBLEM, "'no_such'"),
	   "a setting that there is none of");
	ok(look(NULL, true) && testplace_said("settings", DOCTOR_PROBLEM, "--config"),
	   "a file that was named, and is not there");
	config_done(&config);
	testplace_end();
	return done_testing();
}
