/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/intake/oracle.h"

/* Surely not later than, with both errors. */
static bool precedes(const struct oracle_count *a, const struct oracle_count *b)
{
	return a->t_ns + a->error_ns <= b->t_ns - b->error_ns;
}

bool oracle_admits(const struct oracle *oracle, const struct oracle_count *guest, bool floor)
{
	unsigned int n = oracle->count < ORACLE_READINGS ? oracle->count : ORACLE_READINGS;

	if (oracle->blind)
		return true;
	for (unsigned int i = 0; i < n; i++) {
		const struct oracle_count *host = &oracle->readings[i];

		if (floor && precedes(host, guest) && guest->exits < host->exits)
			return false;
		if (precedes(guest, host) && guest->exits > host->exits)
			return false;
	}
	return true;
}

void oracle_claim(struct oracle *oracle, uint64_t sequence, const struct oracle_count *guest)
{
	oracle->latest.is = true;
	oracle->latest.sequence = sequence;
	oracle->latest.count = *guest;
	/* The waiting one stays: newer ones would put its reading off for ever. */
	if (!oracle->waiting.is)
		oracle->waiting = oracle->latest;
}

void oracle_next_boot(struct oracle *oracle)
{
	oracle->waiting.is = oracle->latest.is = false;
	oracle->vouched = 0;
}

enum oracle_verdict oracle_reading(struct oracle *oracle, const struct oracle_count *host)
{
	const struct oracle_count *last =
		&oracle->readings[(oracle->count + ORACLE_READINGS - 1) % ORACLE_READINGS];
	bool holds;

	if (oracle->count > 0 && host->exits < last->exits)
		oracle->blind = true;
	oracle->readings[oracle->count++ % ORACLE_READINGS] = *host;
	if (oracle->blind || !oracle->waiting.is || !precedes(&oracle->waiting.count, host))
		return ORACLE_SILENT;
	holds = oracle->waiting.count.exits <= host->exits;
	if (holds)
		oracle->vouched = oracle->waiting.sequence;
	if (holds && oracle->latest.sequence > oracle->waiting.sequence)
		oracle->waiting = oracle->latest;
	else
		oracle->waiting.is = false;
	return holds ? ORACLE_HOLDS : ORACLE_LIE;
}
