/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/upkeep.h"

#include <errno.h>

#include "daemon/store/db.h"
#include "daemon/store/expire.h"
#include "daemon/store/seal.h"
#include "guest-agent/shared/log.h"

/* Rows of the journal that one step drops; and how long the live readers may need them. */
#define TRIM_ROWS 4096
#define TRIM_AGE_NS (120LL * 1000000000)

/* 4 MB, as is SQLite's own habit. */
#define CHECKPOINT_PAGES 1000

void upkeep_init(struct upkeep *upkeep, struct blocks *blocks, struct expire *expire)
{
	*upkeep = (struct upkeep){
		.of = { blocks, expire },
		.age_ns = INT64_MAX,
		.checkpoint_pages = CHECKPOINT_PAGES,
	};
}

static int move_on(struct upkeep *u)
{
	bool more = false;
	int r = seal_due(u->of.blocks, u->now_ns);

	if (r == 0) {
		r = journal_trim(u->of.blocks->journal, u->now_ns - TRIM_AGE_NS, TRIM_ROWS, &more);
		r = r < 0 ? r : more;
	}
	return r;
}

static int64_t age_ns(const struct upkeep *u)
{
	return u->age_ns < u->now_ns ? u->age_ns : u->now_ns;
}

static int drop_old(struct upkeep *u)
{
	return expire_due(u->of.expire, age_ns(u));
}

/* In turn, so that neither waits for the other to come to an end. */
static int work(void *ctx)
{
	struct upkeep *u = ctx;
	int r;

	u->drops_first = !u->drops_first;
	r = u->drops_first ? drop_old(u) : move_on(u);
	if (r == 0)
		r = u->drops_first ? move_on(u) : drop_old(u);
	return r;
}

/* So that nothing to do needs no transaction. Returns 1, 0 or -errno. */
static int is_due(struct upkeep *u)
{
	bool due = expire_is_due(u->of.expire, age_ns(u));
	int r = due ? 0 : seal_is_due(u->of.blocks, u->now_ns);

	if (r == 0 && !due)
		r = journal_trim_due(u->of.blocks->journal, u->now_ns - TRIM_AGE_NS, &due);
	return r == 0 ? due : r;
}

static int checkpoint(struct upkeep *u)
{
	int r = db_checkpoint(u->of.blocks->db);

	u->wal_pages = 0;
	return r < 0 ? r : 1;
}

static int step(struct upkeep *u)
{
	int r;

	if (u->wal_pages >= u->checkpoint_pages)
		return checkpoint(u);
	r = is_due(u);
	return r > 0 ? transaction_run(&u->of, work, u) : r;
}

int upkeep_step(struct upkeep *upkeep, int64_t now_ns)
{
	int r;

	upkeep->now_ns = now_ns;
	db_quiet(upkeep->error != 0);
	r = step(upkeep);
	db_quiet(false);
	/* That the disk is full or the file gone, the next commit says. */
	if (r < 0 && r != -ENOSPC && r != -ESTALE && r != upkeep->error)
		log_error("database: samples cannot be sealed (%s); they stay in the journal, "
			  "will retry", db_error_words(r));
	upkeep->error = r < 0 ? r : 0;
	return r;
}
