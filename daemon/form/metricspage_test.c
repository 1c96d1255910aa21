/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is on the page, and who is left out: with room for some VMs only. */
#include "daemon/form/metricspage.h"

#undef METRICSPAGE_BYTES_MAX
#define METRICSPAGE_BYTES_MAX 6000

#include "daemon/form/metricspage.c"

#include <stdlib.h>

#include "daemon/query/testhistory.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

#define S 1000000000LL

static int64_t now_ns;

/* VMs "a", "b", ... with a sample each that is @age_s old; and "z" without a boot. */
static void make(struct history *h, int vms, enum vm_state state, int64_t age_s)
{
	int64_t t = now_ns - age_s * S;
	struct store *store;

	*h = (struct history){ .dir = "/tmp/vmexit-history-XXXXXX" };
	if (!mkdtemp(h->dir))
		abort();
	snprintf(h->path, sizeof(h->path), "%s/v.db", h->dir);
	if (store_open(h->path, &store) < 0)
		abort();
	for (int i = 0; i < vms; i++) {
		char name[2] = { 'a' + i };
		struct vm *vm = store_vm(store, name, name);
		struct boot *boot = store_boot(store, vm, BOOT_CREATED, name, t - S);
		struct sample sample = testsample(1, 100 + i);

		vm->state = state;
		vm->dirty = true;
		boot->created_ns = t - S;
		store_boot_changed(store, boot);
		sample.t_wall_ns = t;
		if (store_add(store, boot, SOURCE_HOST, &sample) < 0)
			abort();
	}
	(void)store_vm(store, "z", "z");
	history_flush(store, t);
	store_free(store);
}

/* The page as OpenMetrics, which the caller frees; or -errno. */
static int page_of(struct history *h, const atomic_bool *cancelled, char **ret_text)
{
	struct vitals *vitals = vitals_new();
	struct store_stats stats = { .pending = 3 };
	struct metricspage page = { .vitals = vitals, .stats = &stats, .open = true };
	struct query *query;
	int r;

	page.remote = (struct figures_remote){ .on = true, .lag_s = 2.5 };
	if (!vitals || query_open(h->path, &query) < 0)
		abort();
	if (cancelled)
		query_limit(query, 10000, cancelled);
	r = metricspage_make(query, &page, ret_text);
	query_free(query);
	vitals_free(vitals);
	return r;
}

static char *text_of(int vms, enum vm_state state, int64_t age_s)
{
	struct history h;
	char *text;

	make(&h, vms, state, age_s);
	if (page_of(&h, NULL, &text) < 0)
		abort();
	history_done(&h);
	return text;
}

static void test_whole(void)
{
	char *text = text_of(2, VM_RUNNING, 1);

	ok(strstr(text, "vmexit_exits_total{vm=\"a\",name=\"a\",source=\"host\"} 100\n") &&
		   strstr(text, "vmexit_exits_total{vm=\"b\",name=\"b\",source=\"host\"} 101\n") &&
		   strstr(text, "vmexit_exits_created{vm=\"b\",name=\"b\",source=\"host\"} "),
	   "VMs with their counts, and since when");
	ok(strstr(text, "vmexit_boots_total{vm=\"a\",name=\"a\"} 1\n") &&
		   strstr(text, "vmexit_boots_total{vm=\"z\",name=\"z\"} 0\n"),
	   "one without a boot is there");
	ok(strstr(text, "\nvmexit_vms 3\n") && strstr(text, "\nvmexit_vms_left_out 0\n") &&
		   strstr(text, "\nvmexit_store_pending_records 3\n") &&
		   strstr(text, "\nvmexit_remote_write_lag_seconds 2.5\n") &&
		   strstr(text, "\nprocess_open_fds "),
	   "and vmexitd itself");
	free(text);
}

static void test_no_counters(void)
{
	char *text = text_of(1, VM_STOPPED, 1);

	ok(strstr(text, "vmexit_vm_running{vm=\"a\",name=\"a\"} 0\n") && !strstr(text, "source="),
	   "a VM that is stopped has no counters");
	free(text);
	text = text_of(1, VM_RUNNING, METRICSPAGE_FRESH_S + 10);
	ok(!strstr(text, "vmexit_exits") && strstr(text, "vmexit_sample_timestamp_seconds{vm=\"a\""),
	   "nor has a source that is silent");
	free(text);
	text = text_of(1, VM_RUNNING, METRICSPAGE_FRESH_S - 10);
	ok(strstr(text, "vmexit_exits_total{vm=\"a\"") != NULL, "as long as it is not so for long");
	free(text);
}

static void test_bound(void)
{
	char *text = text_of(20, VM_RUNNING, 1);
	const char *left_out = strstr(text, "\nvmexit_vms_left_out ");
	int left = left_out ? atoi(left_out + 21) : 0;
	char last[3][40];

	for (int i = 0; i < 3; i++)
		snprintf(last[i], sizeof(last[i]), "vmexit_boots_total{vm=\"%c\"", 'a' + 20 - left + i);
	ok(strstr(text, "\nvmexit_vms 21\n") && left > 5 && left < 19, "%d of 21 VMs have no room", left);
	ok(strstr(text, last[0]) && !strstr(text, last[1]) && !strstr(text, last[2]),
	   "those that have come first by name");
	ok(strlen(text) < METRICSPAGE_BYTES_MAX + 10000 &&
		   strcmp(text + strlen(text) - 6, "# EOF\n") == 0,
	   "and it is bounded, and whole");
	free(text);
}

static void test_cancelled(void)
{
	atomic_bool cancelled = true;
	struct history h;
	char *text = NULL;

	make(&h, 1, VM_RUNNING, 1);
	ok(page_of(&h, &cancelled, &text) == -ECANCELED && !text, "it ends when it shall");
	history_done(&h);
}

int main(void)
{
	log_init("metricspage_test", LOG_ERROR);
	now_ns = time(NULL) * S;
	test_whole();
	test_no_counters();
	test_bound();
	test_cancelled();
	return done_testing();
}
