/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/doctordaemon.h"

#include <errno.h>

#include "daemon/ctl/testplace.h"
#include "daemon/version.h"
#include "guest-agent/shared/tap.h"

#define SOCKET "/run/vmexit/api.sock"
#define UNIT "/lib/systemd/system/vmexitd.service"

static void unit(void)
{
	char full[PATH_MAX];

	testplace_clear();
	doctordaemon_look_at_unit(&place, &said);
	ok(testplace_silent("unit"), "a host without systemd");
	testplace_put("/run/systemd/system/x", "");
	doctordaemon_look_at_unit(&place, &said);
	ok(testplace_said("unit", DOCTOR_NOTE, "apt install"), "no unit");
	testplace_put(UNIT, "");
	doctordaemon_look_at_unit(&place, &said);
	ok(testplace_said("unit", DOCTOR_NOTE, "systemctl enable --now"), "one that is not enabled");
	testplace_put("/etc/systemd/system/sockets.target.wants/vmexitd.socket", "");
	doctordaemon_look_at_unit(&place, &said);
	ok(testplace_said("unit", DOCTOR_OK, "enabled"), "by its socket");
	testplace_put("/etc/systemd/system/multi-user.target.wants/vmexitd.service", "");
	doctordaemon_look_at_unit(&place, &said);
	ok(testplace_said("unit", DOCTOR_OK, "enabled"), "one that is");
	ok(symlink("/dev/null", doctorplace_path(&place, "/etc/systemd/system/vmexitd.service", full,
						 sizeof(full))) == 0,
	   "one that is masked");
	doctordaemon_look_at_unit(&place, &said);
	ok(testplace_said("unit", DOCTOR_PROBLEM, "systemctl unmask"), "is");
}

static bool look(int error, bool page, struct doctor_user user)
{
	doctorsay_done(&said);
	said.subject = "Daemon";
	return doctordaemon_look_at_socket(&place, SOCKET, error, page, &user, &said);
}

static void socket_of_it(void)
{
	const struct doctor_user root = { .is_root = true, .has_group = true };
	const struct doctor_user nobody = { .has_group = true, .name = "otto" };
	struct doctor_user member = { .has_group = true, .will_be = true, .name = "otto" };
	char full[PATH_MAX];

	testplace_clear();
	testplace_put(SOCKET, "");
	(void)chmod(doctorplace_path(&place, SOCKET, full, sizeof(full)), 0660);
	ok(look(0, false, root) && testplace_said("socket", DOCTOR_OK, SOCKET), "root");
	ok(testplace_silent("socket-mode"), "a socket as it is made");
	ok(look(0, false, nobody) && testplace_said("socket", DOCTOR_OK, "not change"), "one who may only ask");
	(void)chmod(full, 0666);
	ok(look(0, false, root) && testplace_said("socket-mode", DOCTOR_NOTE, "0666"), "open to everybody");
	ok(!look(-ENOENT, false, root) && testplace_said("socket", DOCTOR_PROBLEM, "vmexitd   (as root)"),
	   "no daemon, and no service");
	testplace_put(UNIT, "");
	ok(!look(-ENOENT, false, root) && testplace_said("socket", DOCTOR_PROBLEM, "systemctl start vmexitd"),
	   "no daemon, with a service");
	ok(!look(-ECONNREFUSED, false, root) && testplace_said("socket", DOCTOR_PROBLEM, "did not end well"),
	   "one that was killed");
	ok(!look(-EACCES, false, nobody) && testplace_said("socket", DOCTOR_NOTE, "usermod -aG vmexit otto"),
	   "a user who may not");
	ok(look(-EACCES, true, nobody) && testplace_said("socket", DOCTOR_NOTE, "usermod"),
	   "who can ask the page");
	ok(!look(-EACCES, false, member) && testplace_said("socket", DOCTOR_NOTE, "newgrp vmexit"),
	   "one who may soon");
	member.has_group = member.will_be = false;
	ok(!look(-EACCES, false, member) && testplace_said("socket", DOCTOR_NOTE, "groupadd"), "no such group");
	ok(look(-ENOENT, true, root) && testplace_said("socket", DOCTOR_PROBLEM, "api_socket"),
	   "a daemon with another socket");
}

static void answers_of(const char *daemon, const char *health, const char *why)
{
	json_t *d = daemon ? json_loads(daemon, 0, NULL) : NULL, *h = health ? json_loads(health, 0, NULL) : NULL;

	doctorsay_done(&said);
	said.subject = "Daemon";
	doctordaemon_look_at_answers(&place, d, h, why, &said);
	json_decref(d);
	json_decref(h);
}

#define HEALTHY "{\"status\":\"ok\",\"message\":\"\",\"version\":\"" VMEXIT_VERSION "\",\"dropped_samples\":0}"

static void answers(void)
{
	testplace_clear();
	answers_of("{\"pid\":7,\"uid\":0,\"debugfs\":{\"readable\":true,\"error\":\"\"}}", HEALTHY, "");
	ok(testplace_said("version", DOCTOR_OK, "process 7, as user root") &&
		   testplace_said("health", DOCTOR_OK, "stored") && testplace_said("debugfs", DOCTOR_OK, "reads"),
	   "a daemon that is well");
	answers_of(NULL, HEALTHY, "");
	ok(testplace_said("version", DOCTOR_OK, VMEXIT_VERSION) && testplace_silent("debugfs"), "an old one");
	answers_of(NULL, NULL, "it takes too long");
	ok(testplace_said("answers", DOCTOR_PROBLEM, "it takes too long"), "one that hangs");
	answers_of(NULL, "{\"x\":1}", "");
	ok(testplace_said("answers", DOCTOR_PROBLEM, "not in words"), "another program");
	answers_of(NULL, "{\"status\":\"failing\",\"message\":\"the disk is full\",\"version\":\"99.1\"}", "");
	ok(testplace_said("health", DOCTOR_PROBLEM, "the disk is full") &&
		   testplace_said("version", DOCTOR_NOTE, "99.1"),
	   "one that stores nothing, of another version");
	answers_of(NULL, "{\"status\":\"ok\",\"version\":\"" VMEXIT_VERSION "\",\"dropped_samples\":12}", "");
	ok(testplace_said("health", DOCTOR_NOTE, "12 samples"), "one that lost some");
	answers_of("{\"pid\":7,\"uid\":0,\"debugfs\":{\"readable\":false,\"error\":\"Permission denied\"}}", HEALTHY,
		   "");
	ok(testplace_said("debugfs", DOCTOR_NOTE, "examples/debugfs.conf"), "without rights in debugfs");
	answers_of("{\"pid\":7,\"uid\":0,\"debugfs\":{\"readable\":false,\"error\":\"No such file or directory\"}}",
		   HEALTHY, "");
	ok(testplace_said("debugfs", DOCTOR_NOTE, "mount -t debugfs"), "without debugfs");
	testplace_put("/proc/self/mounts", "x /sys/kernel/debug debugfs rw 0 0\n");
	answers_of("{\"pid\":7,\"uid\":0,\"debugfs\":{\"readable\":false,\"error\":\"No such file or directory\"}}",
		   HEALTHY, "");
	ok(testplace_said("debugfs", DOCTOR_NOTE, "see that KVM is loaded"), "without KVM");
}

static void look_at_page(char *listen, bool asked, const char *error)
{
	struct config config = { .listen = listen };

	doctorsay_done(&said);
	said.subject = "Daemon";
	doctordaemon_look_at_page(&config, asked, error, &said);
}

static void page(void)
{
	char loopback[] = "127.0.0.1:20479", six[] = "[::1]:1", all[] = "0.0.0.0:80", off[] = "off";

	look_at_page(loopback, true, "");
	ok(testplace_said("page", DOCTOR_OK, "http://127.0.0.1:20479/") && testplace_silent("listen"), "a page");
	look_at_page(six, true, "");
	ok(testplace_silent("listen"), "also on IPv6");
	look_at_page(all, true, "");
	ok(testplace_said("listen", DOCTOR_NOTE, "ssh -L"), "one for everybody");
	look_at_page(off, true, "");
	ok(testplace_said("page", DOCTOR_NOTE, "switched off"), "none");
	look_at_page(loopback, true, "another program answers there");
	ok(testplace_said("page", DOCTOR_PROBLEM, "sport = :20479"), "another's");
	look_at_page(loopback, false, "");
	ok(testplace_silent("page"), "nobody to ask");
}

static void gnuplot(void)
{
	testplace_clear();
	testplace_put("/usr/bin/gnuplot", "");
	doctordaemon_look_at_gnuplot(&place, "gnuplot", "/bin:/usr/bin", &said);
	doctordaemon_look_at_gnuplot(&place, "/usr/bin/gnuplot", "", &said);
	ok(testplace_silent("gnuplot"), "gnuplot");
	doctordaemon_look_at_gnuplot(&place, "gnuplot", "/bin:/usr/sbin", &said);
	ok(testplace_said("gnuplot", DOCTOR_NOTE, "apt install gnuplot-nox"), "no gnuplot");
	testplace_clear();
	doctordaemon_look_at_gnuplot(&place, "/usr/bin/gnuplot", "", &said);
	ok(testplace_said("gnuplot", DOCTOR_NOTE, "'/usr/bin/gnuplot'"), "nor by its path");
}

static void look_at_remote(const char *text)
{
	json_t *remote = text ? json_loads(text, 0, NULL) : NULL;

	doctorsay_done(&said);
	said.subject = "Daemon";
	doctordaemon_look_at_remote(remote, &said);
	json_decref(remote);
}

static void remote(void)
{
	look_at_remote(NULL);
	ok(testplace_silent("remote"), "no remote write");
	look_at_remote("{\"state\":\"off\"}");
	ok(testplace_silent("remote"), "switched off");
	look_at_remote("{\"state\":\"sending\",\"lag_s\":2.1,\"error\":\"\"}");
	ok(testplace_said("remote", DOCTOR_OK, "2 s"), "on");
	look_at_remote("{\"state\":\"waiting\",\"lag_s\":900,\"error\":\"connection refused\"}");
	ok(testplace_said("remote", DOCTOR_PROBLEM, "connection refused"), "waiting for the receiver");
	look_at_remote("{\"state\":\"sending\",\"lag_s\":1,\"refused_samples\":4,\"error\":\"out of order\"}");
	ok(testplace_said("remote", DOCTOR_NOTE, "out of order"), "refused by it");
	look_at_remote("{\"state\":\"sending\",\"lag_s\":1,\"lost_samples\":4,\"error\":\"\"}");
	ok(testplace_said("remote", DOCTOR_NOTE, "4 that were too old"), "lost before");
}

int main(void)
{
	unit();
	socket_of_it();
	answers();
	page();
	gnuplot();
	remote();
	testplace_end();
	return done_testing();
}
