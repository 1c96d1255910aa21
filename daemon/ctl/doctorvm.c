/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/doctorvm.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/ctl/doctorask.h"
#include "daemon/version.h"

/* Exits that a reading may cause before it is worth a word. */
#define POLL_EXITS 1.0

/* In a command line a name may be anything, an id is harmless. */
static const char *name_for_shell(const char *name, const char *id)
{
	static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return *name && *name != '-' && !name[strspn(name, harmless)] ? name : id;
}

/* What is known of it before anything is said. */
static bool is_running(const struct doctor_vm *v)
{
	const char *state = doctorask_text(v->vm, "state");

	if (v->domain)
		return v->domain->runs;
	/* Of a channel that cannot be opened it is not known. */
	return strcmp(state, "stopped") != 0;
}

/* ---- the machine ---- */

/* False: there is nothing more to look for. */
static bool look_at_machine(const struct doctor_vm *v, struct doctorsay *say)
{
	const struct survey_domain *d = v->domain;

	if (d && d->described && d->emulated) {
		doctorsay(say, DOCTOR_NOTE, "kvm", "is emulated, without KVM: it has no VM exits");
		doctorsay_why(say, "its definition has <domain type='qemu'>");
		doctorsay_fix(say, "virsh edit %s: <domain type='kvm'>, then power it off and on", v->call);
		return false;
	}
	if (v->watched && !v->vm) {
		doctorsay(say, DOCTOR_PROBLEM, "known", "libvirt has it, and vmexitd does not know it");
		doctorsay_why(say, "vmexitd missed the news of it");
		doctorsay_fix(say, "systemctl restart vmexitd   (as root; nothing is lost)");
		return false;
	}
	return true;
}

static void look_at_state(const struct doctor_vm *v, struct doctorsay *say)
{
	json_t *vm = v->vm;
	const char *state = doctorask_text(vm, "state"), *reason = doctorask_text(vm, "reason");
	json_t *stuck = json_object_get(vm, "stuck");
	char when[32] = "";
	time_t t = json_number_value(stuck);
	struct tm tm;

	if (json_is_number(stuck)) {
		(void)strftime(when, sizeof(when), "%H:%M:%S", localtime_r(&t, &tm));
		doctorsay(say, DOCTOR_PROBLEM, "stuck", "its QEMU does not answer since %s", when);
		doctorsay_why(say, "it is stopped, waits for a disk, or hangs; its samples pause");
		doctorsay_fix(say, "virsh domstate --reason %s; dmesg | tail   (as root); at last virsh "
				   "destroy %s",
			      v->call, v->call);
	} else if (strcmp(state, "paused") == 0 && *reason) {
		doctorsay(say, DOCTOR_NOTE, "state", "is paused: %s", reason);
		doctorsay_why(say, "a VM that is paused takes no exits, and sends no samples");
		doctorsay_fix(say, "virsh domblkerror %s; then virsh resume %s", v->call, v->call);
	}
}

/* ---- its agent ---- */

/* Guests that need no agent are no fault. True if it is one. */
static bool is_host_only(const struct doctor_vm *v, struct doctorsay *say)
{
	const struct survey_domain *d = v->domain;

	if (!d || !d->described || (!*d->confidential && !d->windows) || d->channel_open)
		return false;
	if (*d->confidential)
		doctorsay(say, DOCTOR_OK, "guest", "is a confidential guest (%s): host source only", d->confidential);
	else
		doctorsay(say, DOCTOR_OK, "guest", "is a Windows guest: host source only");
	doctorsay_why(say, *d->confidential ? "what its host answers to CPUID it need not believe, and the "
					      "agent is not for it"
					    : "there is no vmexit-agent for Windows");
	return true;
}

static void say_no_channel(const struct doctor_vm *v, struct doctorsay *say)
{
	const struct survey_domain *d = v->domain;

	if (d && d->described && d->has_channel_next) {
		doctorsay(say, DOCTOR_NOTE, "channel", "gets its agent's channel when it is started again");
		doctorsay_why(say, "the channel is in its definition, not in the machine that runs");
		doctorsay_fix(say, "virsh shutdown %s; then virsh start %s   (a reboot in the guest is not "
				   "enough)",
			      v->call, v->call);
		return;
	}
	doctorsay(say, DOCTOR_NOTE, "channel", "has no channel for an agent");
	doctorsay_why(say, "only the host's counters are recorded of it");
	if (d && d->described && !d->has_serial)
		doctorsay_fix(say, "vmexitctl attach %s; it has no virtio-serial controller, so then virsh "
				   "shutdown and virsh start it",
			      v->call);
	else
		doctorsay_fix(say, "vmexitctl attach %s", v->call);
}

static void say_waiting(const struct doctor_vm *v, struct doctorsay *say)
{
	if (v->domain && v->domain->channel_open) {
		doctorsay(say, DOCTOR_NOTE, "agent", "has its channel open, but sends nothing");
		doctorsay_why(say, "the agent is just starting, hangs, or is of a version that vmexitd does not "
				   "know");
		doctorsay_fix(say, "in the guest: systemctl restart vmexit-agent; journalctl -u vmexit-agent -n "
				   "20   (as root)");
		return;
	}
	doctorsay(say, DOCTOR_NOTE, "agent", "has a channel, but no agent answers");
	doctorsay_why(say, "vmexit-agent is not installed or does not run in the guest");
	doctorsay_fix(say, "in the guest: apt install ./vmexit-agent_*.deb, or systemctl status vmexit-agent; "
			   "by hand: vmexit-agent   (as root)");
}

static void say_connected(const struct doctor_vm *v, struct doctorsay *say)
{
	json_t *boot = json_array_get(json_object_get(v->boots, "boots"), 0);
	const char *version = doctorask_text(boot, "agent");

	if (*version && strcmp(version, VMEXIT_VERSION) != 0) {
		doctorsay(say, DOCTOR_NOTE, "agent", "its agent is of version %s, this is %s", version,
			  VMEXIT_VERSION);
		doctorsay_why(say, "what one of them knows the other may not");
		doctorsay_fix(say, "in the guest: apt install ./vmexit-agent_*.deb of version %s", VMEXIT_VERSION);
	} else {
		doctorsay(say, DOCTOR_OK, "agent", "its agent is connected");
	}
}

/* Without vmexitd, all there is is what libvirt says. */
static const char *agent_of(const struct doctor_vm *v)
{
	const char *agent = doctorask_text(v->vm, "agent");

	if (*agent || !v->domain || !v->domain->described)
		return agent;
	return v->domain->has_channel ? "" : "no-channel";
}

static void look_at_agent(const struct doctor_vm *v, struct doctorsay *say)
{
	const char *agent = agent_of(v);

	if (strcmp(agent, "no-channel") == 0) {
		if (!is_host_only(v, say))
			say_no_channel(v, say);
	} else if (strcmp(agent, "waiting") == 0) {
		if (!is_host_only(v, say))
			say_waiting(v, say);
	} else if (strcmp(agent, "connected") == 0) {
		say_connected(v, say);
	} else if (strcmp(agent, "unreachable") == 0) {
		doctorsay(say, DOCTOR_PROBLEM, "agent", "vmexitd cannot open its channel");
		doctorsay_why(say, "%s", doctorask_text(v->vm, "error"));
		doctorsay_fix(say, v->domain ? "usermod -aG libvirt-qemu vmexit && systemctl restart vmexitd   "
					       "(as root; PRIVILEGES in vmexitd(8))"
					     : "start its QEMU with that socket, or correct channel = NAME=SOCKET "
					       "in vmexitd.conf(5)");
	} else if (v->domain && v->domain->has_channel) {
		doctorsay(say, DOCTOR_OK, "channel", "has a channel%s",
			  v->domain->channel_open ? ", which is open in the guest" : "");
	}
}

static void look_at_leaf(const struct doctor_vm *v, struct doctorsay *say)
{
	const char *leaf = doctorask_text(v->vm, "leaf");

	if (strcmp(leaf, "yes") == 0) {
		doctorsay(say, DOCTOR_OK, "leaf", "sees its own exits");
	} else if (strcmp(leaf, "no") == 0 && v->telemetry > DOCTOR_TELEMETRY_OFF) {
		doctorsay(say, DOCTOR_NOTE, "leaf", "does not see its own exits, though KVM has the series now");
		doctorsay_why(say, "it was created before the modules were loaded, or its CPUID is not KVM's");
		doctorsay_fix(say, "virsh shutdown %s; then virsh start %s   (a reboot in the guest is not "
				   "enough); in the guest 'vmexit-agent read' says why",
			      v->call, v->call);
	} else if (strcmp(leaf, "no") == 0) {
		doctorsay(say, DOCTOR_OK, "leaf", "sends its workload, not its exits: KVM is without the series");
	}
}

/* ---- what does not run ---- */

static void look_at_definition(const struct doctor_vm *v, struct doctorsay *say)
{
	const struct survey_domain *d = v->domain;

	if (d->described && !d->has_channel && !is_host_only(v, say)) {
		doctorsay(say, DOCTOR_NOTE, "channel", "does not run, and has no channel for an agent");
		doctorsay_why(say, "only the host's counters are recorded of it");
		doctorsay_fix(say, "vmexitctl attach %s", v->call);
	} else {
		doctorsay(say, DOCTOR_OK, "state", "does not run");
	}
}

/* ---- the host's counters ---- */

/* What vmexitd calls it, what that means, and what to do; "" is the last resort. */
static const struct {
	const char *lack, *why, *fix;
} lacks[] = {
	{ "rights", "vmexitd may not read KVM's debugfs",
	  "see debugfs at Daemon, above; without it, libvirt 8.10 and QEMU 7.1 tell the total" },
	{ "debugfs", "KVM's debugfs is not there for vmexitd",
	  "see debugfs at Daemon, above; without it, libvirt 8.10 and QEMU 7.1 tell the total" },
	{ "vm", "vmexitd reads debugfs, but has not found the VM there: KVM was loaded again since it "
		"started, or the VM's process is not of this host",
	  "systemctl restart vmexitd   (as root; nothing is lost)" },
	{ "one", "its process has several VMs, so that it is not known which it is",
	  "run vmexitd as root, which can tell; or see it through libvirt" },
	{ "series", "KVM is without the vmexit series", "see telemetry at Kernel, above" },
	{ "table", "KVM's table has another form than vmexitd knows",
	  "upgrade the older one of both: modules, vmexitd" },
	{ "counters", "libvirt and QEMU have none of it",
	  "upgrade to libvirt 8.10 and QEMU 7.1, and see that its definition has <domain type='kvm'>" },
	{ "", "neither KVM's debugfs nor libvirt told any",
	  "see debugfs at Daemon, above; through libvirt it takes libvirt 8.10, QEMU 7.1 and a guest that runs "
	  "by KVM" },
};

static size_t find_lack(const char *word)
{
	size_t i = 0;

	while (*lacks[i].lack && strcmp(lacks[i].lack, word) != 0)
		i++;
	return i;
}

/* What is said of the host as a whole is no news of each VM. */
static bool is_of_host(const char *lack)
{
	return strcmp(lack, "rights") == 0 || strcmp(lack, "debugfs") == 0 || strcmp(lack, "series") == 0 ||
	       !*lack;
}

static void look_at_poll_cost(json_t *host, struct doctorsay *say)
{
	double cost = json_number_value(json_object_get(host, "poll_exits"));

	if (cost < POLL_EXITS)
		return;
	doctorsay(say, DOCTOR_NOTE, "poll-cost", "each reading of the host's counters costs it %.1f exits", cost);
	doctorsay_why(say, "QEMU before 8.1 kicks all vCPUs for each reading");
	doctorsay_fix(say, "let vmexitd read debugfs (PRIVILEGES in vmexitd(8)), or set host_interval = 5000 in "
			   "vmexitd.conf(5)");
}

static void look_at_host(const struct doctor_vm *v, struct doctorsay *say)
{
	json_t *host = json_object_get(v->vm, "host");
	const char *via = doctorask_text(host, "via"), *lack = doctorask_text(v->vm, "host_lack");
	size_t i = find_lack(lack);

	if (strcmp(doctorask_text(v->vm, "state"), "running") != 0)
		return;
	if (strcmp(via, "debugfs-reasons") == 0) {
		doctorsay(say, DOCTOR_OK, "host", "the host counts its exits by reason");
		return;
	}
	doctorsay(say, *via && is_of_host(lack) ? DOCTOR_OK : DOCTOR_NOTE, "host", "%s",
		  *via ? "the host counts its exits, without reasons" : "the host has no counters of it");
	if (!*via || *lack) {
		doctorsay_why(say, "%s", lacks[i].why);
		if (!*via || !is_of_host(lack))
			doctorsay_fix(say, "%s", lacks[i].fix);
	}
	look_at_poll_cost(host, say);
}

/* ---- what was stored ---- */

static void look_at_quarantine(json_t *vm, struct doctorsay *say)
{
	json_t *q = json_object_get(vm, "quarantined");

	if (!json_is_object(q))
		return;
	doctorsay(say, DOCTOR_PROBLEM, "quarantine", "%lld of its samples are not believed (%s)",
		  (long long)json_integer_value(json_object_get(q, "samples")), doctorask_text(q, "cause"));
	doctorsay_why(say, "they cannot be true, or the host counted otherwise: the guest lies, or its agent is "
			   "broken");
	doctorsay_fix(say, "vmexitctl top --source=host shows the host's numbers; '/gaps' in vmexit-http(7) says "
			   "what the word means");
}

/* What becomes of the causes that somebody can mend; the others are nobody's fault. */
static const struct {
	const char *cause, *why, *fix;
} causes[] = {
	{ "full", "vmexitd was away for longer than the agent's memory holds samples",
	  "keep vmexitd running; buffer in vmexit-agent.conf(5) keeps more" },
	{ "missed", "the guest was too busy, or had no CPU, when samples were due",
	  "look at the guest's steal time and the host's load: vmexitctl report" },
	{ "lost", "the agent had taken them and they never came: it was killed, or the guest went down hard",
	  "in the guest: journalctl -u vmexit-agent" },
	{ "limit", "the guest sent more than one may have stored in an hour",
	  "vmexitctl rate VM auto; or raise guest_disk_limit in vmexitd.conf(5)" },
	{ "disk", "the database's disk was full or failed", "see Database, above" },
};

static void look_at_gaps(json_t *gaps, struct doctorsay *say)
{
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		size_t count = 0, k;
		json_t *gap;

		json_array_foreach(json_object_get(gaps, "gaps"), k, gap)
			count += strcmp(doctorask_text(gap, "cause"), causes[i].cause) == 0;
		if (count == 0)
			continue;
		doctorsay(say, DOCTOR_NOTE, "gaps", "samples are missing of the last hour, %zu times (%s)", count,
			  causes[i].cause);
		doctorsay_why(say, "%s", causes[i].why);
		doctorsay_fix(say, "%s", causes[i].fix);
	}
}

void doctorvm_look(const struct doctor_vm *vm, struct doctorsay *say)
{
	struct doctor_vm v = *vm;

	say->subject = "VMs";
	say->vm = v.domain ? v.domain->name : doctorask_text(v.vm, "name");
	v.call = name_for_shell(say->vm, v.domain ? v.domain->uuid : doctorask_text(v.vm, "id"));
	if (!is_running(&v)) {
		if (v.domain)
			look_at_definition(&v, say);
		else
			doctorsay(say, DOCTOR_OK, "state", "does not run");
	} else if (look_at_machine(&v, say)) {
		look_at_state(&v, say);
		look_at_agent(&v, say);
		look_at_leaf(&v, say);
		look_at_host(&v, say);
		look_at_quarantine(v.vm, say);
		look_at_gaps(v.gaps, say);
	}
	say->vm = NULL;
}
