/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What it says of a mistake is left to manual_test.pl's programs; here it goes nowhere. */
#include "guest-agent/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-agent/shared/tap.h"

static char path[] = "/tmp/vmexit-options-XXXXXX";
static struct options options;

/* Up to four words. */
static int parse(const char *a, const char *b, const char *c, const char *d)
{
	char *argv[] = { "vmexit-agent", (char *)a, (char *)b, (char *)c, (char *)d, NULL };
	int argc = 1;

	while (argv[argc])
		argc++;
	return options_parse(&options, argc, argv);
}

static void write_file(const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (write(fd, text, strlen(text)) < 0)
		perror(path);
	close(fd);
}

static void test_defaults(void)
{
	write_file("");
	ok(parse("-c", path, NULL, NULL) == 0 && options.action == OPTIONS_AGENT, "no settings");
	ok(options.agent.pace.interval_ms == 1000 && options.agent.pace.boot_interval_ms == 100 &&
		   options.agent.pace.boot_s == 120 && options.agent.pace.host_min_ms == 100 &&
		   options.agent.pace.cpu_budget == 5 && options.agent.pace.exit_budget == 500,
	   "how often");
	ok(options.agent.sampler.counters.reasons && !options.agent.sampler.counters.vcpus &&
		   options.agent.sampler.workload && options.agent.sampler.interrupts == 12 &&
		   options.agent.sampler.processes == 8 && options.agent.sampler.units == 8,
	   "what");
	ok(options.agent.buffer_s == 600 && !options.agent.port && !options.verbose && !options.json,
	   "and the rest");
	ok(strcmp(options.agent.socket.path, "/run/vmexit-agent/socket") == 0 &&
		   options.agent.socket.mode == 0666 && !options.agent.socket.group,
	   "the socket");
}

static void test_file(void)
{
	write_file("# a comment\n; and another\n\ninterval = 250\nreasons=no\nvcpus = yes ; why\n"
		   "port = unix:/run/x.sock\nboot_seconds = 0\n");
	ok(parse("-c", path, NULL, NULL) == 0 && options.agent.pace.interval_ms == 250 &&
		   !options.agent.sampler.counters.reasons && options.agent.sampler.counters.vcpus &&
		   options.agent.pace.boot_s == 0,
	   "settings of a file");
	ok(options.agent.port && strcmp(options.agent.port, "unix:/run/x.sock") == 0, "a text");
	ok(parse("-c", path, "--interval=500", "--reasons") == 0 &&
		   options.agent.pace.interval_ms == 500 && options.agent.sampler.counters.reasons &&
		   options.agent.sampler.counters.vcpus,
	   "options win over it");
	ok(parse("-i", "20", "-c", path) == 0 && options.agent.pace.interval_ms == 20,
	   "wherever they stand");
	ok(parse("read", "--json", "-c", path) == 0 && options.action == OPTIONS_READ &&
		   options.json && options.agent.sampler.counters.vcpus,
	   "also behind a command");
	ok(parse("--verbose=no", "-v", "-c", path) == 0 && options.verbose, "the last counts");
	ok(parse("--port=", "-c", path, NULL) == 0 && !options.agent.port, "an empty text is none");
}

static void test_commands(void)
{
	write_file("socket = /run/x\nsocket_mode = 0640\nsocket_group = 7\n");
	ok(parse("mark", "-c", path, "--") == -EINVAL, "a mark needs a text");
	ok(parse("mark", "-c", path, "it") == 0 && options.action == OPTIONS_MARK &&
		   strcmp(options.arguments[0], "it") == 0 && !options.arguments[1],
	   "a mark and its text");
	ok(strcmp(options.agent.socket.path, "/run/x") == 0 && options.agent.socket.mode == 0640 &&
		   strcmp(options.agent.socket.group, "7") == 0,
	   "goes where the file says");
	write_file("socket_mode = 0800\n");
	ok(parse("-c", path, NULL, NULL) == -EINVAL, "a mode is octal");
	ok(parse("run", "--label=x", "true", "--json") == 0 && options.action == OPTIONS_RUN &&
		   strcmp(options.label, "x") == 0 && !options.json &&
		   strcmp(options.arguments[1], "--json") == 0,
	   "a command's options are its own");
	ok(parse("run", "-j", "--", NULL) == -EINVAL, "no command");
}

static void test_refused(void)
{
	static const char *const bad[] = {
		"interval = 5\n",      "interval = 1 0\n", "interval\n",     "intervall = 100\n",
		"[agent]\ninterval = 100\n", "reasons = 1\n", "units = -1\n", "port = ",
	};
	char text[OPTIONS_TEXT_MAX + 64] = "--port=";
	bool good = true;

	for (size_t i = 0; i + 1 < sizeof(bad) / sizeof(bad[0]); i++) {
		write_file(bad[i]);
		good = good && parse("-c", path, NULL, NULL) == -EINVAL;
	}
	ok(good, "a file with a mistake");
	write_file("");
	ok(parse("-c", "/nowhere/agent.conf", NULL, NULL) == -ENOENT, "a file that is not there");
	ok(parse("-c", "/tmp", NULL, NULL) < 0, "or no file");
	memset(text + 7, 'x', OPTIONS_TEXT_MAX);
	ok(parse("-c", path, text, NULL) == -EINVAL, "a text too long");
	ok(parse("read", "more", NULL, NULL) == -EINVAL && parse("reed", NULL, NULL, NULL) == -EINVAL,
	   "a command that is none");
	ok(parse("-i", "99999999999999999999", NULL, NULL) == -EINVAL, "a number of many digits");
	ok(parse("--help", "-c", "/nowhere", NULL) == 0 && options.action == OPTIONS_HELP &&
		   parse("read", "-V", NULL, NULL) == 0 && options.action == OPTIONS_VERSION,
	   "help needs no file");
}

int main(void)
{
	int fd = mkstemp(path), null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || null < 0 || dup2(null, STDERR_FILENO) < 0) {
		perror(path);
		return 1;
	}
	close(fd);
	close(null);
	test_defaults();
	test_file();
	test_commands();
	test_refused();
	unlink(path);
	return done_testing();
}
