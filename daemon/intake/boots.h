/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When a VM's boot opens and closes, and which one a guest's sample belongs to. Logging.
 *
 * A boot of the guest is known by its boot id, a life of the VM by its generation. A
 * struct boot is one boot in one life, as counters are comparable only there: a guest
 * that is restored or migrated in goes on in another struct boot with the same boot id
 * and the same order of sequences.
 */
#ifndef DAEMON_BOOTS_H
#define DAEMON_BOOTS_H

#include "daemon/base/member.h"

bool boots_is_open(const struct member *m);

/* The last evidence of life: nobody saw the boot's end. */
int64_t boots_last_seen_ns(const struct boot *boot);

void boots_close(struct member *m, int64_t closed_ns);

/*
 * Close the latest boot and open another; the one before stays if memory is short,
 * which is then said. Counters go on where @life is the same.
 */
struct boot *boots_open(struct member *m, enum boot_cause cause, const char *life,
			int64_t opened_ns);

/*
 * Libvirt tells of a restore or migration to here: open a boot, unless the guest's
 * own samples were faster and have just opened it.
 */
void boots_restored(struct member *m, const char *life, int64_t now_ns);

/* Find the boot that @hello belongs to, opening one if need be. False: refused. */
bool boots_join(struct member *m, const struct proto_hello *hello, int64_t now_ns);

/*
 * The boot that a guest's @sample belongs to, by its generation: the latest; vm->earlier,
 * for a sample from before a restore; or a new one. NULL: the guest changes its life too
 * often to be believed.
 */
struct boot *boots_of_sample(struct member *m, const struct sample *sample, int64_t now_ns);

/*
 * Exits fell where no generation says why: another life that nobody announced. Returns its
 * boot, or NULL if the guest does that too often.
 */
struct boot *boots_after_fall(struct member *m, enum sample_source source, uint64_t exits,
			      int64_t now_ns);

/* Compare with the host's counts from now on only. */
void boots_reset_oracle(struct member *m);

/* Where the guest's boot goes on, over lives: highest sequence accepted, and committed. */
uint64_t boots_last_sequence(const struct member *m);
uint64_t boots_committed(const struct member *m);

#endif
