/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/host/hostlink.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Of lives that have no other name than the guest's word. */
static const char *const guests_names[] = { "guest/", "kvm/" };

static bool is_guests_name(const char *life)
{
	for (size_t i = 0; i < sizeof(guests_names) / sizeof(guests_names[0]); i++) {
		if (strncmp(life, guests_names[i], strlen(guests_names[i])) == 0)
			return true;
	}
	return false;
}

static bool is_open(const struct vm *vm)
{
	return vm->boot && vm->boot->closed_ns == 0;
}

/* When a boot began that was seen to. */
static int64_t booted_ns(const struct vm *vm)
{
	if (!is_open(vm) || vm->boot->cause == BOOT_FOUND || vm->boot->cause == BOOT_RESUMED)
		return 0;
	return vm->boot->opened_ns;
}

void hostlink_watch(const struct hostlink *link, struct hostsource *hostsource,
		    const struct vm *vm)
{
	bool runs = link->by_libvirt ? is_open(vm) : link->pid > 0;
	struct host_vm host_vm = {
		.libvirt = link->by_libvirt,
		.pid = link->by_libvirt ? 0 : link->pid,
		.booted_ns = booted_ns(vm),
	};

	if (!hostsource)
		return;
	if (!runs) {
		hostsource_forget(hostsource, vm->key);
		return;
	}
	memcpy(host_vm.key, vm->key, sizeof(host_vm.key));
	memcpy(host_vm.name, vm->name, sizeof(host_vm.name));
	if (link->by_libvirt)
		memcpy(host_vm.life, vm->boot->life, sizeof(host_vm.life));
	hostsource_watch(hostsource, &host_vm);
}

void hostlink_peer(struct hostlink *link, pid_t pid)
{
	if (pid != link->pid)
		link->process[0] = '\0';
	link->pid = pid;
}

const char *hostlink_life(const struct hostlink *link, const struct vm *vm, const char *guest)
{
	if (link->by_libvirt && vm->boot)
		return vm->boot->life;
	return *link->process ? link->process : guest;
}

bool hostlink_is_new(struct hostlink *link, struct vm *vm, const struct host_reading *reading)
{
	if (link->by_libvirt || !*reading->life)
		return false;
	memcpy(link->process, reading->life, sizeof(link->process));
	if (is_open(vm) && is_guests_name(vm->boot->life))
		return reading->has & HOST_HAS_REASONS && vm->boot->has_generation &&
		       vm->boot->generation != reading->generation;
	return !is_open(vm) || strcmp(vm->boot->life, reading->life) != 0;
}

/* The leaf has what the kernel calibrated, which is no nearer than this. */
static bool is_about(uint32_t khz, uint32_t measured_khz)
{
	uint32_t slack = measured_khz / 20;

	return khz >= measured_khz - slack && khz <= measured_khz + (uint64_t)slack;
}

bool hostlink_correct(const struct hostlink *link, struct boot *boot)
{
	bool tsc_khz = link->tsc_khz && !is_about(boot->tsc_khz, link->tsc_khz);
	bool reasons = link->reason_namespace && link->reason_namespace != boot->reason_namespace;

	if (tsc_khz)
		boot->tsc_khz = link->tsc_khz;
	if (reasons)
		boot->reason_namespace = link->reason_namespace;
	return tsc_khz || reasons;
}

bool hostlink_note(struct hostlink *link, struct boot *boot, const struct host_reading *reading)
{
	bool vcpus = !boot->vcpus && reading->vcpus;
	bool life = *reading->life && strcmp(boot->life, reading->life) != 0;

	if (reading->tsc_khz)
		link->tsc_khz = reading->tsc_khz;
	if (reading->has & HOST_HAS_REASONS)
		link->reason_namespace = reading->reason_namespace;
	if (vcpus)
		boot->vcpus = reading->vcpus;
	if (life)
		memcpy(boot->life, reading->life, sizeof(boot->life));
	return hostlink_correct(link, boot) || vcpus || life;
}

bool hostlink_is_domain(const char *key)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	for (size_t i = 0; i < sizeof(form); i++) {
		if (form[i] == 'x' ? !isxdigit((unsigned char)key[i]) : key[i] != form[i])
			return false;
	}
	return true;
}

static int by_reason(const void *a, const void *b)
{
	const struct host_reason *left = a, *right = b;

	return (left->reason > right->reason) - (left->reason < right->reason);
}

/* The reasons as a sample's list, which is in ascending order; 0 if they are none. */
static size_t put_reasons(struct host_reading *reading, struct hostlink_detail *detail)
{
	struct wire_writer w = { .buf = detail->bytes, .size = sizeof(detail->bytes) };
	size_t began = detail_begin(&w, DETAIL_REASONS);

	qsort(reading->reasons, reading->reasons_count, sizeof(reading->reasons[0]), by_reason);
	for (size_t i = 0; i < reading->reasons_count; i++) {
		const struct host_reason *r = &reading->reasons[i];
		const struct detail_entry entry = {
			.id = r->reason,
			.value = r->count,
			.handling_cycles = r->handling_cycles,
			.away_cycles = r->away_cycles,
		};

		detail_put(&w, DETAIL_REASONS, &entry);
	}
	detail_end(&w, began);
	return !w.overflow && detail_is_valid(detail->bytes, w.len) ? w.len : 0;
}

void hostlink_sample(struct host_reading *reading, struct hostlink_detail *detail,
		     struct sample *ret_sample)
{
	*ret_sample = (struct sample){
		.t_wall_ns = reading->t_ns,
		.clock_error_ns = reading->error_ns < UINT32_MAX ? reading->error_ns : UINT32_MAX,
		.has = SAMPLE_HAS_EXITS,
		.exits = reading->exits,
	};
	if (reading->has & HOST_HAS_CYCLES) {
		ret_sample->has |= SAMPLE_HAS_HANDLING;
		ret_sample->handling_cycles = reading->handling_cycles;
	}
	/* Away and idle are known together or not at all. */
	if (reading->has & HOST_HAS_CYCLES && reading->has & HOST_HAS_IDLE) {
		ret_sample->has |= SAMPLE_HAS_AWAY;
		ret_sample->away_cycles = reading->away_cycles;
		ret_sample->idle_cycles = reading->idle_cycles;
	}
	if (reading->has & HOST_HAS_REASONS) {
		ret_sample->has |= SAMPLE_HAS_GENERATION;
		ret_sample->generation = reading->generation;
		ret_sample->detail = detail->bytes;
		ret_sample->detail_len = put_reasons(reading, detail);
	}
}
