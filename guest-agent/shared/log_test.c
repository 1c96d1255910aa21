/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a line is for the journal or for a person. */
#include "guest-agent/shared/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-agent/shared/tap.h"

/* What an error looks like with @stream in the environment; NULL: that of stderr itself. */
static bool is_written_as(const char *stream, const char *expected)
{
	char path[] = "/tmp/vmexit-log-XXXXXX", text[256] = "", own[64];
	int fd = mkstemp(path), before = dup(STDERR_FILENO);
	struct stat st;
	ssize_t n;

	if (fd < 0 || before < 0 || fstat(fd, &st) < 0)
		return false;
	(void)unlink(path);
	snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream ? stream : own, 1);
	(void)dup2(fd, STDERR_FILENO);
	log_init("test", LOG_NOTICE);
	log_error("it is broken");
	(void)dup2(before, STDERR_FILENO);
	n = pread(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	close(fd);
	close(before);
	return strcmp(text, expected) == 0;
}

int main(void)
{
	ok(is_written_as(NULL, "<3>it is broken\n"), "the journal gets the level");
	ok(is_written_as("8:1234567", "test: error: it is broken\n"),
	   "a file does not, though a service's variable was inherited");
	ok(is_written_as("", "test: error: it is broken\n"), "nor with a variable that is empty");
	return done_testing();
}
