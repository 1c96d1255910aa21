/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file that one agent has to itself, and that the next one takes from it: the lock on
 * it tells who has it, and is free when that one has ended, however it did. Logging.
 */
#ifndef GUEST_AGENT_CLAIM_H
#define GUEST_AGENT_CLAIM_H

/*
 * Open and lock the file @path; it and its directory are made if they are not there.
 * Whoever has it is asked to end by SIGTERM, which is waited for, then killed: up to seven
 * seconds, as nothing else is to be done before. Only a file of our own user's, that no
 * other can write, is taken. Returns 0 with a descriptor that is the caller's and must stay
 * the only one of that file here, as closing any of them frees the lock; or -errno after
 * saying why.
 */
int claim_take(const char *path, int *ret_fd);

#endif
