/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the commands that have options of their own share. */
#ifndef DAEMON_CTL_OPTIONS_H
#define DAEMON_CTL_OPTIONS_H

/* vmexitd's default. */
#define OPTIONS_DATABASE "/var/lib/vmexit/vmexit.db"

/* Values of getopt_long() for options that have no letter. */
enum { OPTION_DATABASE = 256, OPTION_BOOT, OPTION_SOURCE, OPTION_FROM, OPTION_TO, OPTION_MARK,
       OPTION_AFTER, OPTION_FORMAT };

#endif
