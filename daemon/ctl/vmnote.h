/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong with a VM, and with its numbers, in words. Non-logging. */
#ifndef DAEMON_CTL_VMNOTE_H
#define DAEMON_CTL_VMNOTE_H

#include <jansson.h>
#include <stddef.h>

#define VMNOTE_MAX 512

/* Of an entry of /vms: "" if nothing is; parts with two blanks in between. */
void vmnote_text(json_t *vm, char *text, size_t size);

#endif
