/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the live view knows of VMs: the list as vmexitd last gave it, and between refreshes the
 * samples of the stream, so that a rate is that of all exits since the last refresh. Names are
 * as the guests and domains have them: for clean.c. Non-logging.
 */
#ifndef DAEMON_CTL_TOPDATA_H
#define DAEMON_CTL_TOPDATA_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/ctl/vmnote.h"

#define TOPDATA_VMS_MAX 10000
#define TOPDATA_ID_MAX 64
#define TOPDATA_NAME_MAX 255
#define TOPDATA_HISTORY 120

/*
 * Without a new sample for so long, and an interval and a half of the VM's samples, what was
 * measured is not shown any more. Agents take one in 10 s at least.
 */
#define TOPDATA_STALE_MS 10000
#define TOPDATA_INTERVAL_MAX_MS 10000

enum topdata_source { TOPDATA_GUEST, TOPDATA_HOST, TOPDATA_SOURCES };

/* Whose numbers are wanted: the guest's own where there are any, else the host's; or of one. */
enum topdata_choice { TOPDATA_BEST, TOPDATA_ONLY_GUEST, TOPDATA_ONLY_HOST, TOPDATA_CHOICES };

/* The last values of a rate, one a refresh, NAN where it was not known. */
struct topdata_history {
	float values[TOPDATA_HISTORY];
	unsigned int count;		/* ever; the newest is at (count - 1) % TOPDATA_HISTORY */
};

/* Sum of a share over the seconds for which it is known. */
struct topdata_mean {
	double sum, seconds;
};

struct topdata_numbers {
	bool is_there;			/* the VM's latest boot has samples of this source */
	double exits;			/* since the boot began; NAN: not known, like the others */
	double rate, handling, lost;	/* exits/s; shares of all vCPUs' time */
	struct topdata_history history;	/* of rate */
	bool heard;			/* a sample has come, besides what the list has */
	int64_t known_ms;		/* since when these are known */
	int64_t interval_ms;		/* between samples; TOPDATA_INTERVAL_MAX_MS if not known */
	struct topdata_mean rates, handlings, losses;	/* since the last refresh */
};

struct topdata_vm {
	char id[TOPDATA_ID_MAX + 1];
	char untrusted_name[TOPDATA_NAME_MAX + 1];
	char state[16], agent[16];
	char note[VMNOTE_MAX];		/* what is wrong; "" if nothing */
	json_int_t boot;		/* 0: none */
	struct topdata_numbers sources[TOPDATA_SOURCES];
};

struct topdata {
	struct topdata_vm *vms;		/* by id */
	size_t count;
};

/*
 * /vms as @root. VMs that it has no more are forgotten; of the others, what was measured stays.
 * @now_s is the wall clock's, by which its samples have an age. Returns 0, -EPROTO if it is no
 * list of VMs, or -ENOMEM; the old list stays then.
 */
int topdata_set_vms(struct topdata *data, json_t *root, int64_t now_ms, double now_s);

/* Data of a "sample" event; of a VM that is not listed yet it is dropped. */
void topdata_sample(struct topdata *data, json_t *event, int64_t now_ms);

/* A refresh: what came since the last one becomes the numbers to show. */
void topdata_tick(struct topdata *data, int64_t now_ms);

/* NULL if there is none. The other one takes a name, too. */
struct topdata_vm *topdata_find(struct topdata *data, const char *id);
struct topdata_vm *topdata_find_name(struct topdata *data, const char *name);

/* The numbers wanted; NULL if there are none. */
const struct topdata_numbers *topdata_numbers(const struct topdata_vm *vm,
					      enum topdata_choice choice,
					      enum topdata_source *ret_source);

void topdata_push(struct topdata_history *history, double value);

void topdata_done(struct topdata *data);

/* "guest" or "host". */
const char *topdata_source_name(enum topdata_source source);

/* A member of an answer; NAN if it is none or null. */
double topdata_number(json_t *object, const char *key);

#endif
