/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Started in an initramfs, a process keeps the initramfs as its root directory when
 * the system goes over to its real one: its paths then lead nowhere. This notices
 * the switch and follows. Logging.
 */
#ifndef GUEST_AGENT_ROOT_H
#define GUEST_AGENT_ROOT_H

#include <stdbool.h>
#include <sys/types.h>

struct root {
	bool in_initramfs;		/* and not switched yet */
	bool was_init;			/* pid 1 had the same root when it was last looked at */
	int proc_fd;			/* outlives the move of /proc; -1 */
	dev_t device;			/* of our root */
	ino_t inode;
	char *argv0;			/* its first character marks us meanwhile; or NULL */
	char argv0_first;
};

/*
 * @argv0 is main()'s argv[0]. In an initramfs its first character becomes '@' until
 * the switch: by systemd's convention (ROOT_STORAGE_DAEMONS) it ends all other
 * processes of an initramfs when it leaves it.
 */
void root_init(struct root *root, char *argv0);
void root_done(struct root *root);

/* To be called from time to time; true if the root directory is another one now. */
bool root_check(struct root *root);

#endif
