/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A story of known rates, with a gap, rare lists and a reboot, on the grid. */
#include "daemon/query/aligned.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "daemon/query/testhistory.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

#define S 1000000000LL
#define SAMPLES 60
#define GAP_BEFORE 31			/* 5 s are missing before this sample */
#define SECOND_NS (HISTORY_T0 + 100 * S + 400000000)

static bool near(double a, double b)
{
	return fabs(a - b) <= 1e-6 * fabs(b) + 1e-9;
}

/* What the story is: exits a second up to sample @i, and when that was. */
static int rate_at(int i)
{
	return 10 + i % 7 * 3;
}

static int64_t time_at(int i)
{
	return HISTORY_T0 + (i + (i >= GAP_BEFORE ? 5 : 0)) * S;
}

static void put(struct wire_writer *w, enum detail_list list, uint32_t id, const char *name,
		uint64_t value)
{
	struct detail_entry entry = {
		.id = id, .value = value, .name = name, .name_len = strlen(name)
	};

	detail_put(w, list, &entry);
}

/* Every third sample has them. */
static void put_lists(struct wire_writer *w, int i)
{
	size_t began = detail_begin(w, DETAIL_INTERRUPTS);

	put(w, DETAIL_INTERRUPTS, 0, "eth0", 30 * i);
	detail_end(w, began);
	began = detail_begin(w, DETAIL_PROCESSES);
	put(w, DETAIL_PROCESSES, 7, "other", 50000);
	if (i % 2 == 0)
		put(w, DETAIL_PROCESSES, 8, "work", 300000);
	put(w, DETAIL_PROCESSES, 9, "work", 100000);
	detail_end(w, began);
	began = detail_begin(w, DETAIL_UNITS);
	if (i >= 12 && i <= 45)
		put(w, DETAIL_UNITS, 0, "a.service", 1000000 + 500 * i);
	put(w, DETAIL_UNITS, 0, "b.service", 100 * i);
	detail_end(w, began);
}

static void add_sample(struct store *store, struct boot *boot, int i, int64_t t_ns,
		       uint64_t exits, bool lists)
{
	static uint8_t buf[4096];
	struct wire_writer w = { .buf = buf, .size = sizeof(buf) };
	size_t began = detail_begin(&w, DETAIL_REASONS);
	struct sample sample = testsample(10 * i, exits);
	struct detail_entry entry = { .id = 1, .value = exits };

	detail_put(&w, DETAIL_REASONS, &entry);
	entry = (struct detail_entry){ .id = 40, .value = 2 * (i - 20) };
	if (i > 20)
		detail_put(&w, DETAIL_REASONS, &entry);
	detail_end(&w, began);
	if (lists)
		put_lists(&w, i);
	sample.t_wall_ns = t_ns;
	sample.has |= SAMPLE_HAS_HANDLING;
	sample.handling_cycles = exits * 1000000;
	sample.workload.mask = 1ULL << WORKLOAD_tasks_runnable;
	sample.workload.value[WORKLOAD_tasks_runnable] = i % 9;
	sample.detail = buf;
	sample.detail_len = w.len;
	if (store_add(store, boot, SOURCE_GUEST, &sample) < 0)
		abort();
}

/* Two boots of a VM; of the second one samples lie between whole seconds. */
static void tell(struct store *store, struct vm *vm)
{
	struct boot *boot = store_boot(store, vm, BOOT_CREATED, "1", HISTORY_T0);
	struct range gap = { 305, 306, time_at(30), time_at(31), 2, GAP_FULL };
	uint64_t exits = 0;

	boot->vcpus = 2;
	boot->tsc_khz = 2000000;
	store_boot_changed(store, boot);
	for (int i = 1; i <= SAMPLES; i++) {
		exits += rate_at(i);
		if (i == GAP_BEFORE && store_add_gap(store, boot, SOURCE_GUEST, &gap) < 0)
			abort();
		add_sample(store, boot, i, time_at(i), exits, i % 3 == 0);
	}
	boot = store_boot(store, vm, BOOT_REBOOT, "1", SECOND_NS);
	for (int i = 1; i <= SAMPLES; i++) {
		exits += rate_at(i);
		add_sample(store, boot, i, SECOND_NS + i * S, exits, i % 3 == 0);
	}
	history_flush(store, SECOND_NS + 100 * S);
}

static struct query *begin(struct history *h, void (*fill)(struct store *store, struct vm *vm))
{
	struct query *query;
	struct store *store;
	struct vm *vm;

	*h = (struct history){ .dir = "/tmp/vmexit-aligned-XXXXXX" };
	if (!mkdtemp(h->dir))
		abort();
	snprintf(h->path, sizeof(h->path), "%s/v.db", h->dir);
	if (store_open(h->path, &store) < 0)
		abort();
	vm = store_vm(store, "uuid", "vm");
	fill(store, vm);
	h->vm_id = vm->id;
	store_free(store);
	if (query_open(h->path, &query) < 0)
		abort();
	return query;
}

static void end(struct history *h, struct query *query)
{
	query_free(query);
	history_done(h);
}

#define NAME(kind_, text) { .kind = kind_, .name = text, .name_len = sizeof(text) - 1 }

enum { EXITS, HANDLING, RUNNABLE, RARE, NEVER, ETH0, WORK, A, B, WANTS };

static const struct aligned_want wants[WANTS] = {
	[EXITS] = { { .kind = KEY_FIELD, .id = FIELD_EXITS }, SOURCE_GUEST, 0 },
	[HANDLING] = { { .kind = KEY_FIELD, .id = FIELD_HANDLING }, SOURCE_GUEST, 0 },
	[RUNNABLE] = { { .kind = KEY_WORKLOAD, .id = WORKLOAD_tasks_runnable }, SOURCE_GUEST, 0 },
	[RARE] = { { .kind = KEY_REASON_COUNT, .id = 40 }, SOURCE_GUEST, 0 },
	[NEVER] = { { .kind = KEY_REASON_COUNT, .id = 77 }, SOURCE_GUEST, 0 },
	[ETH0] = { NAME(KEY_INTERRUPT, "eth0"), SOURCE_GUEST, 0 },
	[WORK] = { NAME(KEY_PROCESS, "work"), SOURCE_GUEST, 0 },
	[A] = { NAME(KEY_UNIT, "a.service"), SOURCE_GUEST, 0 },
	[B] = { NAME(KEY_UNIT, "b.service"), SOURCE_GUEST, 0 },
};

/* The first boot's cell that ends with sample @i. */
static double at(const struct aligned *a, int want, int i)
{
	size_t cell = (time_at(i) - a->grid.parts[0].from_ns) / a->grid.step_ns - 1;

	return cell < a->grid.parts[0].cells.end ? a->curves[want].v[cell] : NAN;
}

static void test_first(const struct aligned *a)
{
	const struct alignedgrid_part *part = &a->grid.parts[0];
	int wrong = 0, shares = 0, levels = 0, rare = 0, never = 0, gap = 0;

	ok(a->grid.step_ns == S && a->grid.tier == 0 && part->from_ns == HISTORY_T0 &&
		   part->cells.end == SAMPLES + 5,
	   "a cell a second, from the creation on");
	for (int i = 1; i <= SAMPLES; i++) {
		if (i == GAP_BEFORE)
			continue;
		wrong += !near(at(a, EXITS, i), rate_at(i));
		/* Two vCPUs of 2 GHz. */
		shares += !near(at(a, HANDLING, i), rate_at(i) * 1e6 / 4e9);
		levels += i > 1 && !near(at(a, RUNNABLE, i), i % 9);
		rare += !near(at(a, RARE, i), i > 20 ? 2 : 0);
		never += !near(at(a, NEVER, i), 0);
	}
	ok(wrong == 0, "exits a second, never their sum");
	ok(shares == 0, "shares of the vCPUs' time");
	ok(levels == 0, "levels as they are");
	ok(rare == 0, "a reason was at zero before its first exit");
	ok(never == 0, "and is, where there was none");
	for (size_t cell = 30; cell < 36; cell++) {
		for (int want = 0; want < WANTS; want++)
			gap += !isnan(a->curves[want].v[cell]);
	}
	ok(gap == 0, "nothing is known over a gap");
}

static void test_lists(const struct aligned *a)
{
	int wrong = 0, eth0 = 0, unit = 0;

	ok(a->curves[ETH0].stride == 3 && a->curves[WORK].stride == 3 && a->curves[A].stride == 3 &&
		   a->curves[EXITS].stride == 1,
	   "lists of every third sample tell what three cells do");
	for (int i = 4; i <= SAMPLES; i++) {
		/* The list that tells of it. */
		int list = (i + 2) / 3 * 3;
		double cpu = (list % 2 ? 100000 : 400000) / 3.0;
		bool known = i < GAP_BEFORE || i >= 34;
		double a_cpu = list < 12 || list > 45 ? 0 : 500;

		wrong += known ? !near(at(a, WORK, i), cpu) : !isnan(at(a, WORK, i));
		eth0 += known ? !near(at(a, ETH0, i), 30) : !isnan(at(a, ETH0, i));
		known &= list != 12;
		unit += known ? !near(at(a, A, i), a_cpu) : !isnan(at(a, A, i));
	}
	ok(wrong == 0, "processes of one name are one, and used what their list says since the one before");
	ok(eth0 == 0, "interrupts between two lists");
	ok(unit == 0, "a unit took nothing before it was listed, and after");
	ok(isnan(at(a, WORK, 2)), "before the first list nothing is known");
}

static void test_second(const struct aligned *a)
{
	const struct alignedgrid_part *part = &a->grid.parts[1];
	int wrong = 0;

	ok(a->grid.parts_count == 2 && part->cells.begin == a->grid.parts[0].cells.end &&
		   part->from_ns == HISTORY_T0 + 102 * S,
	   "the second boot's cells follow, from where its counters are known");
	for (size_t i = part->cells.begin; i < part->cells.end; i++) {
		/* A cell has 0.4 s of one interval, then 0.6 s of the next. */
		int sample = i - part->cells.begin + 2;
		double mean = 0.4 * rate_at(sample) + 0.6 * rate_at(sample + 1);

		wrong += !near(a->curves[EXITS].v[i], mean);
	}
	ok(wrong == 0 && part->cells.end - part->cells.begin == SAMPLES - 2,
	   "the mean of a cell is by time");
}

static void test_groups(const struct aligned *a)
{
	struct aligned_groups g;
	double v[64] = { 0 };
	int wrong = 0;

	if (!ok(aligned_groups_make(&a->grid, 3, &g) == 0, "groups of three cells"))
		return;
	aligned_group(&a->grid, &g, a->curves[EXITS].v, v);
	for (size_t i = 0; i < 10; i++) {
		double mean = (rate_at(3 * i + 1) + rate_at(3 * i + 2) + rate_at(3 * i + 3)) / 3.0;

		wrong += !near(v[i], mean) ||
			 aligned_group_end(&a->grid, &g, 0, i) != HISTORY_T0 + (int64_t)(3 * i + 3) * S;
	}
	ok(wrong == 0 && isnan(v[10]) && isnan(v[11]), "have their mean, none over a gap");
	ok(g.parts[1].begin == g.parts[0].end && g.parts[1].end == g.count &&
		   aligned_group_end(&a->grid, &g, 1, g.parts[1].begin) == HISTORY_T0 + 105 * S,
	   "and none over a boot's edge; they begin at multiples of their length");
	aligned_groups_done(&g);
}

static void test_range(struct query *query, int64_t vm_id)
{
	struct query_filter filter = { .vm_id = vm_id };
	struct aligned_want any = { { .kind = KEY_UNIT }, SOURCE_GUEST, 5 };
	struct aligned *a;

	filter.from_ns = HISTORY_T0 + 10 * S + 5;
	filter.to_ns = HISTORY_T0 + 20 * S - 5;
	if (ok(aligned_read(query, &filter, wants, 1, &a) == 0, "a range")) {
		ok(a->grid.parts_count == 1 && a->grid.parts[0].from_ns == HISTORY_T0 + 11 * S &&
			   a->grid.cells == 8 && near(a->curves[0].v[0], rate_at(12)),
		   "has only cells that are wholly in it");
		aligned_free(a);
	}
	filter.to_ns = filter.from_ns + 1;
	ok(aligned_read(query, &filter, wants, 1, &a) == -ENOENT, "or none");
	filter = (struct query_filter){ .vm_id = vm_id };
	if (ok(aligned_read(query, &filter, &any, 1, &a) == 0, "all units")) {
		ok(a->count == 2 && memcmp(a->curves[0].name, "a.service", 9) == 0 &&
			   near(a->curves[0].sum, 2 * 33 * 500) && near(a->curves[1].sum, 2 * 57 * 100),
		   "the one that took most first");
		aligned_free(a);
	}
	any.most = 1;
	if (ok(aligned_read(query, &filter, &any, 1, &a) == 0, "fewer of them")) {
		ok(a->count == 1, "no more than were asked for");
		aligned_free(a);
	}
}

static void tell_long(struct store *store, struct vm *vm)
{
	struct boot *boot = store_boot(store, vm, BOOT_CREATED, "1", HISTORY_T0);

	for (int i = 1; i <= ALIGNEDGRID_ROWS_MAX + 5000; i++) {
		struct sample sample = testsample(i, 10ULL * i);

		sample.t_wall_ns = HISTORY_T0 + i * S;
		if (store_add(store, boot, SOURCE_GUEST, &sample) < 0)
			abort();
		if (i % 5000 == 0)
			history_flush(store, HISTORY_T0 + i * S);
	}
	history_flush(store, HISTORY_T0 + 100000 * S);
}

/* More samples than are read: rollups tell the same. */
static void test_long(void)
{
	struct query_filter filter;
	struct query *query;
	struct aligned *a;
	struct history h;
	int wrong = 0;

	query = begin(&h, tell_long);
	filter = (struct query_filter){ .vm_id = h.vm_id };
	if (ok(aligned_read(query, &filter, wants, 1, &a) == 0, "many samples")) {
		for (size_t i = 0; i < a->grid.cells; i++)
			wrong += !near(a->curves[0].v[i], 10);
		ok(wrong == 0 && a->grid.tier == 1 && a->grid.step_ns == 10 * S &&
			   a->grid.cells == (ALIGNEDGRID_ROWS_MAX + 5000) / 10,
		   "are taken from rollups");
		aligned_free(a);
	}
	end(&h, query);
}

/* A guest whose processes have a new name each. */
static void tell_names(struct store *store, struct vm *vm)
{
	struct boot *boot = store_boot(store, vm, BOOT_CREATED, "1", HISTORY_T0);

	for (int i = 1; i <= 400; i++) {
		static uint8_t buf[8192];
		struct wire_writer w = { .buf = buf, .size = sizeof(buf) };
		struct sample sample = testsample(i, 10ULL * i);
		size_t began = detail_begin(&w, DETAIL_PROCESSES);

		for (int k = 0; k < 24; k++) {
			char name[32];

			snprintf(name, sizeof(name), k ? "process-%d" : "the busy one", 24 * i + k);
			put(&w, DETAIL_PROCESSES, 100 + k, name, k ? 100 : 100000);
		}
		detail_end(&w, began);
		sample.t_wall_ns = HISTORY_T0 + i * S;
		sample.detail = buf;
		sample.detail_len = w.len;
		if (store_add(store, boot, SOURCE_GUEST, &sample) < 0)
			abort();
	}
	history_flush(store, HISTORY_T0 + 1000 * S);
}

static void test_names(void)
{
	struct aligned_want any = { { .kind = KEY_PROCESS }, SOURCE_GUEST, 12 };
	struct query_filter filter;
	struct query *query;
	struct aligned *a;
	struct history h;

	query = begin(&h, tell_names);
	filter = (struct query_filter){ .vm_id = h.vm_id };
	if (ok(aligned_read(query, &filter, &any, 1, &a) == 0, "more names than are looked at")) {
		ok(a->count == 12 && strncmp(a->curves[0].name, "the busy one", 12) == 0 &&
			   near(a->curves[0].v[100], 100000),
		   "and the one that counts is found");
		aligned_free(a);
	}
	end(&h, query);
}

/* The host's clock was set a century forward for a while. */
static void test_far(void)
{
	const int64_t step_ns = 2592000 * 1000000000LL;
	const struct alignedgrid grid = { .step_ns = step_ns, .cells = 4 };
	const struct alignedgrid_part part = { .cells = { 0, 4 } };
	double amount[4] = { 0 }, covered[4] = { 0 };
	const struct alignedgrid_curve to = { amount, covered };

	alignedgrid_add(&grid, &part, &to, 2000, 0, 2 * step_ns, 1);
	ok(amount[0] == step_ns / 1e9 && amount[1] == amount[0] && amount[2] == 0,
	   "lists that are decades apart are no overflow");
	alignedgrid_add(&grid, &part, &to, 1, 0, 4 * step_ns, 1);
	ok(amount[2] == 0, "an interval of many cells is not smeared over them");
}

int main(void)
{
	struct query_filter filter;
	struct query *query;
	struct aligned *a;
	struct history h;

	log_init("aligned_test", LOG_ERROR - 1);
	query = begin(&h, tell);
	filter = (struct query_filter){ .vm_id = h.vm_id };
	if (ok(aligned_read(query, &filter, wants, WANTS, &a) == 0, "curves are put on a grid")) {
		test_first(a);
		test_lists(a);
		test_second(a);
		test_groups(a);
		aligned_free(a);
	}
	test_range(query, h.vm_id);
	end(&h, query);
	test_long();
	test_names();
	test_far();
	return done_testing();
}
