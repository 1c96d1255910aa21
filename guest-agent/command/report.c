/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/command/report.h"

#include <inttypes.h>

static double share(const struct cost *cost, uint64_t cycles)
{
	return 100.0 * cycles / cost->cycles;
}

static void print_share(FILE *out, const struct cost *cost, uint32_t has, uint64_t cycles,
			const char *what)
{
	if (!(cost->has & has))
		return;
	if (cost->has & COST_HAS_SHARES)
		fprintf(out, ", %.3f %% of their time %s", share(cost, cycles), what);
	else
		fprintf(out, ", %" PRIu64 " cycles %s", cycles, what);
}

static void print_column(FILE *out, const struct cost *cost, uint32_t has, uint64_t cycles)
{
	if ((cost->has & has) && (cost->has & COST_HAS_SHARES))
		fprintf(out, "  %8.3f %%", share(cost, cycles));
	else
		fprintf(out, "  %10s", "-");
}

static void print_reason(FILE *out, const struct cost *cost, const struct cost_reason *reason)
{
	fprintf(out, "%12" PRIu64 " %10.1f", reason->exits, reason->exits / cost->seconds);
	print_column(out, cost, COST_HAS_HANDLING, reason->handling_cycles);
	print_column(out, cost, COST_HAS_AWAY, reason->away_cycles);
	if (reason->name)
		fprintf(out, "  %s\n", reason->name);
	else
		fprintf(out, "  %" PRIu32 "\n", reason->reason);
}

void report_print(FILE *out, const struct report *report)
{
	const struct cost *cost = &report->cost;

	if (report->why) {
		fprintf(out, "vmexit-agent: '%s': nothing was measured: %s\n", report->label,
			report->why);
		return;
	}
	fprintf(out,
		"vmexit-agent: '%s': %.3f s on %u vCPU%s, status %d\n"
		"%" PRIu64 " exits, %.1f/s",
		report->label, cost->seconds, cost->vcpus, cost->vcpus == 1 ? "" : "s",
		report->status, cost->exits, cost->exits / cost->seconds);
	print_share(out, cost, COST_HAS_HANDLING, cost->handling_cycles, "handling");
	print_share(out, cost, COST_HAS_AWAY, cost->away_cycles, "away without idle");
	fputc('\n', out);
	if (!(cost->has & COST_HAS_REASONS))
		return;
	fprintf(out, "%12s %10s  %10s  %10s  %s\n", "exits", "/s", "handling", "away", "reason");
	for (size_t i = 0; i < cost->reason_count; i++)
		print_reason(out, cost, &cost->reasons[i]);
	if (cost->other_exits)
		fprintf(out, "%12" PRIu64 " %10.1f  %10s  %10s  all others\n", cost->other_exits,
			cost->other_exits / cost->seconds, "", "");
}

static void print_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text >= 0x20 && *text < 0x7f ? *text : '?', out);
	}
	fputc('"', out);
}

static void print_cycles(FILE *out, const struct cost *cost, uint32_t has, const char *name,
			 uint64_t cycles)
{
	if (cost->has & has)
		fprintf(out, ",\"%s_cycles\":%" PRIu64, name, cycles);
	if ((cost->has & has) && (cost->has & COST_HAS_SHARES))
		fprintf(out, ",\"%s_percent\":%.6f", name, share(cost, cycles));
}

static void print_both(FILE *out, const struct cost *cost, uint64_t handling, uint64_t away)
{
	print_cycles(out, cost, COST_HAS_HANDLING, "handling", handling);
	print_cycles(out, cost, COST_HAS_AWAY, "away", away);
}

static void print_cost_json(FILE *out, const struct cost *cost)
{
	fprintf(out, ",\"seconds\":%.6f,\"vcpus\":%u,\"exits\":%" PRIu64
		",\"exits_per_second\":%.3f",
		cost->seconds, cost->vcpus, cost->exits, cost->exits / cost->seconds);
	print_both(out, cost, cost->handling_cycles, cost->away_cycles);
	if (!(cost->has & COST_HAS_REASONS))
		return;
	fprintf(out, ",\"reasons\":[");
	for (size_t i = 0; i < cost->reason_count; i++) {
		const struct cost_reason *reason = &cost->reasons[i];

		fprintf(out, "%s{\"reason\":%" PRIu32 ",\"name\":", i ? "," : "", reason->reason);
		if (reason->name)
			print_string(out, reason->name);
		else
			fprintf(out, "null");
		fprintf(out, ",\"exits\":%" PRIu64, reason->exits);
		print_both(out, cost, reason->handling_cycles, reason->away_cycles);
		fputc('}', out);
	}
	fprintf(out, "],\"other_exits\":%" PRIu64, cost->other_exits);
}

void report_print_json(FILE *out, const struct report *report)
{
	fprintf(out, "{\"label\":");
	print_string(out, report->label);
	fprintf(out, ",\"status\":%d,\"measured\":%s", report->status,
		report->why ? "false" : "true");
	if (report->begin)
		fprintf(out, ",\"begin\":%" PRIu64, report->begin);
	if (report->end)
		fprintf(out, ",\"end\":%" PRIu64, report->end);
	if (report->why) {
		fprintf(out, ",\"why\":");
		print_string(out, report->why);
	} else {
		print_cost_json(out, &report->cost);
	}
	fprintf(out, "}\n");
}
