/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/identity.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/version.h"

/*
 * 16 bytes from the 36 characters of /proc/sys/kernel/random/boot_id. Without it a
 * number of its own: an agent that starts again is another boot then, but no boot
 * is taken for the one before.
 */
static void read_boot_id(uint8_t id[PROTO_BOOT_ID_SIZE])
{
	_cleanup_close_ int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	char text[64] = "";
	int nibbles = 0;

	memset(id, 0, PROTO_BOOT_ID_SIZE);
	if (fd >= 0 && read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	for (const char *p = text; *p && nibbles < 2 * PROTO_BOOT_ID_SIZE; p++) {
		unsigned int digit;

		if (sscanf((char[]){ *p, '\0' }, "%x", &digit) != 1)
			continue;
		id[nibbles / 2] = id[nibbles / 2] << 4 | digit;
		nibbles++;
	}
	if (nibbles == 2 * PROTO_BOOT_ID_SIZE)
		return;
	log_warning("cannot read the boot id (is /proc mounted?), making one up");
	if (getrandom(id, PROTO_BOOT_ID_SIZE, GRND_NONBLOCK) != PROTO_BOOT_ID_SIZE)
		memcpy(id, &(uint64_t){ sampler_wall_ns() }, sizeof(uint64_t));
}

void identity_init(struct proto_hello *hello, const struct pace_settings *pace, uint64_t started)
{
	struct utsname uts;

	*hello = (struct proto_hello){
		.version_min = 1,
		.version_max = PROTO_VERSION,
		.interval_us = pace->interval_ms * 1000,
		.vcpus = sysconf(_SC_NPROCESSORS_ONLN),
		.has = PROTO_HELLO_HAS_AGENT,
		.started = started,
		.interval_min_us = pace->host_min_ms * 1000,
		.agent = VMEXIT_AGENT_VERSION,
	};
	read_boot_id(hello->boot_id);
	if (uname(&uts) == 0)
		snprintf(hello->kernel, sizeof(hello->kernel), "%.*s", PROTO_TEXT_MAX, uts.release);
}

void identity_set_leaf(struct proto_hello *hello, const struct sampler *sampler)
{
	const struct leaf *leaf = &sampler->leaf;

	hello->has &= ~(uint32_t)(PROTO_HELLO_HAS_LEAF | PROTO_HELLO_HAS_GENERATION);
	if (leaf->state != LEAF_PRESENT) {
		hello->vcpus = sysconf(_SC_NPROCESSORS_ONLN);
		return;
	}
	hello->has |= PROTO_HELLO_HAS_LEAF;
	hello->leaf_version = leaf->version;
	hello->leaf_features = leaf->features;
	hello->reason_namespace = leaf->reason_namespace;
	hello->tsc_khz = leaf->tsc_khz;
	hello->vcpus = leaf->vcpus;
	if (leaf->features & VMEXIT_FEATURE_CLOCK)
		hello->has |= PROTO_HELLO_HAS_GENERATION;
	hello->generation = sampler->generation;
}
