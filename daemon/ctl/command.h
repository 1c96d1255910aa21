/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a subcommand of vmexitctl is. Each stands in a file of its own, as one struct command;
 * commands.c lists them. Parsing, --help and shell completion go by that struct.
 */
#ifndef DAEMON_CTL_COMMAND_H
#define DAEMON_CTL_COMMAND_H

#include <stdbool.h>

#define COMMAND_OPTIONS_MAX 24

/* vmexitd's default. */
#define COMMAND_DATABASE "/var/lib/vmexit/vmexit.db"

/*
 * @value is what the option takes, NULL if nothing: what is in capitals names a kind of word
 * (VM, N, TIME, FILE), what is in small letters is a word; several are separated by '|'.
 * Completion knows VM, DOMAIN, BOOT, BOOTS (VM:N), REASONS (with commas), KIND, LABEL, COLUMN
 * and FILE.
 */
struct command_option {
	const char *name;
	char letter;			/* 0: it has none */
	const char *value;
	const char *help;		/* without a full stop; a default in brackets */
};

struct command_context {
	const char *socket;
	bool json;			/* --json: one JSON document instead of words */
	/* Of the command's options, by their index; NULL: not given, "" where none is taken. */
	const char *values[COMMAND_OPTIONS_MAX];
};

struct command {
	const char *name;
	const char *words;		/* "VM HZ|auto", values as above; [VM] may lack */
	const char *help;		/* a line */
	const char *about;		/* what --help says besides; NULL: nothing */
	const struct command_option *options;	/* up to one without a name; NULL: none */
	/* How many words it takes. */
	int words_min, words_max;
	/* Everything behind its name is its own, but for --help. */
	bool raw;
	bool hidden;			/* not for people */
	/*
	 * Gets the words behind its name, without options; raw: all, and @argv[-1] is the name.
	 * Returns the exit status: 0, 1 or 2 (usage), after one logged line if it is not 0.
	 */
	int (*run)(const struct command_context *ctx, int argc, char **argv);
};

#define COMMAND_OPTION_DATABASE \
	{ "database", 0, "FILE", "the database [" COMMAND_DATABASE "]" }

extern const struct command command_graph;
extern const struct command command_compare, command_marks;
extern const struct command command_list, command_attach, command_detach, command_rate;
extern const struct command command_top, command_complete;
extern const struct command command_export, command_import, command_sql, command_backup;
extern const struct command command_report;
extern const struct command command_correlate, command_attribution;
extern const struct command command_doctor;

#endif
