/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/doctordaemon.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/ctl/doctorkernel.h"
#include "daemon/http/peer.h"
#include "daemon/version.h"
#include "guest-agent/shared/cleanup.h"

#define GROUPS_MAX 65536		/* the kernel's NGROUPS_MAX */

/* ---- who asks ---- */

static bool is_listed(const struct group *group, const char *name)
{
	for (char **member = group->gr_mem; *member; member++) {
		if (strcmp(*member, name) == 0)
			return true;
	}
	return false;
}

static bool is_member(gid_t gid)
{
	_cleanup_free_ gid_t *groups = malloc(GROUPS_MAX * sizeof(*groups));
	int n = groups ? getgroups(GROUPS_MAX, groups) : -1;

	for (int i = 0; i < n; i++) {
		if (groups[i] == gid)
			return true;
	}
	return getegid() == gid;
}

struct doctor_user doctordaemon_user(void)
{
	struct doctor_user user = { .is_root = geteuid() == 0 };
	const struct passwd *pw = getpwuid(geteuid());
	const struct group *group = getgrnam(PEER_GROUP);

	(void)snprintf(user.name, sizeof(user.name), "%s", pw ? pw->pw_name : "USER");
	user.has_group = group;
	user.in_group = group && is_member(group->gr_gid);
	user.will_be = group && (user.in_group || is_listed(group, user.name));
	return user;
}

/* ---- the unit ---- */

static bool has_unit(const struct doctor_place *place)
{
	return doctorplace_exists(place, "/lib/systemd/system/vmexitd.service") ||
	       doctorplace_exists(place, "/usr/lib/systemd/system/vmexitd.service") ||
	       doctorplace_exists(place, "/etc/systemd/system/vmexitd.service");
}

bool doctordaemon_service_user(const struct doctor_place *place, uid_t *ret_uid)
{
	const struct passwd *pw = has_unit(place) ? getpwnam(PEER_GROUP) : NULL;

	if (pw)
		*ret_uid = pw->pw_uid;
	return pw;
}

static bool is_enabled(const struct doctor_place *place)
{
	return doctorplace_exists(place, "/etc/systemd/system/multi-user.target.wants/vmexitd.service") ||
	       doctorplace_exists(place, "/etc/systemd/system/sockets.target.wants/vmexitd.socket");
}

void doctordaemon_look_at_unit(const struct doctor_place *place, struct doctorsay *say)
{
	struct stat st;

	say->subject = "Daemon";
	if (!doctorplace_exists(place, "/run/systemd/system"))
		return;
	if (!has_unit(place)) {
		doctorsay(say, DOCTOR_NOTE, "unit", "vmexitd is not installed as a service");
		doctorsay_why(say, "it does not start by itself with this host");
		doctorsay_fix(say, "apt install ./vmexitd_*.deb   (as root; made by 'make deb')");
	} else if (doctorplace_stat(place, "/etc/systemd/system/vmexitd.service", &st) == 0 &&
		   S_ISCHR(st.st_mode)) {
		doctorsay(say, DOCTOR_PROBLEM, "unit", "the service vmexitd is masked");
		doctorsay_why(say, "nobody can start it");
		doctorsay_fix(say, "systemctl unmask vmexitd && systemctl enable --now vmexitd   (as root)");
	} else if (!is_enabled(place)) {
		doctorsay(say, DOCTOR_NOTE, "unit", "the service vmexitd is not enabled");
		doctorsay_why(say, "it does not start by itself with this host");
		doctorsay_fix(say, "systemctl enable --now vmexitd.socket vmexitd   (as root)");
	} else {
		doctorsay(say, DOCTOR_OK, "unit", "the service vmexitd is enabled");
	}
}

/* ---- its socket ---- */

static void say_how_to_start(const struct doctor_place *place, struct doctorsay *say)
{
	if (has_unit(place))
		doctorsay_fix(say, "systemctl start vmexitd   (as root; 'journalctl -u vmexitd -n 20' says "
				   "why if it does not)");
	else
		doctorsay_fix(say, "mkdir -p /var/lib/vmexit /run/vmexit && vmexitd   (as root), or "
				   "name its socket with --socket");
}

static void say_not_admitted(const char *socket, const struct doctor_user *user, struct doctorsay *say)
{
	doctorsay(say, DOCTOR_NOTE, "socket", "this user may not open %s", socket);
	doctorsay_why(say, "what vmexitctl asks and changes goes over it; members of the group "
			   PEER_GROUP " may");
	if (!user->has_group)
		doctorsay_fix(say, "sudo vmexitctl ..., or groupadd --system " PEER_GROUP
				   " and restart vmexitd   (as root)");
	else if (user->will_be)
		doctorsay_fix(say, "%s is in that group, but not in this session: log in anew, or "
				   "'newgrp " PEER_GROUP "'",
			      user->name);
	else
		doctorsay_fix(say, "usermod -aG " PEER_GROUP " %s   (as root, then log in anew)", user->name);
}

static void look_at_mode(const struct doctor_place *place, const char *socket, struct doctorsay *say)
{
	struct stat st;

	if (doctorplace_stat(place, socket, &st) < 0 || !(st.st_mode & S_IRWXO))
		return;
	doctorsay(say, DOCTOR_NOTE, "socket-mode", "%s is open to everybody (mode %04o)", socket,
		  (unsigned int)(st.st_mode & 07777));
	doctorsay_why(say, "vmexitd checks who asks all the same, but it is made with 0660");
	doctorsay_fix(say, "systemctl restart vmexitd.socket vmexitd   (as root), and look for what "
			   "changed it");
}

bool doctordaemon_look_at_socket(const struct doctor_place *place, const char *socket, int error,
				 bool page, const struct doctor_user *user, struct doctorsay *say)
{
	if (error == 0) {
		look_at_mode(place, socket, say);
		if (user->has_group && !user->in_group && !user->is_root)
			doctorsay(say, DOCTOR_OK, "socket", "vmexitd is at %s, where this user may ask, not change",
				  socket);
		else
			doctorsay(say, DOCTOR_OK, "socket", "vmexitd is at %s", socket);
		return true;
	}
	if (error == -EACCES || error == -EPERM) {
		say_not_admitted(socket, user, say);
		return page;
	}
	if (page) {
		doctorsay(say, DOCTOR_PROBLEM, "socket", "vmexitd's page answers, but %s does not", socket);
		doctorsay_why(say, "%s; vmexitctl asks over that socket", strerror(-error));
		doctorsay_fix(say, "see api_socket in vmexitd.conf(5), or name the socket with --socket");
		return true;
	}
	doctorsay(say, DOCTOR_PROBLEM, "socket", "vmexitd does not run");
	if (error == -ENOENT)
		doctorsay_why(say, "there is no %s", socket);
	else if (error == -ECONNREFUSED)
		doctorsay_why(say, "nobody is behind %s: it did not end well", socket);
	else
		doctorsay_why(say, "%s: %s", socket, strerror(-error));
	say_how_to_start(place, say);
	return false;
}

/* ---- what it says ---- */

static void look_at_version(json_t *health, json_t *daemon, struct doctorsay *say)
{
	const char *version = doctorask_text(health, "version");
	json_int_t pid = json_integer_value(json_object_get(daemon, "pid"));
	json_int_t uid = json_integer_value(json_object_get(daemon, "uid"));
	const struct passwd *pw = daemon ? getpwuid(uid) : NULL;

	if (strcmp(version, VMEXIT_VERSION) != 0) {
		doctorsay(say, DOCTOR_NOTE, "version", "vmexitd is version %s, vmexitctl %s", version,
			  VMEXIT_VERSION);
		doctorsay_why(say, "what one of them knows the other may not");
		doctorsay_fix(say, "systemctl restart vmexitd   (as root, after an upgrade)");
	} else if (daemon) {
		doctorsay(say, DOCTOR_OK, "version", "version %s, process %lld, as user %s", version,
			  (long long)pid, pw ? pw->pw_name : "of unknown name");
	} else {
		doctorsay(say, DOCTOR_OK, "version", "version %s", version);
	}
}

static void look_at_debugfs(const struct doctor_place *place, json_t *debugfs, struct doctorsay *say)
{
	const char *error = doctorask_text(debugfs, "error");
	bool missing = strcmp(error, strerror(ENOENT)) == 0;

	if (!debugfs)
		return;
	if (json_is_true(json_object_get(debugfs, "readable"))) {
		doctorsay(say, DOCTOR_OK, "debugfs", "vmexitd reads KVM's counters in debugfs");
		return;
	}
	doctorsay(say, DOCTOR_NOTE, "debugfs", "vmexitd cannot read KVM's debugfs: %s", error);
	doctorsay_why(say, "the host's exits by reason are only there; without it totals come through "
			   "libvirt");
	if (missing && doctorkernel_has_debugfs(place))
		doctorsay_fix(say, "see that KVM is loaded (Kernel, above), then systemctl restart vmexitd   (as "
				   "root)");
	else if (missing)
		doctorsay_fix(say, "mount -t debugfs none /sys/kernel/debug && systemctl restart vmexitd   (as "
				   "root)");
	else
		doctorsay_fix(say, "install -D -t /etc/systemd/system/vmexitd.service.d "
				   "/usr/share/doc/vmexitd/examples/debugfs.conf && systemctl daemon-reload "
				   "&& systemctl restart vmexitd   (as root; vmexitd(8) says what that "
				   "grants)");
}

static void look_at_health(json_t *health, struct doctorsay *say)
{
	json_int_t lost = json_integer_value(json_object_get(health, "dropped_samples"));

	if (strcmp(doctorask_text(health, "status"), "ok") != 0) {
		doctorsay(say, DOCTOR_PROBLEM, "health", "vmexitd stores nothing at the moment");
		doctorsay_why(say, "%s", doctorask_text(health, "message"));
		doctorsay_fix(say, "see Database, below; it goes on by itself when there is room ('A FULL "
				   "DISK' in vmexitd(8))");
	} else if (lost > 0) {
		doctorsay(say, DOCTOR_NOTE, "health", "vmexitd stores, but lost %lld samples since it started",
			  (long long)lost);
		doctorsay_why(say, "the disk was full or failed, and more came than could wait");
		doctorsay_fix(say, "give its file system more room, or lower keep_samples in "
				   "vmexitd.conf(5)");
	} else {
		doctorsay(say, DOCTOR_OK, "health", "samples are being stored");
	}
}

void doctordaemon_look_at_answers(const struct doctor_place *place, json_t *daemon, json_t *health,
				  const char *why, struct doctorsay *say)
{
	if (!health || !json_is_string(json_object_get(health, "version"))) {
		doctorsay(say, DOCTOR_PROBLEM, "answers", "vmexitd does not answer: %s",
			  *why ? why : "not in words that vmexitctl knows");
		doctorsay_why(say, "it hangs or cannot start, or something else listens there");
		doctorsay_fix(say, "systemctl status vmexitd; journalctl -u vmexitd -n 20; systemctl "
				   "restart vmexitd   (as root)");
		return;
	}
	look_at_version(health, daemon, say);
	look_at_health(health, say);
	look_at_debugfs(place, json_object_get(daemon, "debugfs"), say);
}

/* ---- its page ---- */

static bool is_loopback(const char *listen)
{
	return strncmp(listen, "127.", 4) == 0 || strncmp(listen, "[::1]:", 6) == 0 ||
	       strncmp(listen, "localhost:", 10) == 0;
}

void doctordaemon_look_at_page(const struct config *config, bool asked, const char *error,
			       struct doctorsay *say)
{
	if (strcmp(config->listen, "off") == 0) {
		doctorsay(say, DOCTOR_NOTE, "page", "the page is switched off");
		doctorsay_why(say, "listen is 'off' in its settings");
		doctorsay_fix(say, "listen = 127.0.0.1:20479 in vmexitd.conf(5), if you want to see it");
		return;
	}
	if (!is_loopback(config->listen)) {
		doctorsay(say, DOCTOR_NOTE, "listen", "the page is shown to whoever reaches %s", config->listen);
		doctorsay_why(say, "it asks for no password, and is not encrypted");
		doctorsay_fix(say, "listen = 127.0.0.1:20479 in vmexitd.conf(5), and from other machines ssh "
				   "-L 20479:127.0.0.1:20479 HOST");
	}
	if (!asked)
		return;
	if (*error) {
		doctorsay(say, DOCTOR_PROBLEM, "page", "the page at http://%s/ does not answer", config->listen);
		doctorsay_why(say, "%s", error);
		doctorsay_fix(say, "ss -ltnp 'sport = :%s'   (as root: who has that port); journalctl -u "
				   "vmexitd -n 20",
			      strrchr(config->listen, ':') ? strrchr(config->listen, ':') + 1 : "");
	} else {
		doctorsay(say, DOCTOR_OK, "page", "the page is at http://%s/", config->listen);
	}
}

static bool is_in_path(const struct doctor_place *place, const char *program, const char *path)
{
	char file[PATH_MAX];

	if (strchr(program, '/'))
		return doctorplace_exists(place, program);
	while (*path) {
		size_t len = strcspn(path, ":");

		(void)snprintf(file, sizeof(file), "%.*s/%s", (int)len, path, program);
		if (doctorplace_exists(place, file))
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

void doctordaemon_look_at_gnuplot(const struct doctor_place *place, const char *gnuplot, const char *path,
				  struct doctorsay *say)
{
	if (is_in_path(place, gnuplot, path))
		return;
	doctorsay(say, DOCTOR_NOTE, "gnuplot", "there is no program '%s'", gnuplot);
	doctorsay_why(say, "it draws the pictures that are downloaded, and those of vmexitctl graph; the page "
			   "and reports need none");
	doctorsay_fix(say, "apt install gnuplot-nox   (as root)");
}

/* ---- samples that go elsewhere ---- */

static json_int_t count_of(json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

void doctordaemon_look_at_remote(json_t *remote, struct doctorsay *say)
{
	const char *state = doctorask_text(remote, "state"), *error = doctorask_text(remote, "error");
	double lag_s = json_number_value(json_object_get(remote, "lag_s"));
	json_int_t refused = count_of(remote, "refused_samples"), lost = count_of(remote, "lost_samples");

	if (!*state || strcmp(state, "off") == 0)
		return;
	/* Why it waits, or, while it sends, what was refused last. */
	if (strcmp(state, "waiting") == 0) {
		doctorsay(say, DOCTOR_PROBLEM, "remote", "remote write waits for its receiver, %.0f s behind", lag_s);
		doctorsay_why(say, "%s", *error ? error : "it does not take what is sent");
		doctorsay_fix(say, "see whether the receiver runs, and remote_write in vmexitd.conf(5); what it "
				   "misses is caught up");
	} else if (lost || refused) {
		doctorsay(say, DOCTOR_NOTE, "remote", "remote write goes on without %lld samples that were refused, %lld "
						      "that were too old",
			  (long long)refused, (long long)lost);
		doctorsay_why(say, "%s", *error ? error : "they were dropped here before they could be sent");
		doctorsay_fix(say, "journalctl -u vmexitd | grep -i remote; see remote_write in vmexitd.conf(5)");
	} else {
		doctorsay(say, DOCTOR_OK, "remote", "remote write is %.0f s behind", lag_s);
	}
}
