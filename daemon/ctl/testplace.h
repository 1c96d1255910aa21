/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A host made of a few files, for the tests of vmexitctl doctor. */
#ifndef DAEMON_CTL_TESTPLACE_H
#define DAEMON_CTL_TESTPLACE_H

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/ctl/doctorplace.h"
#include "daemon/ctl/doctorsay.h"

static char testplace_root[] = "/tmp/vmexit-doctor-XXXXXX";
static struct doctor_place place = { .release = "6.1.0-28-amd64" };
static struct doctorsay said;

static inline int testplace_unlink(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

/* An empty host, and nothing said of it. */
static inline void testplace_clear(void)
{
	if (place.root)
		(void)nftw(testplace_root, testplace_unlink, 16, FTW_DEPTH | FTW_PHYS);
	else if (!mkdtemp(testplace_root))
		perror(testplace_root);
	(void)mkdir(testplace_root, 0755);
	place.root = testplace_root;
	doctorsay_done(&said);
}

/* With the directories in front of it. */
static inline void testplace_bytes(const char *path, const void *bytes, size_t len)
{
	char full[PATH_MAX];
	FILE *f;

	(void)snprintf(full, sizeof(full), "%s%s", testplace_root, path);
	for (char *p = full + strlen(testplace_root) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		(void)mkdir(full, 0755);
		*p = '/';
	}
	f = fopen(full, "w");
	if (!f) {
		perror(full);
		return;
	}
	(void)fwrite(bytes, 1, len, f);
	(void)fclose(f);
}

/* What is there becomes a pipe, as what is no file. */
static inline bool testplace_pipe(const char *path)
{
	char full[PATH_MAX];

	(void)snprintf(full, sizeof(full), "%s%s", testplace_root, path);
	return remove(full) == 0 && mkfifo(full, 0600) == 0;
}

static inline void testplace_put(const char *path, const char *text)
{
	testplace_bytes(path, text, strlen(text));
}

static inline void testplace_end(void)
{
	(void)nftw(testplace_root, testplace_unlink, 16, FTW_DEPTH | FTW_PHYS);
	doctorsay_done(&said);
}

/*
 * Whether @check was said last with @grade, and its three lines have @words somewhere; a problem
 * or a note without a way out is never right.
 */
static inline int testplace_said(const char *check, enum doctor_grade grade, const char *words)
{
	const struct doctor_finding *f = doctorsay_find(&said, check);
	char all[3 * DOCTORSAY_TEXT_MAX];

	if (!f) {
		printf("# nothing was said of %s\n", check);
		return 0;
	}
	(void)snprintf(all, sizeof(all), "%s %s %s", f->what, f->why, f->fix);
	if (f->grade == grade && strstr(all, words) &&
	    (grade == DOCTOR_OK || grade == DOCTOR_UNSEEN || (*f->why && *f->fix)))
		return 1;
	printf("# grade %d: %s | %s | %s\n", f->grade, f->what, f->why, f->fix);
	return 0;
}

/* That nothing was said of it. */
static inline int testplace_silent(const char *check)
{
	return !doctorsay_find(&said, check);
}

#endif
