/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of columns, there and back, for every reason that has a name and some that have none. */
#include <stdlib.h>

#include "daemon/form/exportcolumns.h"
#include "guest-agent/shared/reason.h"
#include "guest-agent/shared/tap.h"

/* Whether a reason's or vCPU's columns are found again by their names. */
static bool comes_back(const struct key *first, uint32_t namespace)
{
	struct exportcolumn column;
	enum key_kind kind;
	size_t keys;

	if (!exportcolumns_is_one(first, namespace, &column))
		return false;
	keys = exportcolumns_keys(&column, &kind);
	for (size_t i = 0; i < keys; i++, kind++) {
		char name[EXPORTCOLUMNS_NAME_MAX];
		struct key key;

		exportcolumns_name(&column, kind, name);
		if (strpbrk(name, " ,\"'=+-@") || exportcolumns_parse(name, &key) < 0 ||
		    key.kind != kind || key.id != first->id)
			return false;
	}
	return keys >= 2;
}

static void test_names(void)
{
	static const uint32_t namespaces[] = { VMEXIT_REASONS_VMX, VMEXIT_REASONS_SVM, 0, 7 };
	static const uint32_t numbers[] = { 0, 1, 9999, UINT32_MAX, UINT32_MAX - 1 };
	int wrong = 0, tried = 0;

	for (size_t n = 0; n < 4; n++) {
		for (size_t i = 0; i < reason_count(namespaces[n]); i++, tried++) {
			struct key key = { .kind = KEY_REASON_COUNT };
			const char *name;

			reason_at(namespaces[n], i, &key.id, &name);
			wrong += !comes_back(&key, namespaces[n]);
		}
		for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
			struct key reason = { .kind = KEY_REASON_COUNT, .id = numbers[i] };
			struct key vcpu = { .kind = KEY_VCPU_COUNT, .id = numbers[i] };

			wrong += !comes_back(&reason, namespaces[n]) +
				 !comes_back(&vcpu, namespaces[n]);
		}
	}
	ok(tried > 100 && wrong == 0, "%d reasons by name, others by number, and vCPUs", tried);
}

static void test_refusals(void)
{
	static const char *const names[] = { "", "exits", "exits_", "exits_none", "exits_-1",
					     "exits_4294967296", "vcpu_exits", "vcpuX_exits",
					     "vcpu1_away_cycles", "vcpu1_exits2", "away_cycles",
					     "handling_cycles_hlt_" };
	struct key key;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ok(exportcolumns_parse(names[i], &key) < 0, "'%s' is no such column", names[i]);
}

static void test_order(void)
{
	struct exportcolumns columns = { 0 };
	int wrong = 0;

	for (uint32_t i = 0; i < 2 * EXPORTCOLUMNS_MAX; i++) {
		struct exportcolumn column = { .is_vcpu = i & 1, .id = i * 2654435761u };

		wrong += exportcolumns_add(&columns, &column) < 0 ||
			 exportcolumns_add(&columns, &column) < 0 ||
			 exportcolumns_has(&columns, &column) != (i < EXPORTCOLUMNS_MAX);
	}
	for (size_t i = 1; i < columns.count; i++) {
		const struct exportcolumn *a = &columns.columns[i - 1], *b = a + 1;

		wrong += a->is_vcpu > b->is_vcpu || (a->is_vcpu == b->is_vcpu && a->id >= b->id);
	}
	ok(wrong == 0 && columns.count == EXPORTCOLUMNS_MAX,
	   "reasons, then vCPUs, each once, in order, and no more than there may be");
	exportcolumns_done(&columns);
}

int main(void)
{
	test_names();
	test_refusals();
	test_order();
	return done_testing();
}
