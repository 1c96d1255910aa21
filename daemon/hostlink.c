/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/hostlink.h"

#include <ctype.h>
#include <string.h>

#define GUEST_PREFIX "guest/"

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
	if (is_open(vm) && strncmp(vm->boot->life, GUEST_PREFIX, strlen(GUEST_PREFIX)) == 0)
		return false;
	return !is_open(vm) || strcmp(vm->boot->life, reading->life) != 0;
}

bool hostlink_note(struct boot *boot, const struct host_reading *reading)
{
	uint32_t namespace = reading->has & HOST_HAS_REASONS ? reading->reason_namespace : 0;
	bool vcpus = !boot->vcpus && reading->vcpus;
	bool tsc_khz = !boot->tsc_khz && reading->tsc_khz;
	bool reasons = !boot->reason_namespace && namespace;
	bool life = *reading->life && strcmp(boot->life, reading->life) != 0;

	if (vcpus)
		boot->vcpus = reading->vcpus;
	if (tsc_khz)
		boot->tsc_khz = reading->tsc_khz;
	if (reasons)
		boot->reason_namespace = namespace;
	if (life)
		memcpy(boot->life, reading->life, sizeof(boot->life));
	return vcpus || tsc_khz || reasons || life;
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

void hostlink_sample(const struct host_reading *reading, struct sample *ret_sample)
{
	*ret_sample = (struct sample){
		.t_wall_ns = reading->t_ns,
		.has = SAMPLE_HAS_EXITS,
		.exits = reading->exits,
	};
	if (reading->has & HOST_HAS_CYCLES) {
		ret_sample->has |= SAMPLE_HAS_HANDLING;
		ret_sample->handling_cycles = reading->handling_cycles;
	}
	if (reading->has & HOST_HAS_REASONS) {
		ret_sample->has |= SAMPLE_HAS_GENERATION;
		ret_sample->generation = reading->generation;
	}
}
