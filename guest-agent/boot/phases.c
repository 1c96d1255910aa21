/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/boot/phases.h"

#include "guest-agent/shared/log.h"

#define SECOND_NS 1000000000ULL
/* An init that is not seen to be systemd after this is none. */
#define SYSTEMD_NS (10 * SECOND_NS)
/*
 * Asked after 2, 4, 8, ... seconds: each answer costs the guest a process, and the
 * times in it are exact however late it comes. A boot that takes longer than the
 * sum, 34 minutes, has no end for us.
 */
#define FIRST_NS (2 * SECOND_NS)
#define ASK_MAX 10

static const char *const labels[PHASES_COUNT] = { "kernel", "initramfs", "userspace", "finished" };

static void know(struct phases *phases, enum phases_phase phase, uint64_t t_boot_ns)
{
	if (phases->phases[phase].known)
		return;
	phases->phases[phase].known = true;
	phases->phases[phase].t_boot_ns = t_boot_ns;
}

void phases_init(struct phases *phases, bool in_initramfs, uint64_t now_ns)
{
	*phases = (struct phases){ .in_initramfs = in_initramfs,
				   .systemd_is_there = systemd_is_there,
				   .next_ns = now_ns + FIRST_NS };
	systemd_init(&phases->query);
	know(phases, PHASES_KERNEL, 0);
	if (in_initramfs)
		know(phases, PHASES_INITRAMFS, now_ns);
}

void phases_done(struct phases *phases)
{
	systemd_done(&phases->query);
}

uint32_t phases_said(const struct phases *phases)
{
	uint32_t said = 0;

	for (size_t i = 0; i < PHASES_COUNT; i++)
		said |= (uint32_t)phases->phases[i].said << i;
	return said;
}

void phases_go_on(struct phases *phases, uint32_t said)
{
	for (size_t i = 0; i < PHASES_COUNT; i++) {
		if (said & 1U << i)
			phases->phases[i].known = phases->phases[i].said = true;
	}
	if (said & 1U << PHASES_FINISHED)
		phases->over = true;
}

void phases_switched(struct phases *phases, uint64_t now_ns)
{
	phases->in_initramfs = false;
	phases->switched_ns = now_ns;
	phases->next_ns = now_ns + FIRST_NS;
}

static void give_up(struct phases *phases)
{
	phases->over = true;
	if (phases->switched_ns)
		know(phases, PHASES_USERSPACE, phases->switched_ns);
}

static void ask(struct phases *phases, uint64_t now_ns)
{
	if (phases->asked == ASK_MAX) {
		log_info("systemd did not say when the boot was finished, not asking any more");
		give_up(phases);
		return;
	}
	phases->next_ns = now_ns + (FIRST_NS << ++phases->asked);
	if (systemd_ask(&phases->query, phases->systemctl, now_ns) < 0)
		give_up(phases);
}

/*
 * Suspended a guest cannot boot, so these times of CLOCK_MONOTONIC are of
 * CLOCK_BOOTTIME as well.
 */
static void take_answer(struct phases *phases, uint64_t now_ns)
{
	struct systemd_times times;
	int r = systemd_answer(&phases->query, now_ns, &times);

	if (r < 0)
		return;
	/* The agent's own start in an initramfs is earlier, or it saw none. */
	if (times.initrd_us)
		know(phases, PHASES_INITRAMFS, times.initrd_us * 1000);
	if (times.userspace_us)
		know(phases, PHASES_USERSPACE, times.userspace_us * 1000);
	if (times.finish_us) {
		know(phases, PHASES_FINISHED, times.finish_us * 1000);
		give_up(phases);
	}
}

void phases_check(struct phases *phases, uint64_t now_ns)
{
	if (phases->over || phases->in_initramfs)
		return;
	if (phases->query.pid)
		take_answer(phases, now_ns);
	else if (now_ns < phases->next_ns)
		return;
	else if (phases->systemd_is_there())
		ask(phases, now_ns);
	else if (now_ns - phases->switched_ns >= SYSTEMD_NS)
		give_up(phases);
}

const char *phases_take(struct phases *phases, uint64_t *ret_t_boot_ns)
{
	for (size_t i = 0; i < PHASES_COUNT; i++) {
		if (!phases->phases[i].known || phases->phases[i].said)
			continue;
		phases->phases[i].said = true;
		*ret_t_boot_ns = phases->phases[i].t_boot_ns;
		return labels[i];
	}
	return NULL;
}
