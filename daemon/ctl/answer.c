/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/answer.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "daemon/ctl/clean.h"
#include "guest-agent/shared/log.h"

static char last_error[1024];
static bool printed;

static void remember(int level, const char *line)
{
	if (level <= LOG_ERROR)
		(void)snprintf(last_error, sizeof(last_error), "%s", line);
}

void answer_begin(void)
{
	log_also(remember);
}

static int flush(void)
{
	int error;

	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	error = errno ? errno : EIO;
	log_error("cannot write: %s", strerror(error));
	return -error;
}

int answer_print(const char *text)
{
	json_t *root = json_loads(text, 0, NULL);

	if (!root) {
		log_error("vmexitd's answer is not understood; are both of one version?");
		return -EPROTO;
	}
	json_decref(root);
	printed = true;
	errno = 0;
	puts(text);
	return flush();
}

/* Words of a command line may be anything, JSON may not. */
static void print_error(void)
{
	char clean[sizeof(last_error)];
	json_t *message = json_string(last_error);
	json_t *root;

	if (!message) {
		clean_text(last_error, INT_MAX, clean, sizeof(clean));
		message = json_string(clean);
	}
	root = json_pack("{so}", "error", message);
	if (root && json_dumpf(root, stdout, 0) == 0)
		putchar('\n');
	json_decref(root);
}

int answer_end(int status, bool json)
{
	if (json && status != 0 && !printed)
		print_error();
	if (flush() < 0 && status == 0)
		return 1;
	return status;
}
