/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/report/explain.h"

#include <stddef.h>
/* Exception vectors, which the SVM list uses. */
#include <linux/kvm.h>
#include <asm/svm.h>
#include <asm/vmx.h>

#include "kernel/uapi/vmexit_cpuid.h"

struct reasons {
	uint32_t from, to;		/* numbers, both included */
	enum explain_class class;
	const char *words;
};

#define ONE(number) number, number

#define HALT "A vCPU had nothing to do and went to sleep until an interrupt wakes it."
#define CPUID "The guest asked what its CPU can do; this instruction always exits."
#define PAUSE "A vCPU waited for another one in a loop for longer than KVM lets it, often for a " \
	"lock whose holder was not running."
#define PORT "The guest used an I/O port of an emulated device, such as a serial console, a " \
	"PCI configuration register or a legacy disk; KVM or QEMU plays the device."
#define MSR "a model-specific register: mostly to set its next timer, or to send an interrupt " \
	"to another vCPU."
#define HOST_INTERRUPT "An interrupt of the host came while the guest ran: the host's timer, a " \
	"device, or another CPU of the host. The guest did nothing for it."
#define WINDOW "The guest became able to take an interrupt that KVM had held back for it."
#define HYPERCALL "The guest called KVM on purpose, for example to wake another vCPU."
#define NESTED "The guest runs virtual machines itself, and used an instruction for that."
#define CONTROL "The guest changed a control register, as when it switches modes or features on."
#define TABLES "The guest changed its descriptor tables, as when it starts or switches modes."
#define DEBUG "The guest used debug registers, as a debugger in it does."
#define CLOCK "The guest read its CPU's clock or a performance counter, and the host wants to see it."
#define EXCEPTION "An exception in the guest that KVM handles or looks at first."
#define CACHE "The guest flushed caches or address translations."
#define STATE "The guest changed which of the CPU's registers and features it uses."
#define RESET "A vCPU of the guest was started, reset, or failed beyond repair."
#define MONITOR_WAIT "A vCPU waited for a memory write, in a way that the host wants to see."
#define ENCRYPTED "The guest, whose memory is encrypted, asked the host for something."

static const struct reasons vmx[] = {
	{ ONE(EXIT_REASON_EXCEPTION_NMI), EXPLAIN_exception,
	  "An exception in the guest that KVM looks at first, or a non-maskable interrupt of the host." },
	{ ONE(EXIT_REASON_EXTERNAL_INTERRUPT), EXPLAIN_interrupt, HOST_INTERRUPT },
	{ EXIT_REASON_TRIPLE_FAULT, EXIT_REASON_SIPI_SIGNAL, EXPLAIN_reset, RESET },
	{ EXIT_REASON_INTERRUPT_WINDOW, EXIT_REASON_NMI_WINDOW, EXPLAIN_window, WINDOW },
	{ ONE(EXIT_REASON_TASK_SWITCH), EXPLAIN_control, TABLES },
	{ ONE(EXIT_REASON_CPUID), EXPLAIN_cpuid, CPUID },
	{ ONE(EXIT_REASON_HLT), EXPLAIN_halt, HALT },
	{ EXIT_REASON_INVD, EXIT_REASON_INVLPG, EXPLAIN_cache, CACHE },
	{ EXIT_REASON_RDPMC, EXIT_REASON_RDTSC, EXPLAIN_clock, CLOCK },
	{ ONE(EXIT_REASON_VMCALL), EXPLAIN_hypercall, HYPERCALL },
	{ EXIT_REASON_VMCLEAR, EXIT_REASON_VMON, EXPLAIN_nested, NESTED },
	{ ONE(EXIT_REASON_CR_ACCESS), EXPLAIN_control, CONTROL },
	{ ONE(EXIT_REASON_DR_ACCESS), EXPLAIN_debug, DEBUG },
	{ ONE(EXIT_REASON_IO_INSTRUCTION), EXPLAIN_port, PORT },
	{ ONE(EXIT_REASON_MSR_READ), EXPLAIN_msr,
	  "The guest read a model-specific register that KVM keeps for it." },
	{ ONE(EXIT_REASON_MSR_WRITE), EXPLAIN_msr, "The guest wrote " MSR },
	{ EXIT_REASON_INVALID_STATE, EXIT_REASON_MSR_LOAD_FAIL, EXPLAIN_reset,
	  "The CPU refused to enter the guest as its state is not a valid one." },
	{ ONE(EXIT_REASON_MWAIT_INSTRUCTION), EXPLAIN_halt, MONITOR_WAIT },
	{ ONE(EXIT_REASON_MONITOR_TRAP_FLAG), EXPLAIN_debug,
	  "KVM let the guest go a single instruction." },
	{ ONE(EXIT_REASON_MONITOR_INSTRUCTION), EXPLAIN_halt, MONITOR_WAIT },
	{ ONE(EXIT_REASON_PAUSE_INSTRUCTION), EXPLAIN_pause, PAUSE },
	{ ONE(EXIT_REASON_MCE_DURING_VMENTRY), EXPLAIN_exception,
	  "The host's hardware reported an error when the guest was entered." },
	{ ONE(EXIT_REASON_TPR_BELOW_THRESHOLD), EXPLAIN_window, WINDOW },
	{ EXIT_REASON_APIC_ACCESS, EXIT_REASON_EOI_INDUCED, EXPLAIN_apic,
	  "The guest used its interrupt controller in a way that the CPU does not do alone." },
	{ EXIT_REASON_GDTR_IDTR, EXIT_REASON_LDTR_TR, EXPLAIN_control, TABLES },
	{ ONE(EXIT_REASON_EPT_VIOLATION), EXPLAIN_memory,
	  "The guest touched memory that the host has not given it yet, or not to write to; KVM "
	  "maps the page." },
	{ ONE(EXIT_REASON_EPT_MISCONFIG), EXPLAIN_mmio,
	  "The guest touched registers of a device in memory (MMIO); KVM or QEMU plays the device. "
	  "Telling a virtio device of new work is one, too." },
	{ ONE(EXIT_REASON_INVEPT), EXPLAIN_nested, NESTED },
	{ ONE(EXIT_REASON_RDTSCP), EXPLAIN_clock, CLOCK },
	{ ONE(EXIT_REASON_PREEMPTION_TIMER), EXPLAIN_timer,
	  "A timer of the guest ran out, which KVM has the CPU count down." },
	{ ONE(EXIT_REASON_INVVPID), EXPLAIN_nested, NESTED },
	{ ONE(EXIT_REASON_WBINVD), EXPLAIN_cache, CACHE },
	{ ONE(EXIT_REASON_XSETBV), EXPLAIN_control, STATE },
	{ ONE(EXIT_REASON_APIC_WRITE), EXPLAIN_apic,
	  "The guest wrote to its interrupt controller in a way that the CPU does not do alone." },
	{ ONE(EXIT_REASON_RDRAND), EXPLAIN_other, "The guest asked the CPU for a random number." },
	{ ONE(EXIT_REASON_INVPCID), EXPLAIN_cache, CACHE },
	{ ONE(EXIT_REASON_VMFUNC), EXPLAIN_nested, NESTED },
	{ ONE(EXIT_REASON_ENCLS), EXPLAIN_other, "The guest manages an SGX enclave." },
	{ ONE(EXIT_REASON_RDSEED), EXPLAIN_other, "The guest asked the CPU for a random number." },
	{ ONE(EXIT_REASON_PML_FULL), EXPLAIN_memory,
	  "The CPU's list of pages that the guest wrote to was full, as it is during a live migration." },
	{ EXIT_REASON_XSAVES, EXIT_REASON_XRSTORS, EXPLAIN_control, STATE },
	{ EXIT_REASON_UMWAIT, EXIT_REASON_TPAUSE, EXPLAIN_halt, MONITOR_WAIT },
	{ ONE(EXIT_REASON_BUS_LOCK), EXPLAIN_other,
	  "A program in the guest locked the memory bus, which slows down the whole host." },
	{ ONE(EXIT_REASON_NOTIFY), EXPLAIN_other,
	  "The guest kept the CPU from taking interrupts for too long." },
};

static const struct reasons svm[] = {
	{ SVM_EXIT_READ_CR0, SVM_EXIT_WRITE_CR0 - 1, EXPLAIN_control,
	  "The guest read a control register that KVM keeps for it." },
	{ SVM_EXIT_WRITE_CR0, SVM_EXIT_READ_DR0 - 1, EXPLAIN_control, CONTROL },
	{ SVM_EXIT_READ_DR0, SVM_EXIT_EXCP_BASE - 1, EXPLAIN_debug, DEBUG },
	{ SVM_EXIT_EXCP_BASE, SVM_EXIT_INTR - 1, EXPLAIN_exception, EXCEPTION },
	{ ONE(SVM_EXIT_INTR), EXPLAIN_interrupt, HOST_INTERRUPT },
	{ ONE(SVM_EXIT_NMI), EXPLAIN_interrupt, "A non-maskable interrupt of the host came while the guest ran." },
	{ ONE(SVM_EXIT_SMI), EXPLAIN_interrupt, "The host's firmware interrupted while the guest ran." },
	{ ONE(SVM_EXIT_INIT), EXPLAIN_reset, RESET },
	{ ONE(SVM_EXIT_VINTR), EXPLAIN_window, WINDOW },
	{ ONE(SVM_EXIT_CR0_SEL_WRITE), EXPLAIN_control, CONTROL },
	{ SVM_EXIT_IDTR_READ, SVM_EXIT_TR_WRITE, EXPLAIN_control, TABLES },
	{ SVM_EXIT_RDTSC, SVM_EXIT_RDPMC, EXPLAIN_clock, CLOCK },
	{ SVM_EXIT_PUSHF, SVM_EXIT_POPF, EXPLAIN_other, "The guest saved or restored its flags." },
	{ ONE(SVM_EXIT_CPUID), EXPLAIN_cpuid, CPUID },
	{ ONE(SVM_EXIT_RSM), EXPLAIN_other, "The guest's firmware left system management mode." },
	{ ONE(SVM_EXIT_IRET), EXPLAIN_window, WINDOW },
	{ ONE(SVM_EXIT_SWINT), EXPLAIN_other, "A program in the guest raised an interrupt." },
	{ ONE(SVM_EXIT_INVD), EXPLAIN_cache, CACHE },
	{ ONE(SVM_EXIT_PAUSE), EXPLAIN_pause, PAUSE },
	{ ONE(SVM_EXIT_HLT), EXPLAIN_halt, HALT },
	{ SVM_EXIT_INVLPG, SVM_EXIT_INVLPGA, EXPLAIN_cache, CACHE },
	{ ONE(SVM_EXIT_IOIO), EXPLAIN_port, PORT },
	{ ONE(SVM_EXIT_MSR), EXPLAIN_msr, "The guest read or wrote " MSR },
	{ ONE(SVM_EXIT_TASK_SWITCH), EXPLAIN_control, TABLES },
	{ ONE(SVM_EXIT_FERR_FREEZE), EXPLAIN_exception, EXCEPTION },
	{ ONE(SVM_EXIT_SHUTDOWN), EXPLAIN_reset, RESET },
	{ ONE(SVM_EXIT_VMRUN), EXPLAIN_nested, NESTED },
	{ ONE(SVM_EXIT_VMMCALL), EXPLAIN_hypercall, HYPERCALL },
	{ SVM_EXIT_VMLOAD, SVM_EXIT_SKINIT, EXPLAIN_nested, NESTED },
	{ ONE(SVM_EXIT_RDTSCP), EXPLAIN_clock, CLOCK },
	{ ONE(SVM_EXIT_ICEBP), EXPLAIN_debug, DEBUG },
	{ ONE(SVM_EXIT_WBINVD), EXPLAIN_cache, CACHE },
	{ SVM_EXIT_MONITOR, SVM_EXIT_MWAIT_COND, EXPLAIN_halt, MONITOR_WAIT },
	{ ONE(SVM_EXIT_XSETBV), EXPLAIN_control, STATE },
	{ SVM_EXIT_EFER_WRITE_TRAP, SVM_EXIT_CR0_WRITE_TRAP + 15, EXPLAIN_control, CONTROL },
	{ ONE(SVM_EXIT_INVPCID), EXPLAIN_cache, CACHE },
	{ ONE(SVM_EXIT_NPF), EXPLAIN_memory,
	  "The guest touched memory that the host has not given it yet, and KVM maps the page; or "
	  "registers of a device in memory (MMIO), virtio's among them." },
	{ SVM_EXIT_AVIC_INCOMPLETE_IPI, SVM_EXIT_AVIC_UNACCELERATED_ACCESS, EXPLAIN_apic,
	  "The guest used its interrupt controller in a way that the CPU does not do alone." },
	{ ONE(SVM_EXIT_VMGEXIT), EXPLAIN_hypercall, ENCRYPTED },
	{ SVM_VMGEXIT_MMIO_READ, SVM_VMGEXIT_MMIO_WRITE, EXPLAIN_mmio, ENCRYPTED },
	{ SVM_VMGEXIT_NMI_COMPLETE, SVM_VMGEXIT_NMI_COMPLETE + 0xfffc, EXPLAIN_hypercall, ENCRYPTED },
	{ ONE((uint32_t)SVM_EXIT_ERR), EXPLAIN_reset,
	  "The CPU refused to enter the guest as its state is not a valid one." },
};

static const struct reasons reserved[] = {
	{ ONE(VMEXIT_REASON_OTHER), EXPLAIN_other, "Exits that no reason could be noted for." },
	{ ONE(VMEXIT_REASON_IDLE), EXPLAIN_idle, "No exit, but time in which vCPUs had nothing to do." },
};

static const struct reasons *find_in(const struct reasons *list, size_t count, uint32_t number)
{
	for (size_t i = 0; i < count; i++) {
		if (number >= list[i].from && number <= list[i].to)
			return &list[i];
	}
	return NULL;
}

#define FIND_IN(list, number) find_in(list, sizeof(list) / sizeof((list)[0]), number)

static const struct reasons *find(uint32_t namespace, uint32_t number)
{
	const struct reasons *found = FIND_IN(reserved, number);

	if (!found && namespace == VMEXIT_REASONS_VMX)
		found = FIND_IN(vmx, number);
	if (!found && namespace == VMEXIT_REASONS_SVM)
		found = FIND_IN(svm, number);
	return found;
}

const char *explain_class_name(enum explain_class class)
{
	static const char *const names[] = {
#define X(name) #name,
		EXPLAIN_CLASSES(X)
#undef X
	};

	return names[class];
}

enum explain_class explain_class(uint32_t namespace, uint32_t number)
{
	const struct reasons *found = find(namespace, number);

	return found ? found->class : EXPLAIN_other;
}

const char *explain_words(uint32_t namespace, uint32_t number)
{
	const struct reasons *found = find(namespace, number);

	return found ? found->words : NULL;
}
