/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/options.h"

#include <errno.h>
#include <getopt.h>
#include <ini.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest-agent/shared/log.h"

enum setting_type { SETTING_NUMBER, SETTING_OCTAL, SETTING_FLAG, SETTING_TEXT };

struct setting {
	const char *key;		/* in the file; an option has '-' for '_' */
	char letter;			/* 0: none */
	enum setting_type type;
	size_t offset;
	const char *argument;
	const char *fallback;
	unsigned int min, max;
	const char *help;
};

#define AT(member) offsetof(struct options, member)

static const struct setting settings[] = {
	{ "interval", 'i', SETTING_NUMBER, AT(agent.pace.interval_ms), "MS", "1000",
	  PACE_INTERVAL_MIN_MS, PACE_INTERVAL_MAX_MS, "milliseconds between samples" },
	{ "boot_interval", 0, SETTING_NUMBER, AT(agent.pace.boot_interval_ms), "MS", "100",
	  PACE_INTERVAL_MIN_MS, PACE_INTERVAL_MAX_MS, "the same while the guest is young" },
	{ "boot_seconds", 0, SETTING_NUMBER, AT(agent.pace.boot_s), "SECONDS", "120", 0, 3600,
	  "uptime up to which it is young" },
	{ "host_interval_min", 0, SETTING_NUMBER, AT(agent.pace.host_min_ms), "MS", "100", 0,
	  PACE_INTERVAL_MAX_MS, "shortest interval that the host may ask for; 0: none" },
	{ "cpu_budget", 0, SETTING_NUMBER, AT(agent.pace.cpu_budget), "PERMILLE", "5", 0, 1000,
	  "of one CPU that the agent may use; 0: any" },
	{ "exit_budget", 0, SETTING_NUMBER, AT(agent.pace.exit_budget), "EXITS", "500", 0, 1000000,
	  "that the agent may cause in a second; 0: any" },
	{ "reasons", 0, SETTING_FLAG, AT(agent.sampler.counters.reasons), "yes|no", "yes", 0, 0,
	  "exits by reason" },
	{ "vcpus", 0, SETTING_FLAG, AT(agent.sampler.counters.vcpus), "yes|no", "no", 0, 0,
	  "exits by vCPU" },
	{ "workload", 0, SETTING_FLAG, AT(agent.sampler.workload), "yes|no", "yes", 0, 0,
	  "what the guest does, in numbers" },
	{ "interrupts", 0, SETTING_NUMBER, AT(agent.sampler.interrupts), "N", "12", 0, INTERRUPTS_MAX,
	  "sources of interrupts to list" },
	{ "processes", 0, SETTING_NUMBER, AT(agent.sampler.processes), "N", "8", 0, PROCESSES_MAX,
	  "busiest processes to list" },
	{ "units", 0, SETTING_NUMBER, AT(agent.sampler.units), "N", "8", 0, UNITS_MAX,
	  "busiest systemd units to list" },
	{ "buffer", 'b', SETTING_NUMBER, AT(agent.buffer_s), "SECONDS", "600", 1, 3600,
	  "keep samples that the host has not stored" },
	{ "port", 'p', SETTING_TEXT, AT(agent.port), "PATH", "", 0, 0,
	  "port to the host, or unix:PATH to listen on; default: by its name" },
	{ "socket", 's', SETTING_TEXT, AT(agent.socket.path), "PATH", CONTROL_PATH, 0, 0,
	  "where mark and run find the agent" },
	{ "socket_mode", 'm', SETTING_OCTAL, AT(agent.socket.mode), "MODE", "0666", 0, 0777,
	  "who may mark: the socket's mode, octal" },
	{ "socket_group", 'g', SETTING_TEXT, AT(agent.socket.group), "GROUP", "", 0, 0,
	  "the socket's group, name or number; default: the agent's" },
	{ "handover", 0, SETTING_TEXT, AT(agent.handover), "PATH", "", 0, 0,
	  "take over from the agent that has this file; default: from none" },
	{ "verbose", 'v', SETTING_FLAG, AT(verbose), "yes|no", "no", 0, 0, "say more" },
};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

static int set_number(unsigned int *slot, const struct setting *s, const char *value)
{
	unsigned long v;
	char *end;

	errno = 0;
	v = strtoul(value, &end, 10);
	if (errno || end == value || *end || *value == '-' || v < s->min || v > s->max) {
		log_error("%s = '%s' is not a number from %u to %u", s->key, value, s->min, s->max);
		return -EINVAL;
	}
	*slot = v;
	return 0;
}

static int set_octal(unsigned int *slot, const struct setting *s, const char *value)
{
	unsigned long v;
	char *end;

	errno = 0;
	v = strtoul(value, &end, 8);
	if (errno || end == value || *end || *value == '-' || v > s->max) {
		log_error("%s = '%s' is not an octal number up to 0%o", s->key, value, s->max);
		return -EINVAL;
	}
	*slot = v;
	return 0;
}

static int set_flag(bool *slot, const struct setting *s, const char *value)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
		log_error("%s = '%s' is neither 'yes' nor 'no'", s->key, value);
		return -EINVAL;
	}
	*slot = value[0] == 'y';
	return 0;
}

/* No text is NULL. */
static int set_text(struct options *options, const char **slot, const struct setting *s,
		    const char *value)
{
	size_t size = strlen(value) + 1;

	if (size > sizeof(options->text) - options->text_len) {
		log_error("%s = '%s' is too long", s->key, value);
		return -EINVAL;
	}
	*slot = *value ? memcpy(options->text + options->text_len, value, size) : NULL;
	options->text_len += *value ? size : 0;
	return 0;
}

static int apply(struct options *options, const struct setting *s, const char *value)
{
	void *slot = (char *)options + s->offset;

	switch (s->type) {
	case SETTING_NUMBER:
		return set_number(slot, s, value);
	case SETTING_OCTAL:
		return set_octal(slot, s, value);
	case SETTING_FLAG:
		return set_flag(slot, s, value);
	case SETTING_TEXT:
		return set_text(options, slot, s, value);
	}
	return -EINVAL;
}

struct file_context {
	struct options *options;
	int error;
};

static int on_ini_line(void *user, const char *section, const char *key, const char *value)
{
	struct file_context *context = user;

	if (*section) {
		log_error("section [%s] is not known; settings stand without a section", section);
		context->error = -EINVAL;
		return 0;
	}
	for (size_t i = 0; i < SETTINGS; i++) {
		if (strcmp(settings[i].key, key) == 0) {
			context->error = apply(context->options, &settings[i], value ? value : "");
			return context->error == 0;
		}
	}
	log_error("setting '%s' is not known; vmexit-agent.conf(5) lists those there are", key);
	context->error = -EINVAL;
	return 0;
}

/* Which line is wrong, 0 for none, or -errno: to the library a directory is an empty file. */
static int parse_file(FILE *file, struct file_context *context)
{
	int line;

	errno = 0;
	line = ini_parse_file(file, on_ini_line, context);
	if (ferror(file) || line < 0)
		return errno ? -errno : -EIO;
	return line;
}

static int load_file(struct options *options, const char *path, bool required)
{
	struct file_context context = { .options = options };
	FILE *file = fopen(path, "re");
	int r = file ? parse_file(file, &context) : -errno;

	if (file)
		fclose(file);
	if (r == 0 || (r == -ENOENT && !required))
		return 0;
	if (r < 0) {
		log_error("cannot read %s: %s; --config names another", path, strerror(-r));
		return r;
	}
	log_error("%s: line %d is wrong, see above", path, r);
	return context.error ? context.error : -EINVAL;
}

/* What is no setting. */
static const struct {
	char letter;
	const char *name;
	const char *argument;
	const char *help;
} others[] = {
	{ 'c', "config", "FILE", "configuration file [" OPTIONS_DEFAULT_FILE "]" },
	{ 'l', "label", "TEXT", "run: what the marks say [the command's name]" },
	{ 'P', "phase", NULL, "mark: a phase of the boot begins (root)" },
	{ 'j', "json", NULL, "read, run: print JSON" },
	{ 'h', "help", NULL, "this text" },
	{ 'V', "version", NULL, "version" },
};

#define OTHERS (sizeof(others) / sizeof(others[0]))
#define OPTION_SETTING 256		/* + index into settings */
#define NAME_SIZE 32

struct parser {
	struct option longs[SETTINGS + OTHERS + 1];
	char names[SETTINGS][NAME_SIZE];
	char shorts[2 * (SETTINGS + OTHERS) + 2];
	bool settings;			/* take these, or else the others */
	const char *file;
};

static void dash(char *name, const char *key)
{
	snprintf(name, NAME_SIZE, "%s", key);
	for (char *p = name; *p; p++) {
		if (*p == '_')
			*p = '-';
	}
}

/*
 * A flag needs no argument: "--verbose" means yes. Up to the first that is no option,
 * since a command's options are its own.
 */
static void build_parser(struct parser *parser)
{
	char *p = stpcpy(parser->shorts, "+");
	size_t n = 0;

	memset(parser->longs, 0, sizeof(parser->longs));
	for (; n < SETTINGS; n++) {
		bool flag = settings[n].type == SETTING_FLAG;

		dash(parser->names[n], settings[n].key);
		parser->longs[n] = (struct option){ parser->names[n],
						    flag ? optional_argument : required_argument,
						    NULL, OPTION_SETTING + (int)n };
		if (settings[n].letter)
			p += sprintf(p, "%c%s", settings[n].letter, flag ? "" : ":");
	}
	for (size_t i = 0; i < OTHERS; i++) {
		bool has = others[i].argument;

		parser->longs[n + i] = (struct option){ others[i].name,
							has ? required_argument : no_argument,
							NULL, others[i].letter };
		p += sprintf(p, "%c%s", others[i].letter, has ? ":" : "");
	}
}

static const struct setting *setting_of(int c)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		if (c == OPTION_SETTING + (int)i || (settings[i].letter && c == settings[i].letter))
			return &settings[i];
	}
	return NULL;
}

static void apply_other(struct options *options, struct parser *parser, int c)
{
	if (c == 'c')
		parser->file = optarg;
	else if (c == 'l')
		options->label = optarg;
	else if (c == 'P')
		options->phase = true;
	else if (c == 'j')
		options->json = true;
	else if (c == 'h')
		options->action = OPTIONS_HELP;
	else if (c == 'V')
		options->action = OPTIONS_VERSION;
}

static int parse_options(struct options *options, struct parser *parser, int argc, char **argv)
{
	int c, r;

	while ((c = getopt_long(argc, argv, parser->shorts, parser->longs, NULL)) != -1) {
		const struct setting *setting = setting_of(c);

		if (c == '?')
			return -EINVAL;
		if (!setting && !parser->settings)
			apply_other(options, parser, c);
		r = setting && parser->settings ? apply(options, setting, optarg ? optarg : "yes")
						: 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static const struct {
	const char *name;
	enum options_action action;
	int least, most;		/* arguments */
} commands[] = {
	{ "read", OPTIONS_READ, 0, 0 },
	{ "mark", OPTIONS_MARK, 1, 1 },
	{ "run", OPTIONS_RUN, 1, INT_MAX },
};

static int take_command(struct options *options, const char *name, int count, char **arguments)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(name, commands[i].name) != 0)
			continue;
		/* Help needs neither a command nor its arguments. */
		if (options->action == OPTIONS_HELP || options->action == OPTIONS_VERSION)
			return 0;
		options->action = commands[i].action;
		options->arguments = arguments;
		if (count >= commands[i].least && count <= commands[i].most)
			return 0;
		log_error("'%s' with %d arguments; it takes %s", name, count,
			  commands[i].most == 0 ? "none" :
			  commands[i].most == 1 ? "one" : "a command");
		return -EINVAL;
	}
	log_error("'%s' is no command; there are: read, mark, run", name);
	return -EINVAL;
}

/* Options, a command, its options, its arguments: the whole line once. */
static int parse_line(struct options *options, struct parser *parser, int argc, char **argv)
{
	const char *command;
	int r;

	optind = 1;
	r = parse_options(options, parser, argc, argv);
	if (r < 0 || optind == argc)
		return r;
	command = argv[optind++];
	r = parse_options(options, parser, argc, argv);
	return r < 0 ? r : take_command(options, command, argc - optind, argv + optind);
}

/* The file before the options, so that they win over it. */
static int load_settings(struct options *options, const char *file)
{
	int r = load_file(options, file ? file : OPTIONS_DEFAULT_FILE, file);

	if (r == 0 || file || (options->action != OPTIONS_RUN && options->action != OPTIONS_MARK))
		return r;
	/* It is the agent's: a user's command shall not fail for it. */
	log_warning("leaving the rest of that file out");
	return 0;
}

int options_parse(struct options *options, int argc, char **argv)
{
	struct parser parser = { 0 };
	int r;

	memset(options, 0, sizeof(*options));
	for (size_t i = 0; i < SETTINGS; i++) {
		r = apply(options, &settings[i], settings[i].fallback);
		if (r < 0)
			return r;
	}
	build_parser(&parser);
	r = parse_line(options, &parser, argc, argv);
	if (r < 0 || options->action == OPTIONS_HELP || options->action == OPTIONS_VERSION)
		return r;
	r = load_settings(options, parser.file);
	if (r < 0)
		return r;
	parser.settings = true;
	return parse_line(options, &parser, argc, argv);
}

static void print_option(char letter, const char *name, bool flag, const char *argument)
{
	char left[48], before[8] = "    ", equals[16] = "";

	if (letter)
		snprintf(before, sizeof(before), "-%c, ", letter);
	if (argument)
		snprintf(equals, sizeof(equals), flag ? "[=%s]" : "=%s", argument);
	snprintf(left, sizeof(left), "%s--%s%s", before, name, equals);
	printf("  %-31s ", left);
}

static void print_setting(const struct setting *s)
{
	char name[NAME_SIZE];

	dash(name, s->key);
	print_option(s->letter, name, s->type == SETTING_FLAG, s->argument);
	printf("%s", s->help);
	if (s->type == SETTING_NUMBER)
		printf(", %u to %u", s->min, s->max);
	if (*s->fallback)
		printf(" [%s]", s->fallback);
	putchar('\n');
}

void options_print_help(void)
{
	puts("Usage: vmexit-agent [OPTION]...\n"
	     "       vmexit-agent read [--json]\n"
	     "       vmexit-agent mark [--phase] TEXT\n"
	     "       vmexit-agent run [--label=TEXT] [--json] [--] COMMAND...\n"
	     "Send this guest's VM exits and workload to vmexitd on its host; read the exits\n"
	     "once; store a mark beside them; run a command and say what it cost.\n\n"
	     "These are settings as well, written with '_' for '-' in the configuration file:\n");
	for (size_t i = 0; i < SETTINGS; i++)
		print_setting(&settings[i]);
	puts("\nThese are not:\n");
	for (size_t i = 0; i < OTHERS; i++) {
		print_option(others[i].letter, others[i].name, false, others[i].argument);
		puts(others[i].help);
	}
	puts("\nSee vmexit-agent(8) and vmexit-agent.conf(5).");
}
