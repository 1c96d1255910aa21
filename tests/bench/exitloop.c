/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The smallest user of /dev/kvm: a guest that executes CPUID in a loop, and the time
 * stamps of the host around it. Meant for an emulated host whose TSC counts
 * instructions; see README.md.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <x86intrin.h>

#define GUEST_CODE 0x1000
#define PAGE 4096
#define VCPUS_MAX 64
#define CPUID_ENTRIES 256

struct vcpu {
	int fd;
	struct kvm_run *run;
};

struct vm {
	int kvm_fd;
	int fd;
	size_t run_size;
	unsigned int n_vcpus;
	struct vcpu vcpus[VCPUS_MAX];
};

struct options {
	unsigned long exits;
	unsigned long runs;
	unsigned long leaf;
	unsigned long vcpus;
	bool profile;
};

struct figures {
	uint64_t shortest;
	double sum;
};

static int failed(const char *what)
{
	int r = -errno;

	fprintf(stderr, "exitloop: %s: %s\n", what, strerror(errno));
	return r ? r : -EIO;
}

/*
 * ESI times CPUID, in real mode. The end is an OUT and not a HLT: with KVM's own
 * interrupt controllers, which real VMs have, a HLT does not come back.
 */
static void guest_code(uint8_t *code, uint32_t leaf)
{
	static const uint8_t template[] = {
		0x66, 0xb8, 0, 0, 0, 0,	/* loop: mov eax, leaf */
		0x0f, 0xa2,		/* cpuid */
		0x66, 0x4e,		/* dec esi */
		0x75, 0xf4,		/* jnz loop */
		0xe6, 0x80,		/* out 0x80, al */
		0xeb, 0xf0,		/* jmp loop */
	};

	memcpy(code, template, sizeof(template));
	memcpy(code + 2, &leaf, sizeof(leaf));
}

static int vcpu_registers(const struct vcpu *vcpu, uint64_t rip, uint64_t rsi)
{
	struct kvm_regs regs = { .rip = rip, .rsi = rsi, .rflags = 2 };

	return ioctl(vcpu->fd, KVM_SET_REGS, &regs) < 0 ? failed("KVM_SET_REGS") : 0;
}

static int vcpu_create(struct vm *vm, const struct kvm_cpuid2 *cpuid)
{
	struct vcpu *vcpu = &vm->vcpus[vm->n_vcpus];
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct kvm_sregs sregs;

	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)vm->n_vcpus);
	if (vcpu->fd < 0)
		return failed("KVM_CREATE_VCPU");
	vm->n_vcpus++;
	vcpu->run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		return failed("mmap of a vCPU");
	if (ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid) < 0)
		return failed("KVM_SET_CPUID2");
	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0)
		return failed("KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) < 0)
		return failed("KVM_SET_SREGS");
	/* All but the first wait for an INIT. */
	if (ioctl(vcpu->fd, KVM_SET_MP_STATE, &runnable) < 0)
		return failed("KVM_SET_MP_STATE");
	return 0;
}

static int vm_memory(struct vm *vm, const struct options *o)
{
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = GUEST_CODE,
		.memory_size = PAGE,
	};
	uint8_t *code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (code == MAP_FAILED)
		return failed("mmap of the guest's memory");
	guest_code(code, (uint32_t)o->leaf);
	region.userspace_addr = (uintptr_t)code;
	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return failed("KVM_SET_USER_MEMORY_REGION");
	return 0;
}

static int vm_create(struct vm *vm, const struct options *o)
{
	static union {
		struct kvm_cpuid2 head;
		uint8_t room[sizeof(struct kvm_cpuid2) + CPUID_ENTRIES * sizeof(struct kvm_cpuid_entry2)];
	} cpuid = { .head.nent = CPUID_ENTRIES };
	int r;

	vm->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm_fd < 0)
		return failed("/dev/kvm");
	vm->fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, 0UL);
	if (vm->fd < 0)
		return failed("KVM_CREATE_VM");
	r = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0UL);
	if (r < 0)
		return failed("KVM_GET_VCPU_MMAP_SIZE");
	vm->run_size = (size_t)r;
	if (ioctl(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, &cpuid) < 0)
		return failed("KVM_GET_SUPPORTED_CPUID");
	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0UL) < 0)
		return failed("KVM_CREATE_IRQCHIP");
	r = vm_memory(vm, o);
	for (unsigned long i = 0; i < o->vcpus && r == 0; i++)
		r = vcpu_create(vm, &cpuid.head);
	return r;
}

/* One KVM_RUN with this many CPUIDs in it. */
static int vcpu_loop(const struct vcpu *vcpu, unsigned long exits, uint64_t *ret_tsc)
{
	uint64_t begin, end;
	int r = vcpu_registers(vcpu, GUEST_CODE, exits);

	if (r < 0)
		return r;
	do {
		begin = __rdtsc();
		r = ioctl(vcpu->fd, KVM_RUN, 0UL);
		end = __rdtsc();
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return failed("KVM_RUN");
	if (vcpu->run->exit_reason != KVM_EXIT_IO || vcpu->run->io.port != 0x80) {
		fprintf(stderr, "exitloop: the guest ended with exit reason %u\n", vcpu->run->exit_reason);
		return -EIO;
	}
	*ret_tsc = end - begin;
	return 0;
}

static int measure(const struct vcpu *vcpu, unsigned long exits, struct figures *figures)
{
	uint64_t tsc;
	int r = vcpu_loop(vcpu, exits, &tsc);

	if (r < 0)
		return r;
	if (tsc < figures->shortest)
		figures->shortest = tsc;
	figures->sum += (double)tsc;
	return 0;
}

static int warm_up(const struct vm *vm, const struct options *o)
{
	uint64_t tsc;
	int r = 0;

	for (unsigned int i = 0; i < vm->n_vcpus && r == 0; i++)
		r = vcpu_loop(&vm->vcpus[i], o->exits, &tsc);
	return r;
}

/* The signature's EBX and so on: what the guest was told, to see that it was the leaf. */
static int print_answer(const struct vm *vm)
{
	struct kvm_regs regs;

	if (ioctl(vm->vcpus[0].fd, KVM_GET_REGS, &regs) < 0)
		return failed("KVM_GET_REGS");
	printf(" ebx=%08llx\n", regs.rbx);
	return 0;
}

/* Where the profile of README.md begins and ends; not inlined, to have an address. */
__attribute__((noipa)) static void profile_begin(void) {}
__attribute__((noipa)) static void profile_end(void) {}

struct turn {
	const struct vm *vm;
	const struct options *o;
	unsigned int i;
	int r;
	pthread_t thread;
	sem_t own;
	sem_t *next;
};

static void *profile_vcpu(void *arg)
{
	struct turn *turn = arg;
	const struct vcpu *vcpu = &turn->vm->vcpus[turn->i];
	uint64_t tsc;

	sem_wait(&turn->own);
	turn->r = vcpu_loop(vcpu, turn->o->exits, &tsc);
	if (turn->r == 0) {
		profile_begin();
		turn->r = vcpu_loop(vcpu, turn->o->exits, &tsc);
		profile_end();
	}
	if (turn->next)
		sem_post(turn->next);
	return NULL;
}

/* One vCPU after the other, but all threads at once: no two have the same stack. */
static int profile(const struct vm *vm, const struct options *o)
{
	static struct turn turns[VCPUS_MAX];
	unsigned int n = vm->n_vcpus;
	int r = 0;

	for (unsigned int i = 0; i < n; i++) {
		turns[i] = (struct turn) { .vm = vm, .o = o, .i = i, .r = -EIO,
					   .next = i + 1 < n ? &turns[i + 1].own : NULL };
		sem_init(&turns[i].own, 0, 0);
	}
	for (unsigned int i = 0; i < n; i++) {
		errno = pthread_create(&turns[i].thread, NULL, profile_vcpu, &turns[i]);
		if (errno)
			return failed("pthread_create");
	}
	sem_post(&turns[0].own);
	for (unsigned int i = 0; i < n; i++) {
		pthread_join(turns[i].thread, NULL);
		r = r ? r : turns[i].r;
	}
	return r;
}

/*
 * Runs of N and of 2N exits alternate, and what entering and leaving KVM_RUN
 * costs cancels. The shortest runs are those that no timer tick of the host fell
 * into; the mean has ticks, and other tasks, in it.
 */
static int bench(const struct vm *vm, const struct options *o)
{
	struct figures once = { .shortest = UINT64_MAX }, twice = { .shortest = UINT64_MAX };
	int r = warm_up(vm, o);

	for (unsigned long i = 0; i < o->runs && r == 0; i++) {
		r = measure(&vm->vcpus[0], o->exits, &once);
		if (r == 0)
			r = measure(&vm->vcpus[0], 2 * o->exits, &twice);
	}
	if (r < 0)
		return r;
	printf("per_exit=%.2f mean=%.2f",
	       ((double)twice.shortest - (double)once.shortest) / (double)o->exits,
	       (twice.sum - once.sum) / (double)o->runs / (double)o->exits);
	return print_answer(vm);
}

static void usage(FILE *to)
{
	fputs("usage: exitloop [--exits N] [--runs N] [--leaf LEAF] [--vcpus N] [--profile]\n"
	      "Prints TSC ticks per exit: per_exit without ticks of the host, mean with them.\n"
	      "  --exits N     in a run; every other run has twice as many (default 100)\n"
	      "  --runs N      of each length (default 24)\n"
	      "  --leaf LEAF   that the guest asks CPUID for (default 0)\n"
	      "  --vcpus N     create so many, run each once, measure the first (default 1)\n"
	      "  --profile     instead, one run of each vCPU, for profile-plugin.c\n", to);
}

static int parse(struct options *o, int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "exits", required_argument, NULL, 'e' },
		{ "runs", required_argument, NULL, 'r' },
		{ "leaf", required_argument, NULL, 'l' },
		{ "vcpus", required_argument, NULL, 'v' },
		{ "profile", no_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	unsigned long *value;
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (c) {
		case 'e': value = &o->exits; break;
		case 'r': value = &o->runs; break;
		case 'l': value = &o->leaf; break;
		case 'v': value = &o->vcpus; break;
		case 'p': o->profile = true; continue;
		case 'h': usage(stdout); exit(0);
		default: return -EINVAL;
		}
		errno = 0;
		*value = strtoul(optarg, &end, 0);
		if (errno || *end || end == optarg || *value > UINT32_MAX / 2)
			return -EINVAL;
	}
	if (optind != argc || !o->exits || !o->runs || !o->vcpus || o->vcpus > VCPUS_MAX)
		return -EINVAL;
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = { .exits = 100, .runs = 24, .vcpus = 1 };
	static struct vm vm;

	if (parse(&o, argc, argv) < 0) {
		usage(stderr);
		return 2;
	}
	if (vm_create(&vm, &o) < 0 || (o.profile ? profile(&vm, &o) : bench(&vm, &o)) < 0)
		return 1;
	return 0;
}
