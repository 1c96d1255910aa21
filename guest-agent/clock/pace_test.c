/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By a clock of the test's own. */
#include "guest-agent/clock/pace.h"

#include "guest-agent/shared/tap.h"

#define MS 1000000ULL
#define S (1000 * MS)

static const struct pace_settings usual = {
	.interval_ms = 1000,
	.boot_interval_ms = 100,
	.boot_s = 120,
	.host_min_ms = 100,
	.cpu_budget = 5,
	.exit_budget = 500,
};

static struct pace pace;
static uint64_t now_ns, cpu_ns, exits;

/* What a tick costs the guest. */
static uint64_t tick_cpu_ns;
static unsigned int tick_exits;

static void start(const struct pace_settings *settings, uint64_t uptime_ns)
{
	now_ns = uptime_ns;
	cpu_ns = exits = 0;
	tick_cpu_ns = 100000;
	tick_exits = 40;
	pace_init(&pace, settings, now_ns);
}

/* Tick until @until_ns, each a bit late. Returns how many; misses in *@ret_missed. */
static unsigned int run_until(uint64_t until_ns, uint64_t *ret_missed)
{
	unsigned int ticks = 0;
	uint64_t missed;

	*ret_missed = 0;
	while (pace_due_ns(&pace) < until_ns) {
		if (pace_due_ns(&pace) > now_ns)
			now_ns = pace_due_ns(&pace);
		now_ns += 300000;
		if (!pace_tick(&pace, now_ns, &missed))
			return 0;
		*ret_missed += missed;
		cpu_ns += tick_cpu_ns;
		exits += tick_exits;
		pace_account(&pace, now_ns + 1 * MS, cpu_ns, exits);
		ticks++;
	}
	now_ns = until_ns;
	return ticks;
}

static bool is(uint32_t interval_ms, enum sample_pace why)
{
	struct sample sample = { 0 };

	pace_describe(&pace, &sample);
	return sample.has == SAMPLE_HAS_PACE && sample.interval_us == interval_ms * 1000 &&
	       sample.pace == why;
}

static void test_steady(void)
{
	uint64_t missed;
	unsigned int ticks;

	start(&usual, 1000 * S + 123456789);
	ok(pace_due_ns(&pace) == now_ns, "the first sample is due at once");
	ok(pace_tick(&pace, now_ns, &missed) && missed == 0 && is(1000, SAMPLE_PACE_CONFIGURED),
	   "and nothing was missed");
	ok(pace_due_ns(&pace) == 1001 * S, "the next at a whole multiple of the interval");
	ok(!pace_tick(&pace, 1001 * S - 1, &missed), "before that none is due");
	ticks = run_until(100000 * S, &missed);
	ok(ticks == 98999 && missed == 0 && pace_due_ns(&pace) == 100000 * S,
	   "after a day there is no drift, though each was late (%u)", ticks);
	ok(is(1000, SAMPLE_PACE_CONFIGURED), "and the rate is that configured");
}

static void test_missed(void)
{
	uint64_t missed = 99;

	start(&usual, 1000 * S);
	pace_tick(&pace, now_ns, &missed);
	ok(pace_tick(&pace, 1001 * S + 999 * MS, &missed) && missed == 0,
	   "late by less than an interval: nothing is missed");
	ok(pace_due_ns(&pace) == 1002 * S, "and the next comes in time");
	ok(pace_tick(&pace, 1005 * S + 500 * MS, &missed) && missed == 3,
	   "late by 3.5 intervals: three are missed");
	ok(pace_due_ns(&pace) == 1006 * S, "and are not made up");
	ok(pace_tick(&pace, 100006 * S, &missed) && missed == 99000, "a guest that was suspended");
	start(&usual, 1000 * S + 700 * MS);
	pace_go_on(&pace, 1000 * S + 300 * MS);
	ok(pace_tick(&pace, 1000 * S + 700 * MS, &missed) && missed == 0,
	   "going on from a sample, the first is due at once");
	start(&usual, 1005 * S + 700 * MS);
	pace_go_on(&pace, 1000 * S + 300 * MS);
	ok(pace_due_ns(&pace) == 1001 * S && pace_tick(&pace, 1005 * S + 700 * MS, &missed) &&
		   missed == 4 && pace_due_ns(&pace) == 1006 * S,
	   "and what nobody took meanwhile is missed");
}

static void test_boot(void)
{
	struct pace_settings other = usual;
	uint64_t missed;
	unsigned int ticks;

	start(&usual, 3 * S + 50 * MS);
	ticks = run_until(120 * S, &missed);
	ok(ticks == 1170 && missed == 0 && is(100, SAMPLE_PACE_BOOT),
	   "a young guest has ten samples a second (%u)", ticks);
	ticks = run_until(130 * S, &missed);
	ok(ticks == 10 && missed == 0 && is(1000, SAMPLE_PACE_CONFIGURED),
	   "after two minutes one (%u)", ticks);
	other.boot_s = 0;
	start(&other, 3 * S);
	ok(is(1000, SAMPLE_PACE_CONFIGURED), "no boot profile");
	other = usual;
	other.interval_ms = 50;
	start(&other, 3 * S);
	ok(is(50, SAMPLE_PACE_CONFIGURED), "one that would be slower than the rest is none");
}

static void test_wish(void)
{
	struct pace_settings other = usual;
	uint64_t missed;

	start(&usual, 1000 * S);
	pace_tick(&pace, now_ns, &missed);
	pace_wish(&pace, 200000, 1000 * S + 1);
	ok(is(200, SAMPLE_PACE_HOST) && pace_due_ns(&pace) == 1000 * S + 200 * MS,
	   "the host's wish is followed at once");
	pace_wish(&pace, 10000, now_ns);
	ok(is(100, SAMPLE_PACE_HOST), "up to the limit of the guest");
	pace_wish(&pace, 3000000, now_ns);
	ok(is(3000, SAMPLE_PACE_HOST), "slower too");
	pace_wish(&pace, UINT32_MAX, now_ns);
	ok(is(10000, SAMPLE_PACE_HOST), "but not without end");
	pace_wish(&pace, 1, now_ns);
	ok(is(100, SAMPLE_PACE_HOST), "an absurd wish is the limit");
	pace_wish(&pace, 0, now_ns);
	ok(is(1000, SAMPLE_PACE_CONFIGURED) && pace_due_ns(&pace) == 1001 * S,
	   "no wish: as configured");
	start(&usual, 10 * S);
	pace_wish(&pace, 500000, now_ns);
	ok(is(500, SAMPLE_PACE_HOST), "a wish goes before the boot profile");
	other.host_min_ms = 0;
	start(&other, 1000 * S);
	pace_wish(&pace, 200000, now_ns);
	ok(is(1000, SAMPLE_PACE_CONFIGURED), "a guest that grants nothing does not follow");
	other.host_min_ms = 10;
	other.cpu_budget = other.exit_budget = 0;
	start(&other, 1000 * S);
	pace_wish(&pace, 10000, now_ns);
	ok(is(10, SAMPLE_PACE_HOST) && run_until(1010 * S, &missed) == 1000 && missed == 0,
	   "one that grants it has 100 a second");
}

static void test_cpu_budget(void)
{
	uint64_t missed;

	start(&usual, 1000 * S);
	tick_cpu_ns = 4900000;
	run_until(1100 * S, &missed);
	ok(is(1000, SAMPLE_PACE_CONFIGURED), "4.9 of 5 per mille: no reason to be slower");
	tick_cpu_ns = 5200000;
	run_until(1110 * S, &missed);
	ok(is(2000, SAMPLE_PACE_BUDGET), "5.2: half as often, and it says why");
	run_until(1300 * S, &missed);
	ok(is(2000, SAMPLE_PACE_BUDGET), "and it stays so while it would be too much again");
	tick_cpu_ns = 30000000;
	run_until(1400 * S, &missed);
	ok(is(8000, SAMPLE_PACE_BUDGET), "30 ms a sample: every 8 s");
	tick_cpu_ns = 900000000;
	run_until(1700 * S, &missed);
	ok(is(10000, SAMPLE_PACE_BUDGET), "a sample that takes 0.9 s: not without end");
	tick_cpu_ns = 1000000;
	run_until(1750 * S, &missed);
	ok(is(10000, SAMPLE_PACE_BUDGET), "when it is cheap again it does not jump");
	run_until(4000 * S, &missed);
	ok(is(1000, SAMPLE_PACE_CONFIGURED), "but recovers slowly");
}

static void test_exit_budget(void)
{
	struct pace_settings other = usual;
	uint64_t missed;

	start(&usual, 1000 * S);
	tick_exits = 45;
	pace_wish(&pace, 100000, now_ns);
	run_until(1100 * S, &missed);
	ok(is(100, SAMPLE_PACE_HOST), "450 of 500 exits a second: as the host wishes");
	tick_exits = 60;
	run_until(1110 * S, &missed);
	ok(is(200, SAMPLE_PACE_BUDGET), "600: slower than it wishes");
	run_until(1130 * S, &missed);
	ok(is(200, SAMPLE_PACE_BUDGET), "with 300 there is no room for twice as many");
	pace_account(&pace, now_ns + 100 * S, cpu_ns, 0);
	ok(is(200, SAMPLE_PACE_BUDGET), "nobody counts exits anymore: that is not too many");
	other.exit_budget = 0;
	start(&other, 1000 * S);
	tick_exits = 60000;
	run_until(1100 * S, &missed);
	ok(is(1000, SAMPLE_PACE_CONFIGURED), "no budget, no limit");
}

static void test_young_budget(void)
{
	uint64_t missed;

	start(&usual, 3 * S);
	tick_exits = 60;
	tick_cpu_ns = 3000000;
	run_until(120 * S, &missed);
	ok(is(100, SAMPLE_PACE_BOOT), "while the guest is young the budgets are ten times as large");
	tick_cpu_ns = 9000000;
	start(&usual, 3 * S);
	tick_cpu_ns = 9000000;
	run_until(100 * S, &missed);
	ok(is(200, SAMPLE_PACE_BUDGET), "which is a limit as well");
	tick_cpu_ns = 1000000;
	run_until(140 * S, &missed);
	ok(is(1000, SAMPLE_PACE_CONFIGURED), "and is forgotten with it");
}

int main(void)
{
	test_steady();
	test_missed();
	test_boot();
	test_wish();
	test_cpu_budget();
	test_exit_budget();
	test_young_budget();
	return done_testing();
}
