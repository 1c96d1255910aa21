/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/doctorvm.h"

#include "daemon/ctl/testplace.h"
#include "daemon/version.h"
#include "guest-agent/shared/tap.h"

#define ID "76d86578-6974-4000-8000-000000000001"

#define VM(agent, leaf, more) \
	"{\"id\":\"" ID "\",\"name\":\"web\",\"state\":\"running\",\"reason\":\"\",\"stuck\":null,\"agent\":\"" agent \
	"\",\"leaf\":\"" leaf "\",\"error\":\"\"" more "}"
#define HOST ",\"host\":{\"via\":\"debugfs-reasons\",\"poll_exits\":0.0}"
#define GOOD VM("connected", "yes", HOST)

static struct survey_domain domain;
static struct doctor_vm v;

static void start(void)
{
	domain = (struct survey_domain){ .uuid = ID, .name = "web", .runs = true, .persistent = true,
					 .described = true, .has_channel = true, .has_channel_next = true,
					 .has_serial = true, .channel_open = true };
	v = (struct doctor_vm){ .domain = &domain, .watched = true, .telemetry = DOCTOR_TELEMETRY_CYCLES };
}

static void look(const char *vm, const char *boots, const char *gaps)
{
	v.vm = vm ? json_loads(vm, 0, NULL) : NULL;
	v.boots = boots ? json_loads(boots, 0, NULL) : NULL;
	v.gaps = gaps ? json_loads(gaps, 0, NULL) : NULL;
	doctorsay_done(&said);
	doctorvm_look(&v, &said);
	json_decref(v.vm);
	json_decref(v.boots);
	json_decref(v.gaps);
}

static void machine(void)
{
	start();
	look(GOOD, "{\"boots\":[{\"agent\":\"" VMEXIT_VERSION "\"}]}", "{\"gaps\":[]}");
	ok(said.count == 3 && doctorsay_count(&said, DOCTOR_OK) == 3 && testplace_said("host", DOCTOR_OK, "reason") &&
		   testplace_said("agent", DOCTOR_OK, "connected") && testplace_said("leaf", DOCTOR_OK, "own"),
	   "a VM that is well");
	ok(strcmp(said.findings[0].vm, "web") == 0, "by its name");
	domain.emulated = true;
	look(GOOD, NULL, NULL);
	ok(testplace_said("kvm", DOCTOR_NOTE, "virsh edit web") && said.count == 1, "emulated");
	start();
	look(NULL, NULL, NULL);
	ok(testplace_said("known", DOCTOR_PROBLEM, "systemctl restart vmexitd"), "one that vmexitd has not");
	v.watched = false;
	look(NULL, NULL, NULL);
	ok(testplace_said("channel", DOCTOR_OK, "open in the guest") && said.count == 1, "without vmexitd");
	domain.runs = false;
	look(NULL, NULL, NULL);
	ok(testplace_said("state", DOCTOR_OK, "does not run"), "stopped");
	domain.has_channel = false;
	look(NULL, NULL, NULL);
	ok(testplace_said("channel", DOCTOR_NOTE, "vmexitctl attach web"), "stopped, without a channel");
	domain.windows = true;
	domain.channel_open = false;
	look(NULL, NULL, NULL);
	ok(testplace_said("guest", DOCTOR_OK, "Windows") && testplace_silent("channel"), "which a Windows needs not");
	start();
	look("{\"id\":\"" ID "\",\"name\":\"web\",\"state\":\"running\",\"stuck\":1795461245.5}", NULL, NULL);
	ok(testplace_said("stuck", DOCTOR_PROBLEM, "virsh domstate --reason web"), "stuck");
	look("{\"id\":\"" ID "\",\"name\":\"web\",\"state\":\"paused\",\"reason\":\"io-error\"}", NULL, NULL);
	ok(testplace_said("state", DOCTOR_NOTE, "io-error"), "paused for a reason");
	look("{\"id\":\"" ID "\",\"name\":\"web\",\"state\":\"paused\",\"reason\":\"\"}", NULL, NULL);
	ok(testplace_silent("state"), "or by somebody");
}

static void names(void)
{
	start();
	domain.has_channel = domain.has_channel_next = false;
	(void)snprintf(domain.name, sizeof(domain.name), "x; rm -rf /");
	look(VM("no-channel", "unknown", HOST), NULL, NULL);
	ok(testplace_said("channel", DOCTOR_NOTE, "vmexitctl attach " ID) && !strstr(said.findings[0].fix, "rm"),
	   "a name that a shell would obey is not in a command");
	(void)snprintf(domain.name, sizeof(domain.name), "--help");
	look(VM("no-channel", "unknown", HOST), NULL, NULL);
	ok(testplace_said("channel", DOCTOR_NOTE, "vmexitctl attach " ID), "nor one that is an option");
}

static void agent(void)
{
	start();
	domain.has_channel = domain.has_channel_next = domain.channel_open = false;
	look(VM("no-channel", "unknown", HOST), NULL, NULL);
	ok(testplace_said("channel", DOCTOR_NOTE, "vmexitctl attach web"), "no channel");
	domain.has_serial = false;
	look(VM("no-channel", "unknown", HOST), NULL, NULL);
	ok(testplace_said("channel", DOCTOR_NOTE, "virtio-serial"), "nor a controller for it");
	domain.has_channel_next = true;
	look(VM("no-channel", "unknown", HOST), NULL, NULL);
	ok(testplace_said("channel", DOCTOR_NOTE, "virsh shutdown web; then virsh start web"), "one, from the next start on");
	v.watched = false;
	domain.has_channel_next = false;
	look(NULL, NULL, NULL);
	ok(testplace_said("channel", DOCTOR_NOTE, "vmexitctl attach web"), "without vmexitd it is libvirt that says so");

	start();
	domain.channel_open = false;
	look(VM("waiting", "unknown", HOST), NULL, NULL);
	ok(testplace_said("agent", DOCTOR_NOTE, "apt install ./vmexit-agent"), "no agent");
	domain.channel_open = true;
	look(VM("waiting", "unknown", HOST), NULL, NULL);
	ok(testplace_said("agent", DOCTOR_NOTE, "systemctl restart vmexit-agent"), "one that is silent");
	look("{\"id\":\"" ID "\",\"name\":\"web\",\"state\":\"running\",\"agent\":\"unreachable\",\"error\":\"denied\"}",
	     NULL, NULL);
	ok(testplace_said("agent", DOCTOR_PROBLEM, "usermod -aG libvirt-qemu vmexit") &&
		   strcmp(doctorsay_find(&said, "agent")->why, "denied") == 0,
	   "a channel that vmexitd cannot open, and why");
	v.domain = NULL;
	look("{\"id\":\"plain\",\"name\":\"plain\",\"state\":\"running\",\"agent\":\"unreachable\",\"error\":\"denied\"}",
	     NULL, NULL);
	ok(testplace_said("agent", DOCTOR_PROBLEM, "channel = NAME=SOCKET"), "of plain QEMU");
	start();
	look(GOOD, "{\"boots\":[{\"agent\":\"0.0.9\"}]}", NULL);
	ok(testplace_said("agent", DOCTOR_NOTE, "0.0.9"), "an old agent");
}

static void host_only(void)
{
	start();
	domain.channel_open = domain.has_channel = domain.has_channel_next = false;
	(void)snprintf(domain.confidential, sizeof(domain.confidential), "sev");
	look(VM("no-channel", "unknown", HOST), NULL, NULL);
	ok(testplace_said("guest", DOCTOR_OK, "confidential guest (sev): host source only") && testplace_silent("channel"),
	   "a confidential guest needs no channel");
	*domain.confidential = '\0';
	domain.windows = domain.has_channel = true;
	look(VM("waiting", "unknown", HOST), NULL, NULL);
	ok(testplace_said("guest", DOCTOR_OK, "Windows") && testplace_silent("agent"), "a Windows no agent");
}

static void leaf(void)
{
	start();
	look(VM("connected", "no", HOST), NULL, NULL);
	ok(testplace_said("leaf", DOCTOR_NOTE, "a reboot in the guest is not enough"), "older than the modules");
	v.telemetry = DOCTOR_TELEMETRY_NONE;
	look(VM("connected", "no", HOST), NULL, NULL);
	ok(testplace_said("leaf", DOCTOR_OK, "without the series"), "without the series none has it");
}

static void host(void)
{
	start();
	look(VM("connected", "yes", ",\"host_lack\":\"rights\",\"host\":{\"via\":\"libvirt\",\"poll_exits\":2.5}"), NULL,
	     NULL);
	ok(testplace_said("host", DOCTOR_OK, "may not read KVM's debugfs") &&
		   testplace_said("poll-cost", DOCTOR_NOTE, "2.5 exits"),
	   "through libvirt, which costs exits");
	look(VM("connected", "yes", ",\"host_lack\":\"series\",\"host\":{\"via\":\"debugfs-exits\",\"poll_exits\":0.0}"),
	     NULL, NULL);
	ok(testplace_said("host", DOCTOR_OK, "KVM is without the vmexit series") && testplace_silent("poll-cost"),
	   "in debugfs of a stock KVM");
	look(VM("connected", "yes", ",\"host_lack\":\"vm\",\"host\":{\"via\":\"libvirt\",\"poll_exits\":0.0}"), NULL,
	     NULL);
	ok(testplace_said("host", DOCTOR_NOTE, "KVM was loaded again"), "through libvirt, with debugfs at hand");
	look(VM("connected", "yes", ",\"host_lack\":\"table\",\"host\":{\"via\":\"debugfs-exits\",\"poll_exits\":0.0}"),
	     NULL, NULL);
	ok(testplace_said("host", DOCTOR_NOTE, "upgrade the older one"), "a table of another version");
	look(VM("connected", "yes", ",\"host\":{\"via\":\"libvirt\",\"poll_exits\":0.0}"), NULL, NULL);
	ok(testplace_said("host", DOCTOR_OK, "without reasons"), "because that was set so");
	look(VM("connected", "yes", ",\"host\":null"), NULL, NULL);
	ok(testplace_said("host", DOCTOR_NOTE, "no counters"), "nowhere");
	look(VM("connected", "yes", ",\"host_lack\":\"counters\",\"host\":null"), NULL, NULL);
	ok(testplace_said("host", DOCTOR_NOTE, "upgrade to libvirt 8.10"), "nor in libvirt");
	look(VM("connected", "yes", ",\"host_lack\":\"new\",\"host\":null"), NULL, NULL);
	ok(testplace_said("host", DOCTOR_NOTE, "neither"), "for a reason that a newer daemon knows");
}

static void stored(void)
{
	start();
	look(VM("connected", "yes", HOST ",\"quarantined\":{\"samples\":12,\"cause\":\"fell\"}"), NULL, NULL);
	ok(testplace_said("quarantine", DOCTOR_PROBLEM, "12 of its samples are not believed (fell)"), "a guest that lies");
	look(GOOD, NULL,
	     "{\"gaps\":[{\"cause\":\"full\"},{\"cause\":\"restart\"},{\"cause\":\"full\"},{\"cause\":\"moved\"}]}");
	ok(testplace_said("gaps", DOCTOR_NOTE, "2 times (full)") && doctorsay_count(&said, DOCTOR_NOTE) == 1,
	   "gaps that can be mended, and not those that cannot");
}

int main(void)
{
	testplace_clear();
	machine();
	names();
	agent();
	host_only();
	leaf();
	host();
	stored();
	testplace_end();
	return done_testing();
}
