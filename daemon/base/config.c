/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/base/config.h"

#include <errno.h>
#include <getopt.h>
#include <ini.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest-agent/shared/log.h"

enum setting_type {
	SETTING_TEXT, SETTING_CHOICE, SETTING_NUMBER, SETTING_FLAG, SETTING_KEEP, SETTING_CHANNEL
};

struct setting {
	const char *key;	/* in the file; an option has '-' for '_' */
	enum setting_type type;
	size_t offset;
	const char *argument;
	const char *fallback;
	unsigned int min, max;
	const char *help;
};

/* The longest age, for nanoseconds to hold it, and the largest size. */
#define CONFIG_FOREVER "forever"
#define CONFIG_AGE_MAX_Y 100
#define CONFIG_AGE_MAX_S (CONFIG_AGE_MAX_Y * 365ULL * 86400)
#define CONFIG_SIZE_MAX (1ULL << 50)

#define AT(member) offsetof(struct config, member)

static const struct setting settings[] = {
	{ "database", SETTING_TEXT, AT(database), "FILE", "/var/lib/vmexit/vmexit.db", 0, 0,
	  "SQLite database with all samples" },
	{ "listen", SETTING_TEXT, AT(listen), "ADDRESS:PORT", "127.0.0.1:20479", 0, 0,
	  "where to serve the page; 'off' for nowhere" },
	{ "allowed_hosts", SETTING_TEXT, AT(allowed_hosts), "HOST,...", "", 0, 0,
	  "further values of a request's Host header (reverse proxy)" },
	{ "api_socket", SETTING_TEXT, AT(api_socket), "PATH", "/run/vmexit/api.sock", 0, 0,
	  "Unix socket for vmexitctl; 'off' for none" },
	{ "libvirt", SETTING_TEXT, AT(libvirt), "URI", "qemu:///system", 0, 0,
	  "libvirt connection whose domains to watch; 'off' for none" },
	{ "channel", SETTING_CHANNEL, 0, "NAME=SOCKET", NULL, 0, 0,
	  "agent's socket of a VM without libvirt; may be repeated" },
	{ "host_source", SETTING_CHOICE, AT(host_source), "auto|debugfs|libvirt", "auto", 0, 0,
	  "where the host's counters are read" },
	{ "host_interval", SETTING_NUMBER, AT(host_interval_ms), "MS", "1000", 100, 3600000,
	  "milliseconds between readings of the host's counters" },
	{ "host_boot_interval", SETTING_NUMBER, AT(host_boot_interval_ms), "MS", "200", 50, 3600000,
	  "the same while a VM boots" },
	{ "host_boot_seconds", SETTING_NUMBER, AT(host_boot_seconds), "S", "120", 0, 86400,
	  "seconds for which a VM boots, to this end" },
	{ "commit_interval", SETTING_NUMBER, AT(commit_interval_ms), "MS", "500", 10, 1000,
	  "milliseconds until samples are committed and shown" },
	{ "guest_disk_limit", SETTING_NUMBER, AT(guest_disk_limit_mb), "MB", "256", 1, 1048576,
	  "megabytes that one guest may have stored in an hour" },
	{ "keep_samples", SETTING_KEEP, AT(keep[0]), "AGE,SIZE", "14d,4G", 0, 0,
	  "how long samples are kept, and how much of them" },
	{ "keep_10s", SETTING_KEEP, AT(keep[1]), "AGE,SIZE", "30d,2G", 0, 0,
	  "the same of their rollups, 10 seconds each" },
	{ "keep_1min", SETTING_KEEP, AT(keep[2]), "AGE,SIZE", "180d,2G", 0, 0,
	  "the same, 1 minute each" },
	{ "keep_10min", SETTING_KEEP, AT(keep[3]), "AGE,SIZE", "2y,1G", 0, 0,
	  "the same, 10 minutes each" },
	{ "keep_1h", SETTING_KEEP, AT(keep[4]), "AGE,SIZE", "10y,1G", 0, 0,
	  "the same, 1 hour each" },
	{ "vm_disk_limit", SETTING_NUMBER, AT(vm_disk_limit_mb), "MB", "1024", 0, 1048576,
	  "megabytes that one VM may take in all; 0 for any number" },
	{ "remote_write", SETTING_TEXT, AT(remote_write), "URL|off", "off", 0, 0,
	  "where samples are sent as well (Prometheus remote write)" },
	{ "remote_write_host", SETTING_TEXT, AT(remote_write_host), "NAME", "", 0, 0,
	  "label 'host' of what is sent; else what the host calls itself" },
	{ "remote_write_labels", SETTING_TEXT, AT(remote_write_labels), "NAME=VALUE,...", "", 0, 0,
	  "further labels of what is sent" },
	{ "remote_write_interval", SETTING_NUMBER, AT(remote_write_interval_s), "S", "5", 1, 3600,
	  "seconds between requests" },
	{ "remote_write_resolution", SETTING_NUMBER, AT(remote_write_resolution_ms), "MS", "500", 0,
	  3600000, "of a VM the last sample in so many milliseconds is sent; 0 for all" },
	{ "remote_write_settle", SETTING_NUMBER, AT(remote_write_settle_s), "S", "60", 0, 86400,
	  "seconds to send again after the receiver restarted" },
	{ "remote_write_from", SETTING_CHOICE, AT(remote_write_from), "now|all", "now", 0, 0,
	  "what is sent when this is first switched on" },
	{ "remote_write_user", SETTING_TEXT, AT(remote_write_user), "NAME", "", 0, 0,
	  "user for the receiver" },
	{ "remote_write_password_file", SETTING_TEXT, AT(remote_write_password_file), "FILE", "", 0, 0,
	  "file with that user's password" },
	{ "remote_write_token_file", SETTING_TEXT, AT(remote_write_token_file), "FILE", "", 0, 0,
	  "file with a bearer's token for the receiver" },
	{ "remote_write_ca_file", SETTING_TEXT, AT(remote_write_ca_file), "FILE", "", 0, 0,
	  "certificates to trust in place of the system's" },
	{ "gnuplot", SETTING_TEXT, AT(gnuplot), "PROGRAM", "gnuplot", 0, 0,
	  "program that draws graph.svg and graph.png" },
	{ "verbose", SETTING_FLAG, AT(verbose), NULL, "no", 0, 0,
	  "say more (domains, connections)" },
};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

static int set_text(char **slot, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*slot);
	*slot = copy;
	return 0;
}

/* One of the words in the setting's argument. */
static int set_choice(char **slot, const struct setting *s, const char *value)
{
	size_t len = strlen(value);

	for (const char *p = s->argument; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL) {
		if (len > 0 && len == strcspn(p, "|") && memcmp(p, value, len) == 0)
			return set_text(slot, value);
	}
	log_error("%s = '%s' is not one of %s", s->key, value, s->argument);
	return -EINVAL;
}

static int set_number(unsigned int *slot, const struct setting *s, const char *value)
{
	unsigned long v;
	char *end;

	errno = 0;
	v = strtoul(value, &end, 10);
	if (errno || end == value || *end || *value == '-' || v < s->min || v > s->max) {
		log_error("%s = '%s' is not a number from %u to %u", s->key, value, s->min, s->max);
		return -EINVAL;
	}
	*slot = v;
	return 0;
}

static int set_flag(bool *slot, const struct setting *s, const char *value)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
		log_error("%s = '%s' is neither 'yes' nor 'no'", s->key, value);
		return -EINVAL;
	}
	*slot = value[0] == 'y';
	return 0;
}

struct unit {
	char letter;
	uint64_t factor;
};

static const struct unit ages[] = {
	{ 'h', 3600 }, { 'd', 86400 }, { 'w', 7 * 86400 }, { 'y', 365 * 86400 }, { 0 }
};

static const struct unit sizes[] = { { 'M', 1ULL << 20 }, { 'G', 1ULL << 30 }, { 0 } };

/* A number above 0 and a unit, which end at @end. False: it is not that, or above @max. */
static bool parse_quantity(const char *text, const char *end, const struct unit *unit,
			   uint64_t max, uint64_t *ret_value)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t value;

	if (digits == 0 || digits > 9 || text + digits + 1 != end)
		return false;
	value = strtoul(text, NULL, 10);
	while (unit->letter && unit->letter != text[digits])
		unit++;
	value *= unit->factor;
	if (value == 0 || value > max)
		return false;
	*ret_value = value;
	return true;
}

static int set_keep(struct config_keep *slot, const struct setting *s, const char *value)
{
	const char *comma = strchr(value, ','), *end = comma ? comma : value + strlen(value);
	struct config_keep keep = { 0 };
	bool valid = (size_t)(end - value) == strlen(CONFIG_FOREVER) &&
		     strncmp(value, CONFIG_FOREVER, end - value) == 0;

	if (!valid)
		valid = parse_quantity(value, end, ages, CONFIG_AGE_MAX_S, &keep.age_s);
	if (valid && comma)
		valid = parse_quantity(comma + 1, comma + strlen(comma), sizes,
				       CONFIG_SIZE_MAX, &keep.bytes);
	if (!valid) {
		log_error("%s = '%s' is not an age such as 12h, 7d, 8w, 1y (up to %dy) or "
			  "'" CONFIG_FOREVER "', and then, after a comma, a size such as 500M "
			  "or 4G",
			  s->key, value, CONFIG_AGE_MAX_Y);
		return -EINVAL;
	}
	*slot = keep;
	return 0;
}

static int add_channel(struct config *config, const char *value)
{
	struct config_channel *channel = &config->channels[config->channels_count];
	const char *eq = strchr(value, '=');
	size_t name_len = eq ? (size_t)(eq - value) : 0;

	if (name_len == 0 || name_len > 64 || eq[1] != '/' ||
	    strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") !=
		    name_len) {
		log_error("channel '%s' is not NAME=/PATH/OF/SOCKET with a NAME of letters, "
			  "digits, '.', '_' and '-'",
			  value);
		return -EINVAL;
	}
	for (size_t i = 0; i < config->channels_count; i++) {
		if (strlen(config->channels[i].name) == name_len &&
		    memcmp(config->channels[i].name, value, name_len) == 0) {
			log_error("channel '%s' is there twice", config->channels[i].name);
			return -EINVAL;
		}
	}
	if (config->channels_count == CONFIG_CHANNELS_MAX) {
		log_error("more than %d channels; leave some out", CONFIG_CHANNELS_MAX);
		return -EINVAL;
	}
	channel->name = strndup(value, name_len);
	channel->socket = strdup(eq + 1);
	config->channels_count++;
	return channel->name && channel->socket ? 0 : -ENOMEM;
}

static int apply(struct config *config, const struct setting *s, const char *value)
{
	void *slot = (char *)config + s->offset;

	switch (s->type) {
	case SETTING_TEXT:
		return set_text(slot, value);
	case SETTING_CHOICE:
		return set_choice(slot, s, value);
	case SETTING_NUMBER:
		return set_number(slot, s, value);
	case SETTING_FLAG:
		return set_flag(slot, s, value);
	case SETTING_KEEP:
		return set_keep(slot, s, value);
	case SETTING_CHANNEL:
		return add_channel(config, value);
	}
	return -EINVAL;
}

struct file_context {
	struct config *config;
	int error;
};

static int on_ini_line(void *user, const char *section, const char *key, const char *value)
{
	struct file_context *ctx = user;

	if (*section) {
		log_error("section [%s] is not known; settings stand without a section", section);
		ctx->error = -EINVAL;
		return 0;
	}
	for (size_t i = 0; i < SETTINGS; i++) {
		if (strcmp(settings[i].key, key) == 0) {
			ctx->error = apply(ctx->config, &settings[i], value);
			return ctx->error == 0;
		}
	}
	log_error("setting '%s' is not known; vmexitd.conf(5) lists those there are", key);
	ctx->error = -EINVAL;
	return 0;
}

static int load_file(struct config *config, const char *path, bool required)
{
	struct file_context ctx = { .config = config };
	int line;

	errno = 0;
	line = ini_parse(path, on_ini_line, &ctx);
	if (line == 0)
		return 0;
	if (line < 0) {
		int error = errno ? errno : EIO;

		if (error == ENOENT && !required)
			return 0;
		log_error("cannot read %s: %s; --config names another", path, strerror(error));
		return -error;
	}
	log_error("%s: line %d is wrong, see above", path, line);
	return ctx.error ? ctx.error : -EINVAL;
}

#define OPTION_SETTING 256	/* + index into settings */

static void build_options(struct option *options, char names[][32])
{
	size_t n = 0;

	for (; n < SETTINGS; n++) {
		snprintf(names[n], 32, "%s", settings[n].key);
		for (char *p = names[n]; *p; p++) {
			if (*p == '_')
				*p = '-';
		}
		options[n] = (struct option){ names[n],
					      settings[n].type == SETTING_FLAG ? no_argument
									       : required_argument,
					      NULL, OPTION_SETTING + (int)n };
	}
	options[n++] = (struct option){ "config", required_argument, NULL, 'c' };
	options[n++] = (struct option){ "help", no_argument, NULL, 'h' };
	options[n++] = (struct option){ "version", no_argument, NULL, 'V' };
	options[n] = (struct option){ 0 };
}

int config_load(struct config *config, int argc, char **argv, enum config_action *ret_action)
{
	struct option options[SETTINGS + 4];
	char names[SETTINGS][32];
	const char *file = NULL;
	int c, r;

	memset(config, 0, sizeof(*config));
	*ret_action = CONFIG_RUN;
	for (size_t i = 0; i < SETTINGS; i++) {
		r = settings[i].fallback ? apply(config, &settings[i], settings[i].fallback) : 0;
		if (r < 0)
			return r;
	}
	build_options(options, names);

	/* The file first, so that options win over it. */
	optind = 1;
	while ((c = getopt_long(argc, argv, "c:hVv", options, NULL)) != -1) {
		if (c == 'h' || c == 'V') {
			*ret_action = c == 'h' ? CONFIG_HELP : CONFIG_VERSION;
			return 0;
		}
		if (c == '?')
			return -EINVAL;
		if (c == 'c')
			file = optarg;
	}
	if (optind < argc) {
		log_error("'%s' is not an option; vmexitd takes no further words", argv[optind]);
		return -EINVAL;
	}
	r = load_file(config, file ? file : CONFIG_DEFAULT_FILE, file != NULL);
	if (r < 0)
		return r;
	optind = 1;
	while ((c = getopt_long(argc, argv, "c:hVv", options, NULL)) != -1) {
		if (c == 'v')
			config->verbose = true;
		if (c < OPTION_SETTING)
			continue;
		r = apply(config, &settings[c - OPTION_SETTING], optarg ? optarg : "yes");
		if (r < 0)
			return r;
	}
	return 0;
}

void config_done(struct config *config)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		if (settings[i].type == SETTING_TEXT || settings[i].type == SETTING_CHOICE)
			free(*(char **)((char *)config + settings[i].offset));
	}
	for (size_t i = 0; i < config->channels_count; i++) {
		free(config->channels[i].name);
		free(config->channels[i].socket);
	}
	memset(config, 0, sizeof(*config));
}

void config_print_help(void)
{
	puts("Usage: vmexitd [OPTION]...\n"
	     "Store the VM exits of KVM guests over time and serve them as live graphs.\n\n"
	     "Every option is a setting of the same name in the configuration file,\n"
	     "written with '_' for '-'.\n");
	for (size_t i = 0; i < SETTINGS; i++) {
		const struct setting *s = &settings[i];
		char left[48];
		int n = snprintf(left, sizeof(left), "--%s%s%s", s->key, s->argument ? "=" : "",
				 s->argument ? s->argument : "");

		for (int k = 2; k < n && left[k] != '='; k++) {
			if (left[k] == '_')
				left[k] = '-';
		}
		printf("  %-28s %s", left, s->help);
		if (s->type != SETTING_FLAG && s->fallback && *s->fallback)
			printf(" [%s]", s->fallback);
		putchar('\n');
	}
	printf("  %-28s %s [%s]\n", "-c, --config=FILE", "configuration file", CONFIG_DEFAULT_FILE);
	puts("  -v                           the same as --verbose\n"
	     "  -h, --help                   this text\n"
	     "  -V, --version                version\n\n"
	     "See vmexitd(8), vmexitd.conf(5) and vmexit-http(7).");
}
