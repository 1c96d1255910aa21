/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings of vmexitd: one table feeds the option parser, the file and --help. */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_DEFAULT_FILE "/etc/vmexit/vmexitd.conf"
#define CONFIG_CHANNELS_MAX 256

/* A channel that libvirt does not know: NAME=SOCKET. */
struct config_channel {
	char *name;
	char *socket;
};

/* How long samples or rollups are kept, and how much of them. */
#define CONFIG_TIERS 5

struct config_keep {
	uint64_t age_s;			/* 0: forever */
	uint64_t bytes;			/* 0: any number */
};

struct config {
	char *database;
	char *listen;			/* "ADDRESS:PORT", or "off" */
	char *allowed_hosts;		/* comma-separated Host values admitted as well */
	char *api_socket;		/* path, or "off" */
	char *libvirt;			/* connection URI, or "off" */
	char *gnuplot;			/* program that draws graphs */
	unsigned int host_interval_ms;	/* between two readings of the host's counters */
	unsigned int host_boot_interval_ms;	/* the same while a VM boots */
	unsigned int host_boot_seconds;	/* for so long */
	char *host_source;		/* "auto", "debugfs" or "libvirt" */
	unsigned int commit_interval_ms;	/* longest time that a sample waits for its commit */
	unsigned int guest_disk_limit_mb;	/* that a guest's samples may take in an hour */
	struct config_keep keep[CONFIG_TIERS];	/* of samples; rollups of 10 s, 1 min, 10 min, 1 h */
	unsigned int vm_disk_limit_mb;	/* that one VM may take in all; 0: any number */
	char *remote_write;		/* URL of a receiver, or "off" */
	char *remote_write_host, *remote_write_labels;
	unsigned int remote_write_interval_s;
	unsigned int remote_write_resolution_ms;
	unsigned int remote_write_settle_s;
	char *remote_write_from;	/* "now" or "all" */
	char *remote_write_user, *remote_write_password_file, *remote_write_token_file;
	char *remote_write_ca_file;
	bool verbose;
	struct config_channel channels[CONFIG_CHANNELS_MAX];
	size_t channels_count;
};

enum config_action { CONFIG_RUN, CONFIG_HELP, CONFIG_VERSION };

/*
 * Fill @config with defaults, then the file's settings (--config, else
 * CONFIG_DEFAULT_FILE if it exists), then the options'. Returns 0, or -EINVAL or
 * what opening the file gave, after one line of explanation in the log.
 * The caller ends with config_done() in every case.
 */
int config_load(struct config *config, int argc, char **argv, enum config_action *ret_action);
void config_done(struct config *config);

/* Write the list of options, with defaults, to stdout. */
void config_print_help(void);

#endif
