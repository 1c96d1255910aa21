/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the GNU Scientific Library does with errors. Non-logging. */
#ifndef DAEMON_GSLERRORS_H
#define DAEMON_GSLERRORS_H

/* Have it return them instead of ending the process. Once, before there are threads. */
void gslerrors_return(void);

#endif
