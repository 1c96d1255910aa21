/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory that this program takes from the guest. Non-logging. */
#ifndef GUEST_AGENT_FOOTPRINT_H
#define GUEST_AGENT_FOOTPRINT_H

/*
 * Give back the pages of the program itself, most of which only its start has used.
 * Those that are used again come from the page cache, or from the file. Nothing is
 * lost: only what cannot be written is given back.
 */
void footprint_shrink(void);

#endif
