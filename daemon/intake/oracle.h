/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's exit counts held against the host's own counts of the same KVM VM: the
 * guest's count at a time lies between the host's before and after it. Both
 * times have errors; where they leave room it is the guest's. Non-logging, pure.
 *
 * A guest's samples come before the host's next reading, so what is too high shows
 * only then: one claim at a time waits for the reading that covers it. Counts grow, so
 * a claim that holds vouches for all before it.
 *
 * What is held against each other are absolute counts. Root can set KVM's own to zero
 * (debugfs); a host's count that fell is no oracle for the rest of that life.
 */
#ifndef DAEMON_ORACLE_H
#define DAEMON_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#define ORACLE_READINGS 128

struct oracle_count {
	int64_t t_ns;			/* host's CLOCK_REALTIME */
	int64_t error_ns;		/* taken at most so far from t_ns */
	uint64_t exits;
};

/* Zero-initialise: another life of the VM. */
struct oracle {
	struct oracle_count readings[ORACLE_READINGS];
	unsigned int count;		/* of readings, ever */
	bool blind;			/* the host's count fell */
	struct {
		bool is;
		uint64_t sequence;
		struct oracle_count count;
	} waiting, latest;		/* claims */
	uint64_t vouched;		/* sequence of the last claim that held; 0: none */
};

/*
 * Whether a guest's count can be true by the readings so far. @floor: its time is
 * surely not too late; else it is only a limit from above.
 */
bool oracle_admits(const struct oracle *oracle, const struct oracle_count *guest, bool floor);

/* The guest claims that; it is to be checked by readings to come. */
void oracle_claim(struct oracle *oracle, uint64_t sequence, const struct oracle_count *guest);

/* Another boot, whose sequences begin anew: forget the claims. */
void oracle_next_boot(struct oracle *oracle);

enum oracle_verdict { ORACLE_SILENT, ORACLE_HOLDS, ORACLE_LIE };

/* What the host counted, and what that says of the claims so far. */
enum oracle_verdict oracle_reading(struct oracle *oracle, const struct oracle_count *host);

#endif
