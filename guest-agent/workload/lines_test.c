/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/workload/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-agent/shared/tap.h"

static struct lines_buffer buffer;
static char path[] = "/tmp/vmexit-lines-XXXXXX";

struct seen {
	int lines;
	size_t longest, last;
	char text[64];			/* of the last */
};

static void on_line(void *context, char *line)
{
	struct seen *seen = context;

	seen->lines++;
	seen->last = strlen(line);
	if (seen->last > seen->longest)
		seen->longest = seen->last;
	snprintf(seen->text, sizeof(seen->text), "%.63s", line);
}

static struct seen read_text(const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC), r;
	struct seen seen = { 0 };

	if (write(fd, text, strlen(text)) < 0)
		perror(path);
	close(fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	r = lines_read(fd, &buffer, on_line, &seen);
	close(fd);
	if (r < 0)
		seen.lines = -1;
	return seen;
}

static void test_lines(void)
{
	static char text[5 * sizeof(buffer.text)];
	struct seen seen;
	bool good = true;

	ok(read_text("").lines == 0, "an empty file has no line");
	seen = read_text("a\n\nbc");
	ok(seen.lines == 3 && strcmp(seen.text, "bc") == 0, "the last needs no end");
	for (size_t len = sizeof(buffer.text) - 4; len < sizeof(buffer.text) + 4; len++) {
		memset(text, 'x', len);
		strcpy(text + len, "\nend\n");
		seen = read_text(text);
		good = good && seen.lines == 2 && strcmp(seen.text, "end") == 0 &&
		       seen.longest == (len < sizeof(buffer.text) ? len : sizeof(buffer.text) - 1);
	}
	ok(good, "one about as long as the buffer");
	memset(text, 'y', sizeof(text) - 1);
	seen = read_text(text);
	ok(seen.lines == 1 && seen.last == sizeof(buffer.text) - 1, "one much longer: once");
	ok(lines_read(-1, &buffer, on_line, &seen) == -EBADF, "no file is an error");
}

static void test_small(void)
{
	char text[8];
	int fd = -1;

	read_text("0123456789");
	ok(lines_open(&fd, "/tmp", strrchr(path, '/') + 1) == 0 && fd >= 0, "a file is opened");
	ok(lines_open(&fd, "/nowhere", "nothing") == 0, "once");
	ok(lines_read_small(fd, text, sizeof(text)) == 7 && strcmp(text, "0123456") == 0 &&
		   lines_read_small(fd, text, sizeof(text)) == 7,
	   "a small one is read from its start, as far as there is room");
	lines_close(&fd);
	ok(fd == -1 && lines_open(&fd, "/nowhere", "nothing") == -ENOENT && fd == -1, "and closed");
	ok(lines_read_small(-1, text, sizeof(text)) == -EBADF && text[0] == '\0', "no file: no text");
}

static void test_numbers(void)
{
	const char *rest = NULL;
	uint64_t v[4] = { 9, 9, 9, 9 };

	ok(lines_numbers("  1 22   333 x 4", v, 4) == 3 && v[0] == 1 && v[2] == 333 && v[3] == 9,
	   "numbers up to what is none");
	ok(lines_numbers("1 2 3", v, 2) == 2 && lines_numbers("-1", v, 2) == 0 &&
		   lines_numbers("", v, 2) == 0,
	   "as many as are wanted; a negative one is none");
	ok(lines_numbers("99999999999999999999", v, 1) == 1 && v[0] == UINT64_MAX,
	   "more than 64 bits: the most");
	ok(lines_starts("ctxt 5", "ctxt ", &rest) && strcmp(rest, "5") == 0 &&
		   !lines_starts("ctx", "ctxt ", &rest),
	   "what a line begins with");
}

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0) {
		perror(path);
		return 1;
	}
	close(fd);
	test_lines();
	test_small();
	test_numbers();
	unlink(path);
	return done_testing();
}
