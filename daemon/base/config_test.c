/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings whose values are more than a number or a word. */
#include <errno.h>

#include "daemon/base/config.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

#define HOUR 3600ULL
#define DAY (24 * HOUR)
#define YEAR (365 * DAY)

/* What an option gives; the config is the caller's to end. */
static int load(struct config *config, const char *option)
{
	char text[128];
	char *argv[] = { "vmexitd", text, NULL };
	enum config_action action;

	snprintf(text, sizeof(text), "%s", option);
	return config_load(config, 2, argv, &action);
}

static bool keeps(const char *option, int tier, uint64_t age_s, uint64_t bytes)
{
	struct config config;
	bool right = load(&config, option) == 0 && config.keep[tier].age_s == age_s &&
		     config.keep[tier].bytes == bytes;

	config_done(&config);
	return right;
}

static bool refuses(const char *option)
{
	struct config config;
	bool right = load(&config, option) == -EINVAL;

	config_done(&config);
	return right;
}

static void test_keep(void)
{
	ok(keeps("--verbose", 0, 14 * DAY, 4ULL << 30), "the default of samples");
	ok(keeps("--verbose", 4, 10 * YEAR, 1ULL << 30), "and of hours");
	ok(keeps("--keep-samples=12h", 0, 12 * HOUR, 0), "hours, and any size");
	ok(keeps("--keep-10s=3d,500M", 1, 3 * DAY, 500ULL << 20), "days, and megabytes");
	ok(keeps("--keep-1min=8w,20G", 2, 56 * DAY, 20ULL << 30), "weeks, and gigabytes");
	ok(keeps("--keep-10min=100y", 3, 100 * YEAR, 0), "years, as many as there may be");
	ok(keeps("--keep-1h=forever", 4, 0, 0), "forever");
	ok(keeps("--keep-1h=forever,1M", 4, 0, 1ULL << 20), "forever, and a size");
}

static void test_wrong(void)
{
	static const char *const values[] = {
		"", ",", "14", "d", "0d", "-1d", "1.5d", "14 d", "14dd", "14m", "101y", "36501d",
		"9999999999h", "14d,", "14d,4", "14d,G", "14d,0G", "14d,-4G", "14d,4T", "14d,4GB",
		"14d,4G,", ",4G", "4G", "foreve", "foreverr", "forever,", "14d,999999999G",
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char option[64];

		snprintf(option, sizeof(option), "--keep-samples=%s", values[i]);
		ok(refuses(option), "'%s' is refused", values[i]);
	}
}

static void test_limit(void)
{
	struct config config;

	ok(load(&config, "--vm-disk-limit=0") == 0 && config.vm_disk_limit_mb == 0,
	   "no limit for a VM");
	config_done(&config);
	ok(load(&config, "--verbose") == 0 && config.vm_disk_limit_mb == 1024, "a gigabyte else");
	config_done(&config);
	ok(refuses("--vm-disk-limit=1G"), "a limit with a unit is refused");
}

int main(void)
{
	log_init("config_test", LOG_ERROR - 1);
	test_keep();
	test_wrong();
	test_limit();
	return done_testing();
}
