/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/doctorlibvirt.h"

#include <errno.h>

#include "daemon/ctl/testplace.h"
#include "guest-agent/shared/tap.h"

static void look(const char *uri, int r, struct survey survey, const char *daemon)
{
	json_t *json = daemon ? json_loads(daemon, 0, NULL) : NULL;

	doctorsay_done(&said);
	doctorlibvirt_look(uri, r, &survey, json, &said);
	json_decref(json);
}

int main(void)
{
	struct survey good = { .connected = true, .type = "QEMU", .libvirt_version = 9000000,
			       .qemu_version = 8001000, .count = 2 };
	struct survey asked = { 0 }, other;

	look("qemu:///system", 0, good, "{\"libvirt\":{\"uri\":\"qemu:///system\",\"connected\":true}}");
	ok(testplace_said("libvirt", DOCTOR_OK, "9.0.0 at qemu:///system has 2 domains") && said.count == 1,
	   "all is well");
	other = good;
	other.qemu_version = 7002007;
	look("qemu:///system", 0, other, NULL);
	ok(testplace_said("versions", DOCTOR_NOTE, "QEMU 7.2 kicks"), "QEMU that kicks vCPUs");
	look("qemu:///system", 0, other, "{\"debugfs\":{\"readable\":true},\"libvirt\":{\"connected\":true}}");
	ok(testplace_silent("versions"), "which nobody asks for counters where there is debugfs");
	other.libvirt_version = 8009000;
	look("qemu:///system", 0, other, NULL);
	ok(testplace_said("versions", DOCTOR_NOTE, "libvirt 8.9 and QEMU 7.2"), "libvirt without counters");
	other = good;
	other.qemu_version = 7000000;
	look("qemu:///system", 0, other, NULL);
	ok(testplace_said("versions", DOCTOR_NOTE, "no counters"), "QEMU without counters");
	(void)snprintf(other.type, sizeof(other.type), "TEST");
	look("test:///default", 0, other, NULL);
	ok(testplace_silent("versions"), "another driver has other versions");
	look("off", 0, (struct survey){ 0 }, NULL);
	ok(testplace_said("libvirt", DOCTOR_OK, "switched off"), "switched off");
	look("qemu:///system", 0, (struct survey){ .error = "no such socket" }, NULL);
	ok(testplace_said("libvirt", DOCTOR_PROBLEM, "no such socket") &&
		   testplace_said("libvirt", DOCTOR_PROBLEM, "systemctl enable --now libvirtd"),
	   "not there");
	look("qemu:///system", -ETIMEDOUT, (struct survey){ 0 }, NULL);
	ok(testplace_said("libvirt", DOCTOR_PROBLEM, "systemctl restart libvirtd"), "hanging");
	look("qemu:///system", 0, good, "{\"libvirt\":{\"uri\":\"qemu:///session\",\"connected\":false}}");
	ok(testplace_said("libvirt-daemon", DOCTOR_PROBLEM, "journalctl -u vmexitd"),
	   "the daemon is not connected");
	look("qemu:///system", 0, good, "{\"libvirt\":null}");
	ok(testplace_silent("libvirt-daemon"), "nor need it be");

	ok(doctorlibvirt_ask("test:///default", &asked) == 0 && asked.connected && asked.count == 1,
	   "a libvirt is asked");
	survey_done(&asked);
	ok(doctorlibvirt_ask("qemu+unix:///system?socket=/none/such", &asked) == 0 && !asked.connected && *asked.error,
	   "one that there is none of");
	survey_done(&asked);
	testplace_end();
	return done_testing();
}
