/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/transaction.h"

#include "daemon/store/blocks.h"
#include "daemon/store/db.h"
#include "daemon/store/expire.h"

int transaction_run(const struct transaction_of *of, transaction_fn work, void *ctx)
{
	int r = db_begin_write(of->blocks->db);

	if (r < 0)
		return r;
	r = db_end_write(of->blocks->db, work(ctx));
	expire_settle(of->expire, r >= 0);
	if (r < 0)
		journal_forget(of->blocks->journal);
	return r;
}
