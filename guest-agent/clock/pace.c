/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/clock/pace.h"

#define NS_PER_MS 1000000ULL
#define NS_PER_S 1000000000ULL

/* A look at the budget: after so long, and so many ticks. */
#define LOOK_NS (2 * NS_PER_S)
#define LOOK_TICKS 4
/* Looks in a row with less than half of the budget used before the agent dares more. */
#define CALM_LOOKS 8
#define YOUNG_FACTOR 10

static bool is_young(const struct pace *pace, uint64_t now_ns)
{
	return now_ns < pace->settings.boot_s * NS_PER_S;
}

/* What is asked for, without regard to its cost. */
static uint32_t asked_for(const struct pace *pace, uint64_t now_ns, enum sample_pace *ret_why)
{
	const struct pace_settings *s = &pace->settings;

	if (pace->wish_ms && s->host_min_ms) {
		*ret_why = SAMPLE_PACE_HOST;
		return pace->wish_ms > s->host_min_ms ? pace->wish_ms : s->host_min_ms;
	}
	if (is_young(pace, now_ns) && s->boot_interval_ms < s->interval_ms) {
		*ret_why = SAMPLE_PACE_BOOT;
		return s->boot_interval_ms;
	}
	*ret_why = SAMPLE_PACE_CONFIGURED;
	return s->interval_ms;
}

static uint64_t multiple_after(uint64_t now_ns, uint32_t interval_ms)
{
	uint64_t interval_ns = interval_ms * NS_PER_MS;

	return (now_ns / interval_ns + 1) * interval_ns;
}

/*
 * With another interval a time that is still to come is another, and what was used
 * before says nothing.
 */
static void choose(struct pace *pace, uint64_t now_ns)
{
	uint32_t before = pace->interval_ms;

	pace->interval_ms = asked_for(pace, now_ns, &pace->why);
	if (pace->floor_ms > pace->interval_ms) {
		pace->interval_ms = pace->floor_ms;
		pace->why = SAMPLE_PACE_BUDGET;
	}
	if (pace->interval_ms == before)
		return;
	pace->accounting = false;
	if (pace->due_ns > now_ns)
		pace->due_ns = multiple_after(now_ns, pace->interval_ms);
}

void pace_init(struct pace *pace, const struct pace_settings *settings, uint64_t now_ns)
{
	*pace = (struct pace){ .settings = *settings, .due_ns = now_ns };
	choose(pace, now_ns);
}

void pace_go_on(struct pace *pace, uint64_t sampled_ns)
{
	uint64_t due_ns = multiple_after(sampled_ns, pace->interval_ms);

	if (due_ns < pace->due_ns)
		pace->due_ns = due_ns;
}

void pace_wish(struct pace *pace, uint32_t interval_us, uint64_t now_ns)
{
	uint64_t ms = (interval_us + 999ULL) / 1000;

	if (interval_us && ms < PACE_INTERVAL_MIN_MS)
		ms = PACE_INTERVAL_MIN_MS;
	pace->wish_ms = ms > PACE_INTERVAL_MAX_MS ? PACE_INTERVAL_MAX_MS : ms;
	choose(pace, now_ns);
}

bool pace_tick(struct pace *pace, uint64_t now_ns, uint64_t *ret_missed)
{
	if (now_ns < pace->due_ns)
		return false;
	*ret_missed = (now_ns - pace->due_ns) / (pace->interval_ms * NS_PER_MS);
	choose(pace, now_ns);
	pace->due_ns = multiple_after(now_ns, pace->interval_ms);
	pace->ticks++;
	return true;
}

uint64_t pace_due_ns(const struct pace *pace)
{
	return pace->due_ns;
}

/* A part of the budget that was used: 1000 is all of it. */
static uint64_t used(const struct pace *pace, uint64_t now_ns, uint64_t cpu_ns, uint64_t exits)
{
	const struct pace_settings *s = &pace->settings;
	uint64_t factor = is_young(pace, now_ns) ? YOUNG_FACTOR : 1;
	uint64_t time_ms = (now_ns - pace->since_ns) / NS_PER_MS;
	uint64_t cpu = 0, exit = 0;

	if (s->cpu_budget)
		cpu = (cpu_ns - pace->cpu_ns) / (time_ms * s->cpu_budget * factor);
	if (s->exit_budget && exits > pace->exits)
		exit = (exits - pace->exits) * 1000000 / (time_ms * s->exit_budget * factor);
	return cpu > exit ? cpu : exit;
}

static void slow_down(struct pace *pace)
{
	pace->floor_ms = 2 * pace->interval_ms;
	if (pace->floor_ms > PACE_INTERVAL_MAX_MS)
		pace->floor_ms = PACE_INTERVAL_MAX_MS;
}

/* With half of the interval the agent would use twice as much. */
static void weigh(struct pace *pace, uint64_t part)
{
	if (part > 1000) {
		pace->calm = 0;
		slow_down(pace);
		return;
	}
	pace->calm = part < 450 ? pace->calm + 1 : 0;
	if (pace->calm < CALM_LOOKS)
		return;
	pace->calm = 0;
	pace->floor_ms = pace->why == SAMPLE_PACE_BUDGET ? pace->floor_ms / 2 : 0;
}

void pace_account(struct pace *pace, uint64_t now_ns, uint64_t cpu_ns, uint64_t exits)
{
	if (pace->accounting) {
		if (now_ns - pace->since_ns < LOOK_NS || pace->ticks < LOOK_TICKS)
			return;
		weigh(pace, used(pace, now_ns, cpu_ns, exits));
		choose(pace, now_ns);
	}
	pace->accounting = true;
	pace->since_ns = now_ns;
	pace->cpu_ns = cpu_ns;
	pace->exits = exits;
	pace->ticks = 0;
}

void pace_describe(const struct pace *pace, struct sample *sample)
{
	sample->interval_us = pace->interval_ms * 1000;
	sample->pace = pace->why;
	sample->has |= SAMPLE_HAS_PACE;
}
