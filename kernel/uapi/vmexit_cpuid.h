/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * CPUID leaves by which a KVM guest reads its own VM-exit counts.
 *
 * All leaves sit in the last 256-leaf class of the hypervisor range. A guest
 * must find the signature in the identity leaf before it believes any other:
 * a host without them answers 0x4FFFFFFF with zeros or with the registers of
 * its highest basic leaf.
 */
#ifndef _UAPI_ASM_X86_VMEXIT_CPUID_H
#define _UAPI_ASM_X86_VMEXIT_CPUID_H

/* EAX: highest leaf; EBX, ECX, EDX: the signature, "KVMExitStats". */
#define VMEXIT_CPUID_IDENTITY		0x4fffff00
#define VMEXIT_CPUID_MAX_LEAF		0x4fffffff
#define VMEXIT_CPUID_SIGNATURE_EBX	0x454d564b	/* "KVME" */
#define VMEXIT_CPUID_SIGNATURE_ECX	0x53746978	/* "xitS" */
#define VMEXIT_CPUID_SIGNATURE_EDX	0x73746174	/* "tats" */

/*
 * Capabilities.
 * ECX in = 0: EAX version, EBX feature bits, ECX reason namespace,
 *             EDX host TSC frequency in kHz.
 * ECX in = 1: EAX index of the asking vCPU, EBX number of vCPUs.
 */
#define VMEXIT_CPUID_CAPABILITIES	0x4fffff01
#define VMEXIT_CPUID_VERSION_MAJOR	1
#define VMEXIT_CPUID_VERSION_MINOR	0
#define VMEXIT_CPUID_VERSION \
	((VMEXIT_CPUID_VERSION_MAJOR << 16) | VMEXIT_CPUID_VERSION_MINOR)

/* Feature bits: what this host answers. */
#define VMEXIT_FEATURE_TOTAL		(1U << 0)	/* total leaf: counts */
#define VMEXIT_FEATURE_CYCLES		(1U << 1)	/* handling cycles */
#define VMEXIT_FEATURE_CPL0_ONLY	(1U << 2)	/* zeros outside ring 0 */
#define VMEXIT_FEATURE_FASTPATH_UNTIMED	(1U << 3)	/* fastpath adds no cycles */
#define VMEXIT_FEATURE_CLOCK		(1U << 4)	/* clock leaf, generation */
#define VMEXIT_FEATURE_REASONS		(1U << 5)	/* reasons-seen, per reason */
#define VMEXIT_FEATURE_AWAY		(1U << 6)	/* away cycles */
#define VMEXIT_FEATURE_VCPU		(1U << 7)	/* one-vCPU leaf */

/* Reason namespaces. */
#define VMEXIT_REASONS_VMX		1	/* VMX basic exit reason */
#define VMEXIT_REASONS_SVM		2	/* SVM exit code */

/*
 * Clock.
 * ECX in = 0: EAX, EBX generation (low, high); ECX, EDX age of the VM in ns.
 * ECX in = 1: EAX, EBX host CLOCK_REALTIME in ns; ECX, EDX guest TSC then.
 */
#define VMEXIT_CPUID_CLOCK		0x4fffff02

/* One bit for each of the 128 reasons ECX * 128 ..., EAX lowest. */
#define VMEXIT_CPUID_REASONS_SEEN	0x4fffff03

/*
 * Counters. Counts: EAX low, EDX high. Cycles: ECX low, EBX high.
 * ECX in selects the vCPU or the reason; an index that does not exist answers
 * EAX = EBX = ECX = 0 and EDX = VMEXIT_CPUID_NO_SUCH_INDEX.
 */
#define VMEXIT_CPUID_VCPU		0x4ffffffc
#define VMEXIT_CPUID_REASON_AWAY	0x4ffffffd
#define VMEXIT_CPUID_REASON		0x4ffffffe
#define VMEXIT_CPUID_TOTAL		0x4fffffff
#define VMEXIT_CPUID_NO_SUCH_INDEX	0xffffffff

/* Reserved reasons. */
#define VMEXIT_REASON_OTHER		0xffffffff	/* no guest entered, or no slot */
#define VMEXIT_REASON_IDLE		0xfffffffe	/* away time while not runnable */

#endif /* _UAPI_ASM_X86_VMEXIT_CPUID_H */
