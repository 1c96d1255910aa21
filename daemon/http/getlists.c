/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/apipart.h"

#include "daemon/form/jsondaemon.h"
#include "daemon/form/jsonout.h"
#include "daemon/form/jsonstorage.h"

/* What is not stored, as how many exits a poll costs, may change without a commit. */
#define VMS_GOOD_MS 1000

void get_health(struct apipart *c)
{
	if (!apipart_known(c, ""))
		return;
	apipart_json(c, jsonout_health(c->stats, &c->answer->text));
	if (c->answer->status == 200 && c->stats->error)
		c->answer->status = 503;
}

void get_vms(struct apipart *c)
{
	if (!apipart_known(c, ""))
		return;
	apipart_json(c, jsonout_vms(c->query, c->vitals, &c->answer->text));
	c->answer->good_for_ms = VMS_GOOD_MS;
}

void get_reasons(struct apipart *c)
{
	if (apipart_known(c, ""))
		apipart_json(c, jsonout_reasons(&c->answer->text));
}

void get_storage(struct apipart *c)
{
	if (apipart_known(c, ""))
		apipart_json(c, jsonstorage(c->query, &c->stats->limits, &c->answer->text));
}

void get_boots(struct apipart *c)
{
	if (apipart_known(c, ""))
		apipart_json(c, jsonout_boots(c->query, &c->vm, &c->answer->text));
}

void get_daemon(struct apipart *c)
{
	if (apipart_known(c, ""))
		apipart_json(c, jsondaemon(c->vitals, &c->answer->text));
}
