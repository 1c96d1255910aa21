/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/footprint.h"

#include <string.h>

#include "guest-agent/shared/tap.h"

/* A part of the program that is used once. */
#define BALLAST_KIB 1024
static const char ballast[BALLAST_KIB * 1024] = "what cannot be written";
static char written[32] = "a";

/* Pages of the program's own file that are mapped in, in KiB; -1 without a /proc. */
static long resident(void)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	char line[512];
	long sum = 0, kib;
	bool own = false;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (strstr(line, "r-xp") || strstr(line, "r--p"))
			own = strstr(line, "footprint_test");
		else if (strstr(line, "-p "))
			own = false;
		if (own && sscanf(line, "Rss: %ld", &kib) == 1)
			sum += kib;
	}
	fclose(f);
	return sum;
}

static int use_ballast(void)
{
	volatile const char *p = ballast;
	int sum = 0;

	for (size_t i = 0; i < sizeof(ballast); i += 4096)
		sum += p[i];
	return sum;
}

int main(void)
{
	long before, after;
	int sum = use_ballast();

	strcpy(written, "what has been written");
	before = resident();
	footprint_shrink();
	after = resident();
	ok(before >= BALLAST_KIB && after >= 0 && after <= before - BALLAST_KIB / 2,
	   "less of the program is in memory: %ld, then %ld KiB", before, after);
	ok(use_ballast() == sum && strcmp(ballast, "what cannot be written") == 0 &&
		   strcmp(written, "what has been written") == 0,
	   "and nothing is lost");
	return done_testing();
}
