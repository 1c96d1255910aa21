/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/complete.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/ctl/command.h"
#include "daemon/ctl/commands.h"
#include "daemon/ctl/completewords.h"

/* ---- words of a line ---- */

/* One word of @text into @out, without its quotes. Returns where it ends. */
static const char *take_word(const char *text, char **out)
{
	char quote = '\0';

	for (; *text && (quote || !isspace((unsigned char)*text)); text++) {
		if (quote != '\'' && *text == '\\' && text[1])
			*(*out)++ = *++text;
		else if (quote && *text == quote)
			quote = '\0';
		else if (!quote && (*text == '\'' || *text == '"'))
			quote = *text;
		else
			*(*out)++ = *text;
	}
	*(*out)++ = '\0';
	return text;
}

int complete_split(const char *text, struct complete_line *line)
{
	char *out = line->text;

	line->count = 0;
	/* A word is no longer than it was, but for the end of each. */
	if (strlen(text) >= COMPLETE_TEXT_MAX)
		return -E2BIG;
	do {
		while (isspace((unsigned char)*text))
			text++;
		if (line->count == COMPLETE_WORDS_MAX)
			return -E2BIG;
		line->words[line->count++] = out;
		text = take_word(text, &out);
	} while (*text);
	return 0;
}

/* ---- what has been typed ---- */

struct state {
	const struct command *command;		/* NULL: none yet */
	const struct command_option *pending;	/* whose value comes next */
	const char *first;			/* of the words behind the command's name */
	size_t words;				/* behind it */
	struct complete_context context;
};

static const struct command_option *find_long(const struct command_option *options, const char *name,
					      size_t len)
{
	for (size_t i = 0; options && options[i].name; i++) {
		if (strncmp(options[i].name, name, len) == 0 && !options[i].name[len])
			return &options[i];
	}
	return NULL;
}

static const struct command_option *find_letter(const struct command_option *options, char letter)
{
	for (size_t i = 0; options && options[i].name; i++) {
		if (options[i].letter == letter)
			return &options[i];
	}
	return NULL;
}

static const struct command_option *own_options(const struct state *state)
{
	return state->command ? state->command->options : NULL;
}

/* "--boot", "--boot=3", "-o", "-ofile": the option, and its value if that is in it. */
static const struct command_option *option_of(const struct state *state, const char *word,
					      const char **ret_value)
{
	const struct command_option *option;
	const char *equals = strchr(word, '=');
	size_t len = equals ? (size_t)(equals - word - 2) : strlen(word + 1) - 1;

	*ret_value = NULL;
	if (word[1] == '-') {
		option = find_long(own_options(state), word + 2, len);
		if (!option)
			option = find_long(commands_options, word + 2, len);
		*ret_value = option && equals ? equals + 1 : NULL;
		return option;
	}
	/* Of letters without values, several stand together. */
	for (size_t i = 1; word[i]; i++) {
		option = find_letter(own_options(state), word[i]);
		if (!option)
			option = find_letter(commands_options, word[i]);
		if (option && option->value) {
			*ret_value = word[i + 1] ? &word[i + 1] : NULL;
			return option;
		}
	}
	return NULL;
}

static void note_value(struct state *state, const struct command_option *option, const char *value)
{
	if (strcmp(option->name, "socket") == 0)
		state->context.socket = value;
}

static void note_word(struct state *state, const char *word)
{
	const char *value;

	if (state->pending) {
		note_value(state, state->pending, word);
		state->pending = NULL;
	} else if (*word == '-' && word[1]) {
		const struct command_option *option = option_of(state, word, &value);

		if (option && option->value && value)
			note_value(state, option, value);
		else if (option && option->value)
			state->pending = option;
	} else if (!state->command) {
		state->command = commands_find(word);
	} else if (state->words++ == 0) {
		state->first = word;
	}
}

/* ---- what may follow ---- */

/* Of "guest|host" or "VM|all" those that begin with @typed. True: a file. */
static bool tell_values(const struct state *state, const char *spec, const char *typed,
			complete_fn fn, void *ctx)
{
	bool is_file = false;

	while (*spec) {
		size_t len = strcspn(spec, "|");
		char word[64];

		(void)snprintf(word, sizeof(word), "%.*s", (int)len, spec);
		if (isupper((unsigned char)*word))
			is_file |= completewords(word, typed, &state->context, fn, ctx);
		else if (strncmp(word, typed, strlen(typed)) == 0)
			fn(ctx, word, false);
		spec += len + (spec[len] == '|');
	}
	return is_file;
}

static void tell_options(const struct command_option *options, const char *typed, complete_fn fn,
			 void *ctx)
{
	for (size_t i = 0; options && options[i].name; i++) {
		char word[64];

		(void)snprintf(word, sizeof(word), "--%s%s", options[i].name,
			       options[i].value ? "=" : "");
		if (strncmp(word, typed, strlen(typed)) == 0)
			fn(ctx, word, options[i].value != NULL);
	}
}

static void tell_commands(const char *typed, complete_fn fn, void *ctx)
{
	for (size_t i = 0; commands_all[i]; i++) {
		const struct command *command = commands_all[i];

		if (!command->hidden && strncmp(command->name, typed, strlen(typed)) == 0)
			fn(ctx, command->name, false);
	}
}

/* The word of that number, as the command's table has them: "VM HZ|auto", "[VM]", "VM...". */
static bool tell_word(const struct state *state, const char *typed, complete_fn fn, void *ctx)
{
	const char *spec = state->command->words;
	char word[64] = "";
	size_t at = 0;

	if (state->command->raw || (int)state->words >= state->command->words_max)
		return false;
	/* The last one stands for all that follow. */
	for (; *spec && at <= state->words; at++) {
		size_t len = strcspn(spec, " ");

		(void)snprintf(word, sizeof(word), "%.*s", (int)len, spec);
		spec += len + (spec[len] == ' ');
	}
	word[strcspn(word, "].")] = '\0';
	return tell_values(state, *word == '[' ? word + 1 : word, typed, fn, ctx);
}

/* Behind "--boot=", with that in front of each. */
struct behind {
	complete_fn fn;
	void *ctx;
	char front[64];
};

static void tell_behind(void *ctx, const char *word, bool goes_on)
{
	const struct behind *behind = ctx;
	char text[COMPLETE_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "%s%s", behind->front, word);
	behind->fn(behind->ctx, text, goes_on);
}

static bool tell_dash(const struct state *state, const char *typed, complete_fn fn, void *ctx)
{
	struct behind behind = { fn, ctx, "" };
	const char *value;
	const struct command_option *option = option_of(state, typed, &value);

	if (option && option->value && value) {
		(void)snprintf(behind.front, sizeof(behind.front), "%.*s", (int)(value - typed), typed);
		return tell_values(state, option->value, value, tell_behind, &behind);
	}
	tell_options(own_options(state), typed, fn, ctx);
	if (!state->command || !state->command->raw)
		tell_options(commands_options, typed, fn, ctx);
	return false;
}

bool complete_line(const struct complete_line *line, const char *default_socket, complete_fn fn,
		   void *ctx)
{
	struct state state = { .context.socket = default_socket };
	const char *typed = line->words[line->count - 1];

	for (size_t i = 1; i + 1 < line->count; i++)
		note_word(&state, line->words[i]);
	state.context.vm = state.first;
	if (state.pending)
		return tell_values(&state, state.pending->value, typed, fn, ctx);
	if (*typed == '-')
		return tell_dash(&state, typed, fn, ctx);
	if (state.command)
		return tell_word(&state, typed, fn, ctx);
	tell_commands(typed, fn, ctx);
	return false;
}
