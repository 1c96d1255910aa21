/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/stats/gslerrors.h"

#include <gsl/gsl_errno.h>

void gslerrors_return(void)
{
	(void)gsl_set_error_handler_off();
}
