/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which process is a VM's QEMU. Everything that is read may be stale or another
 * process's by now, so nothing is believed that /proc does not confirm. @proc is
 * "/proc". Non-logging.
 */
#ifndef DAEMON_QEMUPROC_H
#define DAEMON_QEMUPROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Where the libvirt daemon at @uri keeps the pid files of its domains. Returns 0, or
 * -ENOENT if their processes are not of this host, or are not known.
 */
int qemuproc_dir(const char *uri, char *buf, size_t size);

/*
 * The process of libvirt's domain @name, by the pid file in @dir. Returns 0, or
 * -ESRCH if there is none that is a QEMU with this @uuid on its command line.
 */
int qemuproc_find(const char *proc, const char *dir, const char *name, const char *uuid,
		  pid_t *ret_pid);

/*
 * True if @pid is a QEMU; with @uuid not NULL, one with that on its command line. Who may not
 * see its program goes by the command line alone, which a process can write itself: @pid is
 * to come from libvirt or the kernel.
 */
bool qemuproc_is(const char *proc, pid_t pid, const char *uuid);

/*
 * @pid's state, as /proc/PID/stat has it, and when it started, in clock ticks since
 * the host booted. Returns 0 or -ESRCH.
 */
int qemuproc_stat(const char *proc, pid_t pid, char *ret_state, uint64_t *ret_started);

/* The kernel's id of this boot of the host; "" if it cannot be read. */
void qemuproc_boot_id(const char *proc, char *buf, size_t size);

#endif
