/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/doctormodules.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest-agent/shared/cleanup.h"

#define MODULE_MAX (16 << 20)		/* Debian's kvm.ko has less than 2 MB */
#define PARAMETER "parm=exit_telemetry:"
#define SIGNATURE "~Module signature appended~\n"

#define DKMS "/var/lib/dkms/vmexit-kvm"
#define SECURE_BOOT "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

/* "updates/dkms/kvm.ko.xz: ...": how long its path is, or 0 if that is no kvm module. */
static size_t path_of_kvm(const char *line)
{
	size_t len = strcspn(line, ":"), base = len;

	if (!line[len])
		return 0;
	while (base > 0 && line[base - 1] != '/')
		base--;
	return strncmp(line + base, "kvm.ko", 6) == 0 && strchr(":.", line[base + 6]) ? len : 0;
}

static int find_file(const struct doctor_place *place, const char *release, char *file, size_t size)
{
	_cleanup_free_ char *line = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	char path[PATH_MAX], full[PATH_MAX];
	size_t room = 0, len;

	(void)snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", release);
	f = fopen(doctorplace_path(place, path, full, sizeof(full)), "re");
	if (!f)
		return -errno;
	while (getline(&line, &room, f) > 0) {
		len = path_of_kvm(line);
		if (len == 0)
			continue;
		(void)snprintf(file, size, "%s%.*s%s%.*s", *line == '/' ? "" : "/lib/modules/",
			       *line == '/' ? 0 : INT_MAX, release, *line == '/' ? "" : "/", (int)len,
			       line);
		return 0;
	}
	return -ENOENT;
}

static bool ends_in(const char *text, size_t len, const char *end)
{
	return len >= strlen(end) && memcmp(text + len - strlen(end), end, strlen(end)) == 0;
}

int doctormodules_find(const struct doctor_place *place, const char *release,
		       struct doctor_module *ret_module)
{
	struct doctor_module module = { 0 };
	_cleanup_free_ char *bytes = malloc(MODULE_MAX);
	long n;
	int r;

	if (!bytes)
		return -ENOMEM;
	r = find_file(place, release, module.file, sizeof(module.file));
	if (r < 0)
		return r;
	module.packed = !ends_in(module.file, strlen(module.file), ".ko");
	n = doctorplace_read(place, module.file, bytes, MODULE_MAX);
	module.readable = n >= 0;
	if (n >= 0 && !module.packed) {
		module.patched = memmem(bytes, n, PARAMETER, strlen(PARAMETER));
		module.has_signature = ends_in(bytes, n, SIGNATURE);
	} else if (module.packed) {
		/* All that tells is who installed it. */
		module.patched = strstr(module.file, "/updates/") &&
				 doctormodules_built_by_dkms(place, release);
	}
	*ret_module = module;
	return 0;
}

int doctormodules_newest(const struct doctor_place *place, char *buf, size_t size)
{
	char full[PATH_MAX], path[PATH_MAX], newest[256] = "";
	DIR *dir = opendir(doctorplace_path(place, "/lib/modules", full, sizeof(full)));
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		(void)snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", entry->d_name);
		if (entry->d_name[0] != '.' && strverscmp(entry->d_name, newest) > 0 &&
		    doctorplace_exists(place, path))
			(void)snprintf(newest, sizeof(newest), "%s", entry->d_name);
	}
	if (dir)
		(void)closedir(dir);
	if (!*newest)
		return -ENOENT;
	(void)snprintf(buf, size, "%s", newest);
	return 0;
}

bool doctormodules_in_dkms(const struct doctor_place *place)
{
	return doctorplace_exists(place, DKMS);
}

bool doctormodules_built_by_dkms(const struct doctor_place *place, const char *release)
{
	char path[PATH_MAX];

	/* DKMS's link to what it has installed. */
	(void)snprintf(path, sizeof(path), DKMS "/kernel-%s-x86_64", release);
	return doctorplace_exists(place, path);
}

bool doctormodules_secure_boot(const struct doctor_place *place)
{
	char bytes[8];

	/* Four bytes of attributes, then one. */
	return doctorplace_read(place, SECURE_BOOT, bytes, sizeof(bytes)) == 5 && bytes[4] == 1;
}

int doctormodules_signed_only(const struct doctor_place *place)
{
	char text[128];
	int r = doctorplace_line(place, "/sys/module/module/parameters/sig_enforce", text, sizeof(text));

	if (r == 0 && *text == 'Y')
		return 1;
	r = doctorplace_line(place, "/sys/kernel/security/lockdown", text, sizeof(text));
	if (r == -EACCES || r == -EPERM)
		return r;
	return r == 0 && strchr(text, '[') && !strstr(text, "[none]");
}
