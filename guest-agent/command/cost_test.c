/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cost of a command, from made samples. */
#include "guest-agent/command/cost.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "guest-agent/command/report.h"
#include "guest-agent/shared/detail.h"
#include "guest-agent/shared/tap.h"
#include "kernel/uapi/vmexit_cpuid.h"

static const struct proto_hello hello = { .vcpus = 2, .tsc_khz = 1000000,
					  .reason_namespace = VMEXIT_REASONS_SVM };

struct made {
	struct sample sample;
	uint8_t lists[2048];
};

/* @reasons: id, count, handling, away; ends with a count of 0. */
static void make(struct made *made, uint64_t t_s, const uint64_t (*reasons)[4])
{
	struct wire_writer w = { .buf = made->lists, .size = sizeof(made->lists) };
	struct sample *s = &made->sample;
	size_t began;

	*s = (struct sample){ .sequence = 1000000 * t_s, .t_boot_ns = 1000000000 * t_s,
			      .has = SAMPLE_HAS_EXITS | SAMPLE_HAS_HANDLING | SAMPLE_HAS_AWAY |
				     SAMPLE_HAS_GENERATION,
			      .generation = 99 };
	began = detail_begin(&w, DETAIL_REASONS);
	for (; (*reasons)[1]; reasons++) {
		detail_put(&w, DETAIL_REASONS,
			   &(struct detail_entry){ .id = (*reasons)[0], .value = (*reasons)[1],
						   .handling_cycles = (*reasons)[2],
						   .away_cycles = (*reasons)[3] });
		s->exits += (*reasons)[1];
		s->handling_cycles += (*reasons)[2];
		s->away_cycles += (*reasons)[3];
	}
	detail_end(&w, began);
	s->detail = made->lists;
	s->detail_len = w.len;
}

static const uint64_t before[][4] = {
	{ 0x60, 100, 1000, 2000 }, { 0x72, 50, 500, 900 }, { 0x7c, 7, 70, 90 }, { 0 },
};
static const uint64_t after[][4] = {
	{ 0x60, 1100, 101000, 202000 }, { 0x72, 50, 500, 900 }, { 0x78, 3000, 90000, 100000 },
	{ 0x7c, 10, 100, 150 }, { 0xfff0, 1, 2, 3 }, { 0 },
};

static bool near(double a, double b)
{
	return fabs(a - b) < 1e-9 * (fabs(b) + 1);
}

static void test_compute(void)
{
	struct made begin, end;
	struct cost cost;

	make(&begin, 10, before);
	make(&end, 14, after);
	ok(cost_compute(&hello, &begin.sample, &end.sample, &cost) == 0, "a cost");
	ok(cost.exits == 1000 + 3000 + 3 + 1 && near(cost.seconds, 4), "exits and seconds");
	ok(cost.handling_cycles == 100000 + 90000 + 30 + 2 &&
		   cost.away_cycles == 200000 + 100000 + 60 + 3 && near(cost.cycles, 8e9),
	   "cycles, of those that two vCPUs have");
	ok(cost.reason_count == 4 && cost.other_exits == 0 && cost.reasons[0].reason == 0x78 &&
		   cost.reasons[0].exits == 3000 && cost.reasons[0].handling_cycles == 90000 &&
		   cost.reasons[1].reason == 0x60 && cost.reasons[1].exits == 1000 &&
		   cost.reasons[1].away_cycles == 200000 && cost.reasons[2].exits == 3,
	   "reasons by their exits: new ones from zero, those without any left out");
	ok(cost.reasons[0].name && strcmp(cost.reasons[0].name, "hlt") == 0 &&
		   cost.reasons[3].reason == 0xfff0 && !cost.reasons[3].name,
	   "with the names that they have");
}

static void test_many(void)
{
	uint64_t many[40][4] = { 0 };
	struct made begin, end;
	struct cost cost;

	make(&begin, 1, before + 3);
	for (uint64_t i = 0; i < 30; i++)
		memcpy(many[i], (uint64_t[4]){ i, 1 + i * 7 % 30, 10, 10 }, sizeof(many[i]));
	make(&end, 2, (const uint64_t (*)[4])many);
	ok(cost_compute(&hello, &begin.sample, &end.sample, &cost) == 0 &&
		   cost.reason_count == COST_REASONS && cost.reasons[0].exits == 30 &&
		   cost.reasons[COST_REASONS - 1].exits == 31 - COST_REASONS &&
		   cost.other_exits == 465 - (30 + 29 + 28 + 27 + 26 + 25 + 24 + 23),
	   "of many reasons those with the most exits, and the sum of the others");
}

static void test_refusals(void)
{
	struct made begin, end;
	struct cost cost = { .exits = 5 };

	make(&begin, 10, before);
	make(&end, 14, after);
	end.sample.generation++;
	ok(cost_compute(&hello, &begin.sample, &end.sample, &cost) == -ESTALE && cost.exits == 5,
	   "not over two generations");
	end.sample.has &= ~SAMPLE_HAS_GENERATION;
	ok(cost_compute(&hello, &begin.sample, &end.sample, &cost) == 0, "if they are known");
	end.sample.exits = begin.sample.exits - 1;
	ok(cost_compute(&hello, &begin.sample, &end.sample, &cost) == -ESTALE, "nor if exits fall");
	end.sample.exits = begin.sample.exits;
	end.sample.away_cycles = 0;
	ok(cost_compute(&hello, &begin.sample, &end.sample, &cost) == -ESTALE, "nor cycles");
	ok(cost_compute(&hello, &begin.sample, &begin.sample, &cost) == -ESTALE, "nor without time");
	end.sample.has &= ~SAMPLE_HAS_EXITS;
	ok(cost_compute(&hello, &begin.sample, &end.sample, &cost) == -ENODATA, "nor without exits");
}

/* What @print makes of it. */
static char *printed(void (*print)(FILE *, const struct report *), const struct report *report)
{
	static char buf[4096];
	FILE *f = fmemopen(buf, sizeof(buf), "w");

	print(f, report);
	fclose(f);
	return buf;
}

static void test_report(void)
{
	struct report report = { .label = "say \"x\"", .status = 3, .begin = 5, .end = 9 };
	struct proto_hello no_tsc = hello;
	struct made begin, end;
	char *text;

	make(&begin, 10, before);
	make(&end, 14, after);
	(void)cost_compute(&hello, &begin.sample, &end.sample, &report.cost);
	report.cost.handling_cycles = 80000000;
	text = printed(report_print, &report);
	ok(strstr(text, "4.000 s on 2 vCPUs, status 3\n4004 exits, 1001.0/s, "
			"1.000 % of their time handling, 0.004 % of their time away without idle\n") &&
		   strstr(text, "3000      750.0     0.001 %     0.001 %  hlt\n") &&
		   strstr(text, "  65520\n"),
	   "the report has it all");
	text = printed(report_print_json, &report);
	ok(strstr(text, "{\"label\":\"say \\\"x\\\"\",\"status\":3,\"measured\":true,\"begin\":5,\"end\":9,"
			"\"seconds\":4.000000,\"vcpus\":2,\"exits\":4004,") == text &&
		   strstr(text, "\"handling_percent\":1.000000,") &&
		   strstr(text, "\"reasons\":[{\"reason\":120,\"name\":\"hlt\",\"exits\":3000,") &&
		   strstr(text, "\"name\":null") && strchr(text, '\n') == text + strlen(text) - 1,
	   "so has the JSON, in one line");

	no_tsc.tsc_khz = 0;
	begin.sample.has = end.sample.has = SAMPLE_HAS_EXITS | SAMPLE_HAS_HANDLING;
	begin.sample.detail_len = 0;
	(void)cost_compute(&no_tsc, &begin.sample, &end.sample, &report.cost);
	text = printed(report_print, &report);
	ok(strstr(text, "190032 cycles handling\n") && !strstr(text, "away") && !strstr(text, "reason"),
	   "what is not known is not said");
	text = printed(report_print_json, &report);
	ok(!strstr(text, "percent") && !strstr(text, "away") && !strstr(text, "reasons"),
	   "nor in JSON");
	report.why = "no \x80 agent";
	text = printed(report_print, &report);
	ok(strstr(text, "nothing was measured: no "), "nothing at all is said in words");
	text = printed(report_print_json, &report);
	ok(strstr(text, "\"measured\":false,") && strstr(text, "\"why\":\"no ? agent\"}") &&
		   !strstr(text, "seconds"),
	   "and in JSON");
}

int main(void)
{
	test_compute();
	test_many();
	test_refusals();
	test_report();
	return done_testing();
}
