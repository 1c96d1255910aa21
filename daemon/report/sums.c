/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/report/sums.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/query/querypart.h"
#include "daemon/query/spans.h"

#define SLOTS (2 * SUMS_NAMES_MAX)	/* a power of two */

struct summing {
	struct sums *sums;
	const struct boot *boot;
	uint16_t *slots;		/* of a hash table: index + 1 in sums->names */
};

static_assert((SLOTS & (SLOTS - 1)) == 0 && SUMS_NAMES_MAX < UINT16_MAX, "slots");

#define FIELD(field) { .key = { .kind = KEY_FIELD, .id = field } }
#define WORKLOAD(name, type, unit) { .key = { .kind = KEY_WORKLOAD, .id = WORKLOAD_##name } },

static const struct spans_want wants[] = {
	WORKLOAD_MAP(WORKLOAD)
	FIELD(FIELD_EXITS),
	FIELD(FIELD_HANDLING),
	FIELD(FIELD_AWAY),
	FIELD(FIELD_IDLE),
	FIELD(FIELD_AGENT_EXITS),
	FIELD(FIELD_TAKEN),
	/* Those with names are the last. */
	{ .key = { .kind = KEY_PROCESS }, .any = true },
	{ .key = { .kind = KEY_UNIT }, .any = true },
};

#define WANTS (sizeof(wants) / sizeof(wants[0]))
#define NAMED 2

/* The entry for a name, made where there is none; NULL: there are too many. */
static struct sums_name *name_of(struct summing *s, const struct key *key)
{
	struct key name = { .kind = key->kind, .name = key->name, .name_len = key->name_len };
	uint32_t slot = key_hash(&name);

	for (;; slot++) {
		uint16_t *at = &s->slots[slot & (SLOTS - 1)];
		struct sums_name *entry;

		if (*at == 0) {
			if (s->sums->names_count == SUMS_NAMES_MAX)
				return NULL;
			entry = &s->sums->names[s->sums->names_count++];
			*at = s->sums->names_count;
			*entry = (struct sums_name){ .kind = key->kind };
			memcpy(entry->name, key->name, key->name_len);
			return entry;
		}
		entry = &s->sums->names[*at - 1];
		if (entry->kind == key->kind && strlen(entry->name) == key->name_len &&
		    memcmp(entry->name, key->name, key->name_len) == 0)
			return entry;
	}
}

static void add_named(struct summing *s, const struct key *key, uint64_t sum)
{
	struct sums_name *entry = sum && key->name_len <= DETAIL_NAME_MAX ? name_of(s, key) : NULL;

	if (entry)
		entry->value += sum;
}

static void add_field(struct summing *s, const struct key *key, uint64_t sum, double seconds)
{
	struct sums *t = s->sums;
	const struct boot *boot = s->boot;
	double cycles_s = boot->tsc_khz ? sum / (boot->tsc_khz * 1000.0) : 0;

	t->has |= 1ULL << key->id;
	switch (key->id) {
	case FIELD_EXITS:
		t->exits += sum;
		t->covered_s += seconds;
		t->vcpu_s += seconds * boot->vcpus;
		t->has_times &= boot->vcpus > 0 && boot->tsc_khz > 0;
		break;
	case FIELD_HANDLING:
		t->handling_s += cycles_s;
		break;
	case FIELD_AWAY:
		t->away_s += cycles_s;
		break;
	case FIELD_IDLE:
		t->idle_s += cycles_s;
		break;
	case FIELD_AGENT_EXITS:
		t->agent_exits += sum;
		break;
	default:
		t->taken += sum;
	}
}

static void add_workload(struct summing *s, const struct key *key, uint64_t sum, double seconds)
{
	struct sums *t = s->sums;

	if (key_type(key) != KEY_TYPE_COUNTER)
		return;
	t->workload.mask |= 1ULL << key->id;
	t->workload.value[key->id] += sum;
	/* All of them come together; steal is what times are put beside. */
	if (key->id == WORKLOAD_cpu_steal_ms)
		t->workload_vcpu_s += seconds * s->boot->vcpus;
}

static int add_spans(void *ctx, size_t want, const struct key *key, const struct span *spans,
		     size_t count)
{
	struct summing *s = ctx;
	uint64_t sum = 0, ns = 0;

	(void)want;
	for (size_t i = 0; i < count; i++) {
		sum += spans[i].point.sum;
		ns += spans[i].ns;
	}
	if (key->kind == KEY_FIELD && ns)
		add_field(s, key, sum, ns / 1e9);
	else if (key->kind == KEY_WORKLOAD && ns)
		add_workload(s, key, sum, ns / 1e9);
	else if (key->kind != KEY_FIELD && key->kind != KEY_WORKLOAD)
		add_named(s, key, sum);
	return 0;
}

static int by_value(const void *a, const void *b)
{
	const struct sums_name *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? 1 : -1;
	return strcmp(x->name, y->name);
}

int sums_read(struct query *query, const struct query_filter *filter, enum sample_source source,
	      bool with_names, struct sums *ret_sums)
{
	struct sums sums = { .has_times = true };
	struct summing s = { .sums = &sums };
	struct boot *boots = NULL;
	size_t count = 0;
	int r = 0;

	s.slots = calloc(SLOTS, sizeof(*s.slots));
	sums.names = calloc(with_names ? SUMS_NAMES_MAX : 1, sizeof(*sums.names));
	if (!s.slots || !sums.names)
		r = -ENOMEM;
	if (r == 0)
		r = query_part_boots(query, filter, &boots, &count);
	for (size_t i = 0; i < count && r == 0; i++) {
		struct spans_of of = {
			.boot = &boots[i],
			.source = source,
			.from_ns = filter->from_ns ? filter->from_ns : INT64_MIN,
			.to_ns = filter->to_ns ? filter->to_ns : INT64_MAX,
		};

		s.boot = &boots[i];
		r = spans_read(query, &of, ROLLUP_TIERS - 1, wants,
			       with_names ? WANTS : WANTS - NAMED, add_spans, &s);
	}
	free(boots);
	free(s.slots);
	if (r < 0) {
		sums_done(&sums);
		return r;
	}
	qsort(sums.names, sums.names_count, sizeof(*sums.names), by_value);
	*ret_sums = sums;
	return 0;
}

void sums_done(struct sums *sums)
{
	free(sums->names);
	sums->names = NULL;
	sums->names_count = 0;
}
