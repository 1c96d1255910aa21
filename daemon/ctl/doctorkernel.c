/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/doctorkernel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl/doctormodules.h"
#include "guest-agent/shared/cleanup.h"

#define CPUINFO_MAX 65536		/* the first CPU's part has 2 KB */
#define PARAMETERS "/sys/module/kvm/parameters/"

/* Lines of Linux that kernel/series/ has patches for; tests/doctor_test.pl compares both. */
static const char *const series[] = { "6.1", "6.12" };

#define SERIES (sizeof(series) / sizeof(series[0]))

enum vendor { VENDOR_NONE, VENDOR_INTEL, VENDOR_AMD };

/* "kvm-intel": of modprobe, which takes either sign. */
static const char *const vendor_module[] = { "kvm", "kvm_intel", "kvm_amd" };

/* Whether @word is one of the flags of the first CPU. */
static bool has_flag(const char *cpuinfo, const char *word)
{
	const char *line = strstr(cpuinfo, "\nflags"), *end = line ? strchr(line + 1, '\n') : NULL;
	size_t len = strlen(word);

	if (!line)
		return false;
	while ((line = strstr(line + 1, word)) && (!end || line < end)) {
		if (line[-1] == ' ' && strchr(" \n", line[len]))
			return true;
	}
	return false;
}

static enum vendor look_at_cpu(const struct doctor_place *place, struct doctorsay *say)
{
	_cleanup_free_ char *text = malloc(CPUINFO_MAX);
	enum vendor vendor = VENDOR_NONE;
	bool nested;

	if (!text || doctorplace_read(place, "/proc/cpuinfo", text, CPUINFO_MAX) < 0) {
		doctorsay(say, DOCTOR_UNSEEN, "cpu", "/proc/cpuinfo cannot be read");
		return VENDOR_NONE;
	}
	vendor = has_flag(text, "vmx") ? VENDOR_INTEL : has_flag(text, "svm") ? VENDOR_AMD : VENDOR_NONE;
	nested = has_flag(text, "hypervisor");
	if (vendor != VENDOR_NONE) {
		doctorsay(say, DOCTOR_OK, "cpu", "the CPU has %s%s",
			  vendor == VENDOR_INTEL ? "VT-x" : "AMD-V",
			  nested ? ", itself in a VM (nested)" : "");
		return vendor;
	}
	doctorsay(say, DOCTOR_PROBLEM, "cpu", "the CPU shows neither VT-x nor AMD-V");
	doctorsay_why(say, nested ? "this host is a VM, and its own host does not let it have VMs"
				  : "the firmware has switched it off, or the CPU has none");
	doctorsay_fix(say, nested ? "on its host: <cpu mode='host-passthrough'/> in its definition and "
				    "'modprobe kvm-intel nested=1' (or kvm-amd); to see vmexit without: "
				    "'make demo'"
				  : "in the firmware's setup enable 'Intel Virtualization Technology' or "
				    "'SVM Mode'; to see vmexit without: 'make demo'");
	return VENDOR_NONE;
}

/* Which of both modules is there. */
static enum vendor loaded(const struct doctor_place *place)
{
	return doctorplace_exists(place, "/sys/module/kvm_intel") ? VENDOR_INTEL :
	       doctorplace_exists(place, "/sys/module/kvm_amd")	  ? VENDOR_AMD :
								    VENDOR_NONE;
}

static void look_at_kvm(const struct doctor_place *place, enum vendor cpu, struct doctorsay *say)
{
	enum vendor vendor = loaded(place);

	if (vendor == VENDOR_NONE) {
		doctorsay(say, DOCTOR_PROBLEM, "kvm", "KVM is not loaded");
		doctorsay_why(say, "without it guests are emulated, and there are no VM exits");
		if (cpu != VENDOR_NONE)
			doctorsay_fix(say, "modprobe %s   (as root; 'dmesg | grep -i kvm' says what is "
					   "wrong if that fails)",
				      vendor_module[cpu]);
		else
			doctorsay_fix(say, "see the CPU, above");
		return;
	}
	if (!doctorplace_exists(place, "/dev/kvm")) {
		doctorsay(say, DOCTOR_PROBLEM, "kvm", "KVM is loaded, but /dev/kvm is missing");
		doctorsay_why(say, "QEMU opens it to create a VM");
		doctorsay_fix(say, "modprobe -r %s && modprobe %s   (as root, with no VM running)",
			      vendor_module[vendor], vendor_module[vendor]);
		return;
	}
	doctorsay(say, DOCTOR_OK, "kvm", "KVM is loaded (%s)", vendor_module[vendor]);
}

/* "6.1.0-28-amd64" is of "6.1". */
static bool is_of_line(const char *release, const char *line)
{
	size_t len = strlen(line);

	return strncmp(release, line, len) == 0 && strchr(".-", release[len]);
}

static bool has_series(const char *release)
{
	for (size_t i = 0; i < SERIES; i++) {
		if (is_of_line(release, series[i]))
			return true;
	}
	return false;
}

enum doctor_telemetry doctorkernel_telemetry(const struct doctor_place *place)
{
	char text[32];

	if (doctorplace_line(place, PARAMETERS "exit_telemetry", text, sizeof(text)) < 0)
		return DOCTOR_TELEMETRY_NONE;
	return *text == '0' ? DOCTOR_TELEMETRY_OFF :
	       *text == '1' ? DOCTOR_TELEMETRY_COUNTS :
			      DOCTOR_TELEMETRY_CYCLES;
}

/* What to do to have the series, by what is there already. */
static void say_how_to_patch(const struct doctor_place *place, struct doctorsay *say)
{
	enum vendor vendor = loaded(place);
	struct doctor_module module;

	if (doctormodules_find(place, place->release, &module) == 0 && module.patched)
		doctorsay_fix(say, "they are installed: shut all VMs down, then modprobe -r %s kvm && "
				   "modprobe %s   (as root; or reboot)",
			      vendor_module[vendor], vendor_module[vendor]);
	else if (!has_series(place->release))
		doctorsay_fix(say, "there are patches for Linux %s and %s: boot such a kernel, or stay "
				   "with what the host counts",
			      series[0], series[1]);
	else if (doctormodules_in_dkms(place))
		doctorsay_fix(say, "DKMS has them, but not for this kernel: dkms install vmexit-kvm/"
				   "VERSION -k %s   (as root; 'dkms status' lists the VERSION, what it "
				   "prints says what is missing)",
			      place->release);
	else
		doctorsay_fix(say, "apt install ./vmexit-kvm-dkms_*.deb   (as root; made by 'make deb'; "
				   "kernel/README.md has other ways)");
}

static void say_no_series(const struct doctor_place *place, struct doctorsay *say)
{
	doctorsay(say, DOCTOR_NOTE, "telemetry", "KVM of Linux %s runs without the vmexit series",
		  place->release);
	doctorsay_why(say, "the host counts each VM's exits, but has no cycles or reasons of them, and "
			   "guests cannot see theirs");
	say_how_to_patch(place, say);
}

static void look_at_telemetry(const struct doctor_place *place, struct doctorsay *say)
{
	enum doctor_telemetry telemetry = doctorkernel_telemetry(place);
	char cpl0[8] = "";

	if (loaded(place) == VENDOR_NONE)
		return;
	if (telemetry == DOCTOR_TELEMETRY_NONE) {
		say_no_series(place, say);
		return;
	}
	if (telemetry == DOCTOR_TELEMETRY_CYCLES) {
		doctorsay(say, DOCTOR_OK, "telemetry", "KVM has the vmexit series, with cycles");
	} else {
		doctorsay(say, DOCTOR_NOTE, "telemetry", "KVM has the vmexit series, but %s",
			  telemetry == DOCTOR_TELEMETRY_OFF ? "it is switched off" : "counts only");
		doctorsay_why(say, PARAMETERS "exit_telemetry is %d, and VMs that are created get %s",
			      telemetry == DOCTOR_TELEMETRY_OFF ? 0 : 1,
			      telemetry == DOCTOR_TELEMETRY_OFF ? "no counters" : "no times");
		doctorsay_fix(say, "echo 2 > " PARAMETERS "exit_telemetry   (as root; VMs have it after "
				   "they are powered off and on)");
	}
	(void)doctorplace_line(place, PARAMETERS "exit_telemetry_cpl0", cpl0, sizeof(cpl0));
	if (*cpl0 == 'Y') {
		doctorsay(say, DOCTOR_NOTE, "cpl0", "only the guests' kernels may read their exits");
		doctorsay_why(say, PARAMETERS "exit_telemetry_cpl0 is Y: vmexit-agent needs root and "
					      "the guest's module cpuid");
		doctorsay_fix(say, "echo N > " PARAMETERS "exit_telemetry_cpl0   (as root; or leave it, "
				   "and 'modprobe cpuid' in the guests)");
	}
}

/* ---- what will be loaded ---- */

static void say_lost_at_boot(const struct doctor_place *place, const char *next, struct doctorsay *say)
{
	doctorsay(say, DOCTOR_NOTE, "next-boot", "after a reboot KVM is without the vmexit series (Linux %s)",
		  next);
	if (!doctormodules_in_dkms(place)) {
		doctorsay_why(say, "the patched modules are loaded, but not installed");
		doctorsay_fix(say, "apt install ./vmexit-kvm-dkms_*.deb   (as root; made by 'make deb'), "
				   "or load them again then: kernel/swap-modules load");
		return;
	}
	doctorsay_why(say, "DKMS has not built them for that kernel%s",
		      has_series(next) ? "; its source of the same version may be missing"
				       : ", which there are no patches for");
	doctorsay_fix(say, has_series(next) ? "dkms autoinstall -k %s   (as root; what it prints says "
					      "what is missing)"
					    : "boot a kernel of another line than %s",
		      next);
}

static void look_at_next_boot(const struct doctor_place *place, struct doctorsay *say)
{
	bool now = doctorkernel_telemetry(place) != DOCTOR_TELEMETRY_NONE;
	struct doctor_module module;
	char next[128];
	int r;

	/* Without modules of its own, as in a container, it is not known what boots. */
	if (doctormodules_newest(place, next, sizeof(next)) < 0)
		return;
	r = doctormodules_find(place, next, &module);
	if (r < 0 || (!module.readable && !module.packed)) {
		if (now && r != -ENOENT)
			doctorsay(say, DOCTOR_UNSEEN, "next-boot", "which KVM Linux %s would load", next);
		return;
	}
	if (module.patched)
		doctorsay(say, DOCTOR_OK, "next-boot", "the newest kernel, %s, loads %s, with the series",
			  next, module.file);
	else if (now)
		say_lost_at_boot(place, next, say);
}

static void look_at_signing(const struct doctor_place *place, struct doctorsay *say)
{
	bool secure = doctormodules_secure_boot(place);
	int only = doctormodules_signed_only(place);
	bool now = doctorkernel_telemetry(place) != DOCTOR_TELEMETRY_NONE;
	struct doctor_module module;

	if (!secure && only < 0) {
		doctorsay(say, DOCTOR_UNSEEN, "signing", "whether the kernel takes modules without a signature");
		return;
	}
	if (!secure && !only) {
		doctorsay(say, DOCTOR_OK, "signing", "the kernel takes modules without a signature");
		return;
	}
	if (now) {
		doctorsay(say, DOCTOR_OK, "signing", "Secure Boot or lockdown is on, and KVM's patched "
						     "modules were taken");
		return;
	}
	if (doctormodules_find(place, place->release, &module) < 0 || !module.patched) {
		doctorsay(say, DOCTOR_NOTE, "signing", "the kernel takes signed modules only (Secure Boot, "
						       "lockdown)");
		doctorsay_why(say, "should you want KVM with the vmexit series, its modules have to be "
				   "signed with a key that the firmware knows");
		doctorsay_fix(say, "mokutil --import /var/lib/dkms/mok.pub   (as root, then reboot and "
				   "'Enroll MOK'; kernel/README.md, 'Signing')");
		return;
	}
	doctorsay(say, DOCTOR_PROBLEM, "signing", "the kernel takes signed modules only, and %s is %s",
		  module.file, module.has_signature || module.packed ? "not loaded" : "not signed");
	doctorsay_why(say, "Secure Boot or lockdown is on; the key that DKMS signs with may not be "
			   "enrolled");
	doctorsay_fix(say, "mokutil --test-key /var/lib/dkms/mok.pub; if it is not enrolled: mokutil "
			   "--import /var/lib/dkms/mok.pub, reboot, 'Enroll MOK'   (as root; "
			   "kernel/README.md, 'Signing')");
}

static void look_at_clocksource(const struct doctor_place *place, struct doctorsay *say)
{
	char text[64];

	if (doctorplace_line(place,
			     "/sys/devices/system/clocksource/clocksource0/current_clocksource", text,
			     sizeof(text)) < 0 ||
	    strcmp(text, "tsc") == 0 || strcmp(text, "kvm-clock") == 0)
		return;
	doctorsay(say, DOCTOR_NOTE, "clocksource", "the kernel does not keep time by the TSC, but by '%s'",
		  text);
	doctorsay_why(say, "the kernel found the CPUs' counters not to agree; cycles of handling may be "
			   "wrong, and each look at the clock is slow");
	doctorsay_fix(say, "dmesg | grep -i tsc   (says why); update the firmware, or, if the CPU is "
			   "known to be good, boot with tsc=reliable");
}

bool doctorkernel_has_debugfs(const struct doctor_place *place)
{
	static char text[65536];

	return doctorplace_read(place, "/proc/self/mounts", text, sizeof(text)) > 0 &&
	       strstr(text, " /sys/kernel/debug debugfs ");
}

static void look_at_debugfs(const struct doctor_place *place, struct doctorsay *say)
{
	if (doctorkernel_has_debugfs(place))
		return;
	doctorsay(say, DOCTOR_NOTE, "debugfs-mount", "debugfs is not mounted");
	doctorsay_why(say, "KVM shows the host's exits by reason there");
	doctorsay_fix(say, "mount -t debugfs none /sys/kernel/debug   (as root; systemd does it at boot: "
			   "sys-kernel-debug.mount)");
}

void doctorkernel_look(const struct doctor_place *place, struct doctorsay *say)
{
	say->subject = "Kernel";
	look_at_kvm(place, look_at_cpu(place, say), say);
	look_at_telemetry(place, say);
	look_at_next_boot(place, say);
	look_at_signing(place, say);
	look_at_debugfs(place, say);
	look_at_clocksource(place, say);
}
