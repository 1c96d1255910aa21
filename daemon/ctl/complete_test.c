/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/complete.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl/command.h"
#include "daemon/ctl/commands.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

static char found[8192];

static void note(void *ctx, const char *word, bool goes_on)
{
	size_t len = strlen(found);

	(void)ctx;
	(void)snprintf(found + len, sizeof(found) - len, "%s%s ", word, goes_on ? "+" : "");
}

/* The words that fit at the end of @text, and "FILES" if it is one. */
static const char *fits(const char *text)
{
	static struct complete_line line;

	*found = '\0';
	if (complete_split(text, &line) < 0)
		return "failed";
	if (complete_line(&line, "/nowhere", note, NULL))
		note(NULL, "FILES", false);
	return found;
}

static bool is(const char *text, const char *wanted)
{
	if (strcmp(fits(text), wanted) == 0)
		return true;
	printf("# '%s': '%s'\n", text, found);
	return false;
}

static bool splits(const char *text, size_t count, const char *last)
{
	static struct complete_line line;

	return complete_split(text, &line) == 0 && line.count == count &&
	       strcmp(line.words[count - 1], last) == 0;
}

static void test_split(void)
{
	static struct complete_line line;
	char *longest = calloc(1, COMPLETE_TEXT_MAX + 1);

	ok(splits("vmexitctl", 1, "vmexitctl") && splits("vmexitctl ", 2, "") && splits("  vmexitctl  top  w", 3, "w"),
	   "words, the last of which is being typed");
	ok(splits("a 'b c' \"d \\\" e\" f\\ g", 4, "f g") && splits("a 'b \\", 2, "b \\") && splits("a ''", 2, ""), "quotes");
	ok(splits("a \"b 'c", 2, "b 'c") && splits("a b\\", 2, "b\\"), "that are open yet");
	memset(longest, 'x', COMPLETE_TEXT_MAX);
	ok(complete_split(longest, &line) == -E2BIG, "a line that is too long");
	for (int i = 0; i < COMPLETE_TEXT_MAX; i += 2)
		longest[i] = ' ';
	longest[COMPLETE_TEXT_MAX - 1] = '\0';
	ok(complete_split(longest, &line) == -E2BIG, "or has too many words");
	free(longest);
}

static void test_words(void)
{
	ok(is("vmexitctl exp", "export ") && is("vmexitctl -j imp", "import ") && is("vmexitctl x", ""), "commands");
	ok(is("vmexitctl complet", ""), "but not this one");
	ok(is("vmexitctl --js", "--json ") && is("vmexitctl --so", "--socket=+ "), "options of all");
	ok(is("vmexitctl export --for", "--format=+ ") && is("vmexitctl export x --js", "--json "), "and of a command");
	ok(is("vmexitctl list --for", ""), "but not of another");
	ok(is("vmexitctl export --format=", "--format=wide --format=long --format=jsonl "), "values");
	ok(is("vmexitctl export --format l", "long ") && is("vmexitctl export --format=wi", "--format=wide "), "in either way");
	ok(is("vmexitctl rate vm ", "auto ") && is("vmexitctl rate vm 5 ", ""), "words of a command, as many as it takes");
	ok(is("vmexitctl backup ", "FILES ") && is("vmexitctl export -o ", "FILES ") && is("vmexitctl export --output=", "FILES "),
	   "files");
	ok(is("vmexitctl --socket /x backup ", "FILES ") && is("vmexitctl -s /x -j backup ", "FILES "), "behind options and their values");
	ok(is("vmexitctl top --sort=han", "--sort=handling_share ") && is("vmexitctl top vm --sort aw", "away_share "), "columns");
	ok(is("vmexitctl sql --", "--database=+ ") && is("vmexitctl sql SEL", ""), "sqlite3's words are not ours");
	ok(is("vmexitctl nothing --", "--json --socket=+ --help --version "), "behind what is no command");
}

/* What the table has is found, whatever is added to it. */
static void test_table(void)
{
	for (size_t i = 0; commands_all[i]; i++) {
		const struct command *command = commands_all[i];
		char text[256];
		bool all = true;

		if (command->hidden)
			continue;
		(void)snprintf(text, sizeof(text), "vmexitctl %s", command->name);
		all &= strstr(fits(text), command->name) != NULL;
		for (const struct command_option *option = command->options; option && option->name; option++) {
			(void)snprintf(text, sizeof(text), "vmexitctl %s --%s", command->name, option->name);
			all &= strstr(fits(text), option->name) != NULL;
		}
		ok(all, "%s and its options", command->name);
		ok(commands_count_options(command->options) <= COMMAND_OPTIONS_MAX && command->words_max >= command->words_min,
		   "of which there are not too many");
	}
}

int main(void)
{
	log_init("complete_test", -1);
	test_split();
	test_words();
	test_table();
	return done_testing();
}
