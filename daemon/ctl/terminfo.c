/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/terminfo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-agent/shared/log.h"

/* Behind all others, as its macros would take their names. */
#include <curses.h>
#include <term.h>

static const char *capability(const char *name)
{
	const char *text = tigetstr(name);

	return text && text != (const char *)-1 ? text : NULL;
}

static void note_restore(char *text, size_t size)
{
	static const char *const names[] = { "sgr0", "cnorm", "rmkx", "rmcup" };

	*text = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *what = capability(names[i]);

		if (what && strlen(text) + strlen(what) < size)
			strcat(text, what);
	}
}

int terminfo_check(char *ret_restore, size_t size)
{
	const char *term = getenv("TERM");
	bool can;
	int error;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		log_error("this is no terminal; --batch prints instead");
		return -ENOTTY;
	}
	if (setupterm(NULL, STDOUT_FILENO, &error) != OK) {
		log_error("the kind of terminal '%.40s' is not known; set TERM, or --batch prints "
			  "instead", term ? term : "");
		return -ENOTTY;
	}
	can = capability("cup");
	note_restore(ret_restore, size);
	(void)del_curterm(cur_term);
	if (can)
		return 0;
	log_error("the terminal '%.40s' cannot place its cursor; set TERM, or --batch prints instead",
		  term ? term : "");
	return -ENOTTY;
}
