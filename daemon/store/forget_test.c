/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands beside numbers goes when they are gone: marks, gaps, boots, VMs. */
#include "daemon/store/testexpire.h"

static void close_boot(struct boot *boot, int64_t closed_ns)
{
	boot->closed_ns = closed_ns;
	store_boot_changed(store, boot);
}

static void add_beside(struct boot *boot, uint64_t sequence)
{
	struct mark mark = {
		.sequence = sequence,
		.t_ns = time_of(sequence),
		.kind = PROTO_MARK_INSTANT,
		.label = "mark",
	};
	struct range range = {
		.from = sequence + 1,
		.to = sequence + 1,
		.from_ns = time_of(sequence),
		.to_ns = time_of(sequence + 1),
		.count = 1,
		.cause = GAP_FULL,
	};

	store_add_mark(store, boot, &mark);
	store_add_gap(store, boot, SOURCE_GUEST, &range);
}

/* A boot with samples, marks, gaps and something quarantined, an hour long. */
static struct boot *whole_boot(const char *name, uint64_t from)
{
	struct boot *boot = new_boot(name, BOOT_REBOOT, time_of(from));
	struct sample claim = { .sequence = from + 3 };
	struct range range = { from + 3, from + 3, time_of(from), time_of(from), 1, QUARANTINE_FELL };

	add_beside(boot, from + 1);
	store_add_quarantine(store, boot, &range, &claim);
	add(boot, SOURCE_GUEST, from + 3, from + samples_in(HOUR), false);
	return boot;
}

#define ROWS_OF_BOOT \
	"SELECT (SELECT count(*) FROM mark WHERE boot = ?1) + (SELECT count(*) FROM gap" \
	" WHERE boot = ?1) + (SELECT count(*) FROM quarantine WHERE boot = ?1)" \
	" + (SELECT count(*) FROM stream WHERE boot = ?1) + (SELECT count(*) FROM boot" \
	" WHERE id = ?1)"

static int64_t rows_of(int64_t boot)
{
	return NUMBER(ROWS_OF_BOOT, boot);
}

static const struct expire_limits two_days = {
	.tier = { { DAY, 0 }, { DAY, 0 }, { DAY, 0 }, { DAY, 0 }, { 2 * DAY, 0 } },
};

static void test_boots(void)
{
	int64_t ids[5];
	uint64_t from = 0;

	begin_anew(&two_days);
	for (int i = 0; i < 5; i++) {
		struct boot *boot = whole_boot("vm", from);

		ids[i] = boot->id;
		if (i < 4)
			close_boot(boot, time_of(from) + HOUR);
		from += samples_in(12 * HOUR);
	}
	/* Bound to take more than one step. */
	for (int i = 0; i < 1200; i++)
		(void)NUMBER("INSERT INTO mark (boot, sequence, t_ns, t_boot_ns, kind, label, uid)"
				" VALUES (?1, 5000 + ?2, 0, 0, 1, '', 0) RETURNING 1",
				ids[0], i);
	store_flush(store, time_of(from));
	work_all(T0 + 2 * DAY);
	ok(rows_of(ids[0]) >= 5, "a boot stays while something of it is left");
	work_all(T0 + 2 * DAY + 13 * HOUR);
	ok(rows_of(ids[0]) == 0, "then it goes with all that was its own");
	ok(rows_of(ids[1]) == 5 && rows_of(ids[2]) == 5, "the next is there with all that is its own");
	work_all(T0 + 10 * DAY);
	ok(rows_of(ids[1]) == 0 && rows_of(ids[2]) == 0, "all of them go in time");
	ok(rows_of(ids[3]) > 0 && rows_of(ids[4]) > 0 && number("SELECT count(*) FROM boot") == 2,
	   "but not a VM's latest two");
	ok(number("SELECT count(*) FROM chunk") == 0 &&
		   number("SELECT count(*) FROM pragma_foreign_key_check") == 0,
	   "without numbers, and nothing hangs in the air");
	end();
	begin();
	ok(store_set_limits(store, &two_days, T0 + 10 * DAY) == 0 && store_vms(store) &&
		   store_vms(store)->boot->id == ids[4],
	   "a VM whose last boot is open and young stays at a restart");
	end();
}

static void restore(int number)
{
	struct vm *vm = store_vm(store, "vm", "vm");

	close_boot(vm->boot, T0 + (number + 1) * HOUR);
	(void)new_boot("vm", BOOT_RESUMED, T0 + (number + 1) * HOUR);
}

/* A guest that is restored and says nothing yet may send what it had before. */
static void test_restored(void)
{
	struct sample sample = { .sequence = 4000, .t_wall_ns = time_of(4000) };
	struct vm *vm;
	int64_t id;

	begin_anew(&two_days);
	id = whole_boot("vm", 0)->id;
	for (int i = 0; i < RECORD_BOOTS_SILENT; i++)
		restore(i);
	store_flush(store, T0);
	work_all(T0 + 20 * DAY);
	ok(number("SELECT count(*) FROM chunk") == 0 && rows_of(id) > 0,
	   "the boot in front of restores stays, without its numbers");
	end();
	begin();
	vm = store_vm(store, "vm", "vm");
	ok(vm->earlier && vm->earlier->id == id, "so a restart knows it");
	store_add(store, vm->earlier, SOURCE_GUEST, &sample);
	ok(store_flush(store, T0) > 0 && number("SELECT count(*) FROM pragma_foreign_key_check") == 0 &&
		   vm->earlier->committed[SOURCE_GUEST] == 4000,
	   "and it takes more samples");
	ok(store_set_limits(store, &two_days, T0) == 0, "limits");
	restore(RECORD_BOOTS_SILENT);
	ok(vm->earlier->id != id, "one restore more, and it is given up");
	(void)new_boot("other", BOOT_FOUND, T0 + 20 * DAY);
	add(store_vm(store, "other", "other")->boot, SOURCE_GUEST, 0, 3, false);
	work_all(T0 + 40 * DAY);
	ok(rows_of(id) == 0, "and goes");
	end();
	begin();
	ok(store_vm(store, "vm", "vm")->earlier->id != id, "a restart does not know it either");
	restore(99);
	store_vm(store, "vm", "vm")->boot->cause = BOOT_REBOOT;
	restore(100);
	ok(store_vm(store, "vm", "vm")->earlier->cause == BOOT_REBOOT,
	   "nobody goes on behind a reboot");
	end();
}

static void test_marks(void)
{
	uint64_t all = samples_in(4 * DAY), from, to;
	struct boot *boot, *silent;

	begin_anew(&two_days);
	boot = new_boot("vm", BOOT_FOUND, T0);
	silent = new_boot("silent", BOOT_FOUND, T0);
	add_beside(silent, 1);
	for (uint64_t i = 0; i < all; i += samples_in(6 * HOUR)) {
		add(boot, SOURCE_GUEST, i, i + samples_in(6 * HOUR) - 2, true);
		add_beside(boot, i + samples_in(6 * HOUR) - 1);
	}
	store_flush(store, time_of(all));
	work_all(time_of(all));
	from = number("SELECT min(t_ns) FROM mark WHERE boot = 1");
	to = number("SELECT min(from_ns) FROM chunk WHERE boot = 1");
	ok(from >= to && from < to + 6 * HOUR &&
		   number("SELECT min(to_ns) FROM gap WHERE boot = 1") >= (int64_t)to,
	   "marks and gaps of an open boot go with the numbers of their time");
	ok(number("SELECT count(*) FROM mark WHERE boot = 1") ==
		   NUMBER("SELECT ? / ?", time_of(all) - from + 6 * HOUR, 6 * HOUR),
	   "and no others");
	ok(number("SELECT count(*) FROM mark WHERE boot = 2") == 1,
	   "those that no sample follows stay, however old");
	end();
	begin();
	for (struct vm *vm = store_vms(store); vm; vm = vm->next)
		ok(vm->boot->last_sequence[SOURCE_GUEST] == (strcmp(vm->key, "vm") == 0 ? all : 2),
		   "so a restart knows how far '%s' is", vm->key);
	end();
}

static void test_vms(void)
{
	int64_t open;

	begin_anew(&two_days);
	close_boot(whole_boot("gone", 0), time_of(samples_in(HOUR)));
	close_boot(whole_boot("young", samples_in(9 * DAY)), time_of(samples_in(10 * DAY)));
	open = whole_boot("open", samples_in(9 * DAY))->id;
	store_flush(store, T0);
	(void)store_vm(store, "never", "never");
	store_flush(store, T0);
	work_all(time_of(samples_in(10 * DAY)));
	end();
	begin();
	ok(store_set_limits(store, &two_days, T0 + 10 * DAY) == 0, "VMs are looked through");
	ok(number("SELECT count(*) FROM vm WHERE key = 'gone'") == 0 &&
		   number("SELECT count(*) FROM vm") == 3,
	   "the one goes of which nothing is left for long, and not one that never ran");
	for (struct vm *vm = store_vms(store); vm; vm = vm->next)
		ok(strcmp(vm->key, "gone") != 0, "the store knows '%s'", vm->key);
	ok(rows_of(open) > 1 && store_vm(store, "gone", "gone") != NULL &&
		   store_flush(store, T0) == STORE_RECORDS && number("SELECT count(*) FROM vm") == 4,
	   "and one that comes back begins anew");
	end();
}

static void test_beyond(void)
{
	/* 500 rows beside samples. */
	const struct expire_limits limits = { .vm_bytes = 500 * 8 * 128 };
	struct boot *boot, *other;
	int64_t rows;

	begin_anew(&limits);
	other = new_boot("other", BOOT_FOUND, T0);
	boot = new_boot("vm", BOOT_FOUND, T0);
	for (uint64_t i = 0; i < 3000; i += 3) {
		struct sample sample = { .sequence = i + 3, .t_wall_ns = time_of(i + 3) };

		add_beside(boot, i + 1);
		store_add(store, boot, SOURCE_GUEST, &sample);
		if (i < 600)
			add_beside(other, i + 1);
	}
	store_flush(store, T0);
	ok(number("SELECT beside FROM vm WHERE name = 'vm'") == 2000 &&
		   number("SELECT beside FROM vm WHERE name = 'other'") == 400,
	   "rows beside samples are counted");
	work_all(T0);
	ok(number("SELECT beside FROM vm WHERE name = 'vm'") == 2000,
	   "they stay while the journal's samples need them");
	work_all(time_of(3000) + HOUR);
	rows = number("SELECT beside FROM vm WHERE name = 'vm'");
	ok(rows <= 500 && rows > 0 &&
		   rows == number("SELECT (SELECT count(*) FROM gap g JOIN boot b ON b.id = g.boot"
				  " WHERE b.vm = 2) + (SELECT count(*) FROM mark m JOIN boot b"
				  " ON b.id = m.boot WHERE b.vm = 2)"),
	   "then a VM has no more than it may, %d", (int)rows);
	ok(number("SELECT max(to_sequence) FROM gap WHERE boot = 2") == 2999 &&
		   number("SELECT min(from_sequence) FROM gap WHERE boot = 2") > 2000,
	   "the oldest went");
	ok(number("SELECT beside FROM vm WHERE name = 'other'") == 400, "of that VM alone");
	for (uint64_t i = 3000; i < 6000; i += 2)
		add_beside(boot, i + 1);
	store_flush(store, T0);
	work_all(time_of(3000) + 2 * HOUR);
	ok(number("SELECT beside FROM vm WHERE name = 'vm'") <= 500 &&
		   number("SELECT max(to_sequence) FROM gap WHERE boot = 2") == 6000,
	   "a guest that sends nothing else gains nothing");
	end();
	begin();
	for (struct vm *vm = store_vms(store); vm; vm = vm->next)
		ok(vm->boot->last_sequence[SOURCE_GUEST] == (strcmp(vm->key, "vm") == 0 ? 6000 : 599),
		   "a restart knows how far '%s' is", vm->key);
	end();
}

/* A guest that is not believed in boot after boot gains no room by it either. */
static void test_beyond_quarantined(void)
{
	const struct expire_limits limits = { .vm_bytes = 500 * 8 * 128 };
	struct boot *boot = NULL;

	begin_anew(&limits);
	for (uint64_t i = 0; i < 6000; i += 2) {
		struct sample claim = { .sequence = i + 1 };
		struct sample sample = { .sequence = i + 2, .t_wall_ns = time_of(i + 2) };
		struct range range = { i + 1, i + 1, time_of(i), time_of(i), 1, QUARANTINE_FELL };

		if (i % 1000 == 0)
			boot = new_boot("vm", BOOT_GUEST, time_of(i));
		store_add_quarantine(store, boot, &range, &claim);
		store_add(store, boot, SOURCE_GUEST, &sample);
	}
	store_flush(store, T0);
	ok(number("SELECT beside FROM vm") == 3000 &&
		   number("SELECT count(*) FROM quarantine") == 3000,
	   "what is quarantined is counted");
	work_all(time_of(6000) + HOUR);
	work_all(time_of(6000) + 2 * HOUR);
	ok(number("SELECT count(*) FROM quarantine") <= 500 &&
		   number("SELECT beside FROM vm") == number("SELECT count(*) FROM quarantine") &&
		   number("SELECT count(DISTINCT boot) FROM quarantine") == 6,
	   "and goes down to what a VM may have, the last of each boot left");
	ok(NUMBER("SELECT sum(samples) FROM chunk WHERE tier = ?", 0) == 3000,
	   "while the samples stay");
	end();
	begin();
	ok(store_vms(store)->boot->last_sequence[SOURCE_GUEST] == 6000,
	   "a restart knows how far it is");
	end();
}

/* Who keeps hours forever keeps what stands beside them. */
static void test_forever(void)
{
	const struct expire_limits limits = { .tier = { { HOUR, 1 }, { HOUR, 1 } } };

	begin_anew(&limits);
	for (int i = 0; i < 4; i++)
		close_boot(new_boot("vm", BOOT_REBOOT, T0 + i * HOUR), T0 + (i + 1) * HOUR);
	add_beside(whole_boot("other", 0), 1000);
	store_flush(store, T0);
	work_all(T0 + 1000 * DAY);
	ok(number("SELECT count(*) FROM boot") == 5 && number("SELECT count(*) FROM mark") == 2 &&
		   number("SELECT count(*) FROM chunk WHERE tier < 2") == 0,
	   "with hours forever, boots and marks stay");
	end();
	begin();
	ok(store_set_limits(store, &limits, T0 + 1000 * DAY) == 0 &&
		   number("SELECT count(*) FROM vm") == 2,
	   "and VMs");
	end();
}

int main(void)
{
	begin_tests("forget_test");
	test_boots();
	test_restored();
	test_marks();
	test_vms();
	test_beyond();
	test_beyond_quarantined();
	test_forever();
	return end_tests();
}
