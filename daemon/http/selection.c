/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/selection.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest-agent/shared/reason.h"

#define POINTS_DEFAULT 2000
#define KINDS_MAX 16
#define WORD_MAX 64

/* The kinds before it is said of which reasons, vCPUs or names. */
struct kinds {
	struct key key[KINDS_MAX];
	bool named[KINDS_MAX];
	size_t count;
};

/* The next word of a list that commas separate; false behind the last. */
static bool next_word(const char **p, char word[WORD_MAX])
{
	size_t len = strcspn(*p, ",");

	if (!**p)
		return false;
	snprintf(word, WORD_MAX, "%.*s", (int)len, *p);
	*p += len + ((*p)[len] == ',');
	return true;
}

static int parse_kinds(struct params *params, size_t max, struct kinds *kinds)
{
	const char *p = params_get(params, "kind");
	char word[WORD_MAX];

	p = p ? p : max > 1 ? "count,handling" : "count";
	while (next_word(&p, word)) {
		if (kinds->count == max)
			return params_refuse(params, "kind: at most %zu here", max);
		if (kind_parse(word, &kinds->key[kinds->count], &kinds->named[kinds->count]) < 0)
			return params_refuse(params, "kind '%s' is not known; there are " KIND_WORDS,
					     word);
		kinds->count++;
	}
	return kinds->count ? 0 : params_refuse(params, "kind: none is named");
}

static int add(struct params *params, struct selection *s, const struct key *key, bool any)
{
	if (s->count == SERIES_WANTS_MAX)
		return params_refuse(params, "at most %d curves can be named in one request; ask "
					     "for 'all', or twice", SERIES_WANTS_MAX);
	s->wants[s->count++] = (struct spans_want){ .key = *key, .any = any };
	return 0;
}

static bool parse_number(const char *word, uint32_t *ret_number)
{
	unsigned long v;
	char *end;

	errno = 0;
	v = strtoul(word, &end, 10);
	if (errno || !isdigit((unsigned char)*word) || *end || v > UINT32_MAX)
		return false;
	*ret_number = v;
	return true;
}

int selection_reason(struct params *params, uint32_t namespace, const char *word,
		     uint32_t *ret_number)
{
	if (parse_number(word, ret_number))
		return 0;
	for (size_t i = 0; i < reason_count(namespace); i++) {
		const char *name;

		reason_at(namespace, i, ret_number, &name);
		if (strcasecmp(name, word) == 0)
			return 0;
	}
	return params_refuse(params, "reason '%s' is neither a number, nor 'all', nor a name%s", word,
			     namespace ? " of this VM's kind; /api/v1/reasons lists them"
				       : "; which names it has is not known of this boot");
}

/* One kind by each reason or vCPU of a list. */
static int add_numbers(struct params *params, uint32_t namespace, bool reasons, const char *list,
		       struct key key, struct selection *s)
{
	char word[WORD_MAX];
	int r = 0;

	if (strcmp(list, "all") == 0)
		return add(params, s, &key, true);
	while (r == 0 && next_word(&list, word)) {
		if (reasons)
			r = selection_reason(params, namespace, word, &key.id);
		else if (!parse_number(word, &key.id))
			r = params_refuse(params, "vcpu '%s' is neither a number nor 'all'", word);
		if (r == 0)
			r = add(params, s, &key, false);
	}
	return r;
}

static int add_named(struct params *params, const char *name, struct key key,
		     struct selection *s)
{
	if (!name || strcmp(name, "all") == 0)
		return add(params, s, &key, true);
	if (strlen(name) > DETAIL_NAME_MAX)
		return params_refuse(params, "name: at most %d characters", DETAIL_NAME_MAX);
	key.name = name;
	key.name_len = strlen(name);
	return add(params, s, &key, false);
}

static int add_kind(struct params *params, uint32_t namespace, struct key key, bool named,
		    struct selection *s)
{
	const char *reason = params_get(params, "reason"), *vcpu = params_get(params, "vcpu");
	const char *name = params_get(params, "name");
	const char *word = kind_name(&key);

	if (s->options.cumulative && !kind_accumulates(&key))
		return params_refuse(params, "kind '%s' does not add up since the boot began; "
					     "mode=rate shows it", word);
	if (reason && !kind_by_reason(&key))
		return params_refuse(params, "kind '%s' is not known by reason; count, handling and "
					     "away are", word);
	if (vcpu && !kind_by_vcpu(&key))
		return params_refuse(params, "kind '%s' is not known by vCPU; count and handling are",
				     word);
	if (name && !named)
		return params_refuse(params, "kind '%s' has no names; interrupt_source, unit_cpu_us "
					     "and process_cpu_us have", word);
	if (reason || vcpu)
		return add_numbers(params, namespace, reason, reason ? reason : vcpu, key, s);
	return named ? add_named(params, name, key, s) : add(params, s, &key, false);
}

/* Whether @key is the second of two words; the first is usual. */
static int parse_choice(struct params *params, const char *key, const char *usual,
			const char *other, bool *ret_other)
{
	const char *text = params_get(params, key);

	*ret_other = text && strcmp(text, other) == 0;
	if (!text || *ret_other || strcmp(text, usual) == 0)
		return 0;
	return params_refuse(params, "%s = '%.40s' is neither '%s' nor '%s'", key, text, usual,
			     other);
}

int selection_parse(struct params *params, uint32_t namespace, size_t kinds_max,
		    struct selection *ret_selection)
{
	struct selection *s = ret_selection;
	struct kinds kinds = { 0 };
	int r;

	memset(s, 0, sizeof(*s));
	s->options.points = POINTS_DEFAULT;
	if (params_get(params, "reason") && params_get(params, "vcpu"))
		return params_refuse(params, "reason and vcpu: exits are counted by the one or by the "
					     "other, not by both");
	r = params_uint(params, "points", SERIES_POINTS_MIN, SERIES_POINTS_MAX,
			&s->options.points);
	if (r == 0)
		r = parse_choice(params, "mode", "rate", "cumulative", &s->options.cumulative);
	if (r == 0)
		r = parse_choice(params, "align", "wall", "boot", &s->since_boot);
	if (r == 0)
		r = parse_kinds(params, kinds_max < KINDS_MAX ? kinds_max : KINDS_MAX, &kinds);
	for (size_t i = 0; i < kinds.count && r == 0; i++)
		r = add_kind(params, namespace, kinds.key[i], kinds.named[i], s);
	return r == 0 && s->count == 0 ? params_refuse(params, "no reason or vCPU is named") : r;
}
