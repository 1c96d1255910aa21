/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/jsondaemon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/config.h"
#include "daemon/form/jsonparts.h"
#include "daemon/host/kvmdebugfs.h"
#include "daemon/version.h"

/* NULL for what is "off". */
static json_t *setting(const char *value)
{
	return jsonparts_text_or_null(strcmp(value, "off") == 0 ? "" : value);
}

/* Where it is, whatever directory the daemon was started in. */
static json_t *path_of(const char *path)
{
	char full[PATH_MAX];

	return jsonparts_text(realpath(path, full) ? full : path);
}

static json_t *libvirt_of(const struct config *config, bool connected)
{
	if (strcmp(config->libvirt, "off") == 0)
		return json_null();
	return json_pack("{sosb}", "uri", jsonparts_text(config->libvirt), "connected", connected);
}

/* Whether this process may read KVM's counters, and if not, why. */
static json_t *debugfs_of(void)
{
	/* access() would leave capabilities out of account. */
	int error = faccessat(AT_FDCWD, KVMDEBUGFS_ROOT, R_OK | X_OK, AT_EACCESS) < 0 ? errno : 0;

	return json_pack("{sbss}", "readable", error == 0, "error", error ? strerror(error) : "");
}

int jsondaemon(struct vitals *vitals, char **ret_text)
{
	const struct config *config = vitals_config(vitals);

	if (!config)
		return -ENOENT;
	return jsonparts_finish(
		json_pack("{sssIsIsosososssoso}", "version", VMEXIT_VERSION, "pid",
			  (json_int_t)getpid(), "uid", (json_int_t)geteuid(), "database",
			  path_of(config->database), "listen", setting(config->listen), "api_socket",
			  setting(config->api_socket), "host_source", config->host_source, "libvirt",
			  libvirt_of(config, vitals_libvirt(vitals)), "debugfs", debugfs_of()),
		ret_text);
}
