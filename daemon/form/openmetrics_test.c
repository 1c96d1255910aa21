/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/openmetrics.h"

#include <stdlib.h>

#include "guest-agent/shared/tap.h"

static void put(struct openmetrics *out, enum metrics_id id, const char *label, double value)
{
	if (openmetrics_put(out, &metrics[id], label, value) < 0)
		abort();
}

/* Everything, families and their lines out of order; the caller frees. */
static char *make(bool open)
{
	static const struct query_vm one = { .key = "id-1", .name = "one" },
				     two = { .key = "id-2", .name = "t\"w\\o\n\x01\x7f" },
				     odd = { .key = "id-3", .name = "b\xff\xc3\xa4" };
	struct openmetrics out = { .open = open };
	char *text;

	openmetrics_begin(&out, NULL, NULL);
	put(&out, METRICS_VMS, NULL, 2);
	put(&out, METRICS_BUILD_INFO, "1.0", 1);
	openmetrics_begin(&out, &one, "guest");
	out.created_s = 1700000000.25;
	put(&out, METRICS_EXITS, NULL, 9007199254740991.0);
	put(&out, METRICS_REASON_AWAY, "DB excp", 0.000000001);
	openmetrics_begin(&out, &two, "host");
	put(&out, METRICS_EXITS, NULL, 0x1p64);
	openmetrics_begin(&out, &one, NULL);
	put(&out, METRICS_VM_RUNNING, NULL, 1);
	put(&out, METRICS_BOOT_START, NULL, 1763874000.5);
	openmetrics_begin(&out, &two, NULL);
	put(&out, METRICS_BOOT_START, NULL, 0.1);
	openmetrics_begin(&out, &odd, NULL);
	put(&out, METRICS_VM_RUNNING, NULL, 0);
	put(&out, METRICS_BOOT_START, NULL, 7.9999999999);
	if (openmetrics_finish(&out, &text) < 0)
		abort();
	openmetrics_done(&out);
	return text;
}

/* Whether @lines stand in @text one behind the other, at the begin of a line. */
static bool has(const char *text, const char *lines)
{
	const char *at = strstr(text, lines);

	return at && (at == text || at[-1] == '\n');
}

static void test_open(void)
{
	char *text = make(true);

	ok(has(text, "# HELP vmexit_exits VM exits since the VM was created.\n"
		     "# TYPE vmexit_exits counter\n"
		     "vmexit_exits_total{vm=\"id-1\",name=\"one\",source=\"guest\"} 9007199254740991\n"
		     "vmexit_exits_created{vm=\"id-1\",name=\"one\",source=\"guest\"} 1700000000.25\n"
		     "vmexit_exits_total{vm=\"id-2\",name=\"t\\\"w\\\\o\\n??\",source=\"host\"}"
		     " 1.8446744073709552e+19\n# HELP "),
	   "a family stands together, with what it is and since when it counts");
	ok(has(text, "# TYPE vmexit_reason_away_seconds counter\n"
		     "# UNIT vmexit_reason_away_seconds seconds\n"
		     "vmexit_reason_away_seconds_total{vm=\"id-1\",name=\"one\",source=\"guest\","
		     "reason=\"DB excp\"} 0.000000001\n"),
	   "with its unit and its own label");
	ok(has(text, "vmexit_vm_running{vm=\"id-1\",name=\"one\"} 1\n"
		     "vmexit_vm_running{vm=\"id-3\",name=\"b???\"} 0\n"),
	   "what is no UTF-8 is not shown");
	ok(has(text, "vmexit_boot_start_time_seconds{vm=\"id-1\",name=\"one\"} 1763874000.5\n"
		     "vmexit_boot_start_time_seconds{vm=\"id-2\",name=\"t\\\"w\\\\o\\n??\"} 0.1\n"
		     "vmexit_boot_start_time_seconds{vm=\"id-3\",name=\"b???\"} 8\n"),
	   "a gauge has its own name, and a number no more digits than it needs");
	ok(has(text, "vmexit_vms 2\n") && has(text, "vmexit_build_info{version=\"1.0\"} 1\n"),
	   "vmexitd's own have no VM");
	ok(strcmp(text + strlen(text) - 6, "# EOF\n") == 0, "the end is marked");
	ok(!strstr(text, "vmexit_idle"), "of what has no value there is nothing");
	free(text);
}

static void test_text(void)
{
	char *text = make(false);

	ok(has(text, "# HELP vmexit_exits_total VM exits since the VM was created.\n"
		     "# TYPE vmexit_exits_total counter\n"
		     "vmexit_exits_total{vm=\"id-1\",name=\"one\",source=\"guest\"} 9007199254740991\n"
		     "vmexit_exits_total{vm=\"id-2\""),
	   "text: a counter has its whole name");
	ok(!strstr(text, "# UNIT") && !strstr(text, "_created") && !strstr(text, "# EOF"),
	   "and nothing that only OpenMetrics has");
	free(text);
}

/* Names at their longest, all of it to be escaped. */
static void test_long(void)
{
	struct openmetrics out = { .open = true };
	struct query_vm vm = { .id = 1 };
	char *text;

	memset(vm.key, '"', RECORD_KEY_MAX);
	memset(vm.name, '\\', RECORD_NAME_MAX);
	for (int i = 0; i < 1000; i++) {
		openmetrics_begin(&out, &vm, "guest");
		out.created_s = 1;
		put(&out, METRICS_HANDLING, NULL, 1e300);
	}
	ok(openmetrics_finish(&out, &text) == 0 && strlen(text) > 2000 * 2 * RECORD_NAME_MAX,
	   "long names have room");
	free(text);
	openmetrics_done(&out);
}

int main(void)
{
	test_open();
	test_text();
	test_long();
	return done_testing();
}
