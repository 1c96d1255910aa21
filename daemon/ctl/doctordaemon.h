/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmexitd itself, and whether this user may ask it: for vmexitctl doctor. Non-logging. */
#ifndef DAEMON_CTL_DOCTORDAEMON_H
#define DAEMON_CTL_DOCTORDAEMON_H

#include <jansson.h>

#include "daemon/base/config.h"
#include "daemon/ctl/doctorask.h"
#include "daemon/ctl/doctorplace.h"
#include "daemon/ctl/doctorsay.h"

/* Who asks. */
struct doctor_user {
	bool is_root;
	bool has_group;			/* there is a group vmexit */
	bool in_group;			/* of which this process is a member */
	bool will_be;			/* its user is, after the next login */
	char name[64];
};

struct doctor_user doctordaemon_user(void);

/* Whether there is a unit, and then the user that it runs vmexitd as, if there is that one. */
bool doctordaemon_service_user(const struct doctor_place *place, uid_t *ret_uid);

/* The unit: installed, enabled. */
void doctordaemon_look_at_unit(const struct doctor_place *place, struct doctorsay *say);

/*
 * What became of connecting to @socket: @error is 0 or -errno. @page: its page answers all the
 * same. True if there is a daemon to be asked.
 */
bool doctordaemon_look_at_socket(const struct doctor_place *place, const char *socket, int error,
				 bool page, const struct doctor_user *user, struct doctorsay *say);

/* Its own words: @daemon is /api/v1/daemon, @health /healthz; NULL: there is none. */
void doctordaemon_look_at_answers(const struct doctor_place *place, json_t *daemon, json_t *health,
				  const char *why, struct doctorsay *say);

/* The page at @config's address; @error is 0 or why it does not answer, if it was asked. */
void doctordaemon_look_at_page(const struct config *config, bool asked, const char *error,
			       struct doctorsay *say);

/* Whether @gnuplot, a program or its path, is in one of the directories of @path ($PATH). */
void doctordaemon_look_at_gnuplot(const struct doctor_place *place, const char *gnuplot, const char *path,
				  struct doctorsay *say);

/* Samples that go elsewhere: @remote is /api/v1/remote; NULL: this daemon has none. */
void doctordaemon_look_at_remote(json_t *remote, struct doctorsay *say);

#endif
