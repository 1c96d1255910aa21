/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/doctorkernel.h"

#include "daemon/ctl/testplace.h"
#include "guest-agent/shared/tap.h"

#define CPU(flags) "processor\t: 0\nflags\t\t: fpu " flags "\nvmx flags\t: vnmi\n\n"
#define STOCK "\177ELF parm=halt_poll_ns:uint"
#define PATCHED "\177ELF parm=exit_telemetry:int"
#define SIGNED "~Module signature appended~\n"
#define TELEMETRY "/sys/module/kvm/parameters/exit_telemetry"

static void host(const char *cpuinfo)
{
	testplace_clear();
	testplace_put("/proc/cpuinfo", cpuinfo);
}

/* A host with KVM, as Debian has it. */
static void good_host(void)
{
	host(CPU("svm lm"));
	testplace_put("/sys/module/kvm_amd/refcnt", "0\n");
	testplace_put("/sys/module/kvm/parameters/halt_poll_ns", "200000\n");
	testplace_put("/dev/kvm", "");
	testplace_put("/proc/self/mounts", "debugfs /sys/kernel/debug debugfs rw 0 0\n");
	testplace_put("/lib/modules/6.1.0-28-amd64/modules.dep",
		      "kernel/drivers/x.ko:\nkernel/arch/x86/kvm/kvm-amd.ko: kernel/arch/x86/kvm/kvm.ko\n"
		      "kernel/arch/x86/kvm/kvm.ko: kernel/y.ko\n");
	testplace_put("/lib/modules/6.1.0-28-amd64/kernel/arch/x86/kvm/kvm.ko", STOCK SIGNED);
}

static void patched_host(void)
{
	good_host();
	testplace_put(TELEMETRY, "2\n");
	testplace_put("/sys/module/kvm/parameters/exit_telemetry_cpl0", "N\n");
	testplace_put("/lib/modules/6.1.0-28-amd64/modules.dep", "updates/dkms/kvm.ko:\n");
	testplace_put("/lib/modules/6.1.0-28-amd64/updates/dkms/kvm.ko", PATCHED);
}

static void look(void)
{
	doctorsay_done(&said);
	doctorkernel_look(&place, &said);
}

static void cpu(void)
{
	good_host();
	look();
	ok(testplace_said("cpu", DOCTOR_OK, "AMD-V"), "AMD-V");
	host(CPU("vmx hypervisor"));
	look();
	ok(testplace_said("cpu", DOCTOR_OK, "nested"), "VT-x in a VM");
	host(CPU("svmx lm"));
	look();
	ok(testplace_said("cpu", DOCTOR_PROBLEM, "firmware"), "a CPU without: the firmware");
	ok(testplace_said("kvm", DOCTOR_PROBLEM, "see the CPU"), "which is why KVM is not there");
	host(CPU("hypervisor lm"));
	look();
	ok(testplace_said("cpu", DOCTOR_PROBLEM, "nested=1"), "a VM without: its host");
	testplace_clear();
	look();
	ok(testplace_said("cpu", DOCTOR_UNSEEN, "/proc/cpuinfo"), "nothing to look at");
}

static void kvm(void)
{
	good_host();
	look();
	ok(testplace_said("kvm", DOCTOR_OK, "kvm_amd"), "KVM is there");
	host(CPU("vmx"));
	look();
	ok(testplace_said("kvm", DOCTOR_PROBLEM, "modprobe kvm_intel"), "it is not: how to load it");
	testplace_put("/sys/module/kvm_intel/refcnt", "0\n");
	look();
	ok(testplace_said("kvm", DOCTOR_PROBLEM, "/dev/kvm is missing"), "without its device");
}

static void telemetry(void)
{
	patched_host();
	look();
	ok(testplace_said("telemetry", DOCTOR_OK, "with cycles"), "a patched KVM");
	ok(testplace_silent("cpl0"), "for everybody in the guests");
	ok(testplace_said("next-boot", DOCTOR_OK, "updates/dkms/kvm.ko"), "that will be loaded again");
	ok(doctorsay_count(&said, DOCTOR_NOTE) == 0 && doctorsay_count(&said, DOCTOR_PROBLEM) == 0,
	   "and nothing to complain of");
	testplace_put(TELEMETRY, "1\n");
	look();
	ok(testplace_said("telemetry", DOCTOR_NOTE, "counts only"), "counts only");
	testplace_put(TELEMETRY, "0\n");
	testplace_put("/sys/module/kvm/parameters/exit_telemetry_cpl0", "Y\n");
	look();
	ok(testplace_said("telemetry", DOCTOR_NOTE, "echo 2 >"), "off: how to switch it on");
	ok(testplace_said("cpl0", DOCTOR_NOTE, "modprobe cpuid"), "for guests' kernels only");

	good_host();
	look();
	ok(testplace_said("telemetry", DOCTOR_NOTE, "apt install ./vmexit-kvm-dkms"), "stock KVM: the package");
	ok(testplace_silent("next-boot"), "and no more of it");
	testplace_put("/var/lib/dkms/vmexit-kvm/x", "");
	look();
	ok(testplace_said("telemetry", DOCTOR_NOTE, "dkms install"), "the package without modules");
	good_host();
	testplace_put("/lib/modules/6.1.0-28-amd64/modules.dep", "updates/dkms/kvm.ko:\n");
	testplace_put("/lib/modules/6.1.0-28-amd64/updates/dkms/kvm.ko", PATCHED);
	look();
	ok(testplace_said("telemetry", DOCTOR_NOTE, "modprobe -r kvm_amd kvm && modprobe kvm_amd"),
	   "modules that are installed and not loaded");
	(void)snprintf(place.release, sizeof(place.release), "6.18.2");
	look();
	ok(testplace_said("telemetry", DOCTOR_NOTE, "6.12"), "a kernel without a series");
	(void)snprintf(place.release, sizeof(place.release), "6.12.3-rc1");
	look();
	ok(testplace_said("telemetry", DOCTOR_NOTE, "apt install"), "6.12 is another line than 6.1, and has one");
	(void)snprintf(place.release, sizeof(place.release), "6.1.0-28-amd64");
}

static void next_boot(void)
{
	patched_host();
	testplace_put("/lib/modules/6.1.0-9-amd64/modules.dep", "kernel/kvm.ko:\n");
	testplace_put("/lib/modules/6.1.0-9-amd64/kernel/kvm.ko", STOCK);
	look();
	ok(testplace_said("next-boot", DOCTOR_OK, "6.1.0-28"), "of two kernels the newest counts");
	testplace_put("/lib/modules/6.1.0-30-amd64/modules.dep", "kernel/kvm.ko:\n");
	testplace_put("/lib/modules/6.1.0-30-amd64/kernel/kvm.ko", STOCK);
	look();
	ok(testplace_said("next-boot", DOCTOR_NOTE, "6.1.0-30-amd64"), "a newer one without");
	testplace_put("/var/lib/dkms/vmexit-kvm/x", "");
	look();
	ok(testplace_said("next-boot", DOCTOR_NOTE, "dkms autoinstall -k 6.1.0-30-amd64"),
	   "with DKMS: how to build it");
	testplace_put("/lib/modules/6.1.0-30-amd64/modules.dep", "updates/dkms/kvm.ko.xz:\n");
	testplace_put("/lib/modules/6.1.0-30-amd64/updates/dkms/kvm.ko.xz", "xz");
	look();
	ok(testplace_said("next-boot", DOCTOR_NOTE, "reboot"), "compressed ones of somebody else's");
	testplace_put("/var/lib/dkms/vmexit-kvm/kernel-6.1.0-30-amd64-x86_64", "");
	look();
	ok(testplace_said("next-boot", DOCTOR_OK, "6.1.0-30-amd64"), "and ours");
	testplace_put("/lib/modules/6.1.0-31-amd64/modules.dep", "kernel/z.ko:\n");
	look();
	ok(testplace_silent("next-boot"), "KVM built in: nothing that can be said");
}

static void signing(void)
{
	static const char efi[] = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

	good_host();
	testplace_bytes(efi, "\6\0\0\0\0", 5);
	testplace_put("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
	testplace_put("/sys/module/module/parameters/sig_enforce", "N\n");
	look();
	ok(testplace_said("signing", DOCTOR_OK, "without a signature"), "Secure Boot is off");
	testplace_bytes(efi, "\6\0\0\0\1", 5);
	look();
	ok(testplace_said("signing", DOCTOR_NOTE, "mokutil --import"), "on, with stock modules");
	testplace_put("/lib/modules/6.1.0-28-amd64/kernel/arch/x86/kvm/kvm.ko", PATCHED);
	look();
	ok(testplace_said("signing", DOCTOR_PROBLEM, "is not signed"), "patched ones without a signature");
	testplace_put("/lib/modules/6.1.0-28-amd64/kernel/arch/x86/kvm/kvm.ko", PATCHED SIGNED);
	look();
	ok(testplace_said("signing", DOCTOR_PROBLEM, "mokutil --test-key"), "with one that is not known");
	testplace_put(TELEMETRY, "2\n");
	look();
	ok(testplace_said("signing", DOCTOR_OK, "were taken"), "with one that is");
	good_host();
	testplace_put("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	look();
	ok(testplace_said("signing", DOCTOR_NOTE, "signed modules only"), "lockdown without Secure Boot");
	good_host();
	testplace_put("/sys/module/module/parameters/sig_enforce", "Y\n");
	look();
	ok(testplace_said("signing", DOCTOR_NOTE, "signed modules only"), "sig_enforce");
	if (geteuid() != 0) {
		char full[PATH_MAX];

		good_host();
		testplace_put("/sys/kernel/security/lockdown", "[none]\n");
		(void)chmod(doctorplace_path(&place, "/sys/kernel/security/lockdown", full, sizeof(full)), 0);
		look();
		ok(testplace_said("signing", DOCTOR_UNSEEN, "whether"), "what this user may not read");
	}
}

static void clocksource(void)
{
	static const char path[] = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

	good_host();
	testplace_put(path, "tsc\n");
	look();
	ok(testplace_silent("clocksource"), "the TSC");
	testplace_put(path, "hpet\n");
	look();
	ok(testplace_said("clocksource", DOCTOR_NOTE, "dmesg | grep -i tsc"), "another");
}

static void debugfs(void)
{
	good_host();
	look();
	ok(testplace_silent("debugfs-mount"), "debugfs is mounted");
	testplace_put("/proc/self/mounts", "debugfs /mnt debugfs rw 0 0\n");
	look();
	ok(testplace_said("debugfs-mount", DOCTOR_NOTE, "mount -t debugfs"), "elsewhere");
}

int main(void)
{
	cpu();
	kvm();
	telemetry();
	next_boot();
	signing();
	clocksource();
	debugfs();
	testplace_end();
	return done_testing();
}
