/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvirt's statistics of many domains in one call, from a few threads: a call waits
 * for a QEMU that does not answer, and another thread then goes on without that
 * domain. Logging.
 */
#ifndef DAEMON_VIRTSTATS_H
#define DAEMON_VIRTSTATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One waits for each QEMU that is stuck, and takes one of libvirtd's 20 workers with it. */
#define VIRTSTATS_THREADS_MAX 4
#define VIRTSTATS_READINGS 3
#define VIRTSTATS_UUID_MAX 36

enum virtstats_kind {
	VIRTSTATS_READ,		/* exits; QEMU asks each vCPU */
	VIRTSTATS_PROBE,	/* whether QEMU answers; does not disturb the vCPUs */
};

enum virtstats_answer {
	VIRTSTATS_UNKNOWN,	/* libvirt has no such running domain, or was not asked */
	VIRTSTATS_ANSWERS,
	VIRTSTATS_OCCUPIED,	/* QEMU has been asked something and not answered yet */
	VIRTSTATS_BROKEN,	/* libvirt has lost QEMU's monitor */
};

struct virtstats_domain {
	char uuid[VIRTSTATS_UUID_MAX + 1];
	enum virtstats_answer answer;
	int64_t occupied_ms;
	/* Readings back to back; more than one only if the call measures. */
	unsigned int readings;
	struct {
		int64_t t_ns;		/* CLOCK_REALTIME */
		int64_t error_ns;	/* read at most so far from t_ns */
		uint64_t exits;		/* sum over vCPUs */
	} reading[VIRTSTATS_READINGS];
	uint32_t vcpus;			/* that have counters */
	bool has_cycles;		/* of a patched host; of the first reading */
	uint64_t handling_cycles, away_cycles;
};

/* What is asked, and then what was answered. */
struct virtstats_call {
	enum virtstats_kind kind;
	bool measure;			/* read VIRTSTATS_READINGS times */
	bool failed;			/* libvirt did not answer */
	int64_t begun_ns, ended_ns;	/* CLOCK_MONOTONIC */
	size_t count;
	struct virtstats_domain domains[];
};

struct virtstats;

/* Called in a thread of virtstats'; takes ownership of @call, which is freed with free(). */
typedef void (*virtstats_fn)(void *ctx, struct virtstats_call *call);

/* @uri is copied. Returns NULL for want of memory. */
struct virtstats *virtstats_new(const char *uri, virtstats_fn fn, void *ctx);

/*
 * Ask, in a thread; takes ownership of @call on success. Returns 0, -EBUSY when all
 * threads wait for libvirt, or -errno.
 */
int virtstats_start(struct virtstats *virtstats, struct virtstats_call *call);

/*
 * False if a thread did not end within a second: it waits for libvirt, its memory
 * stays, and fn is not called any more.
 */
bool virtstats_free(struct virtstats *virtstats);

#endif
