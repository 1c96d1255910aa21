/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/apipart.h"

#include "daemon/form/jsonremote.h"
#include "daemon/remote/remote.h"

/* It goes on without a commit. */
#define GOOD_MS 500

void get_remote(struct apipart *c)
{
	struct remote_stats stats;

	if (!apipart_known(c, ""))
		return;
	if (c->remote)
		remote_get_stats(c->remote, &stats);
	apipart_json(c, jsonremote(c->remote ? &stats : NULL, &c->answer->text));
	c->answer->good_for_ms = GOOD_MS;
}
