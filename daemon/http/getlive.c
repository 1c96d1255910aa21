/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/apipart.h"

#include <stdio.h>

/* The key of the VM that @param names, if it is there. False: answered already. */
static bool find_key(struct apipart *c, const char *param, char key[RECORD_KEY_MAX + 1])
{
	const char *name = params_get(c->params, param);

	if (!name)
		return true;
	if (!apipart_vm(c, name))
		return false;
	snprintf(key, RECORD_KEY_MAX + 1, "%s", c->vm.key);
	return true;
}

void get_live(struct apipart *c)
{
	if (!apipart_known(c, "vm detail after") || !find_key(c, "vm", c->answer->vm_key) ||
	    !find_key(c, "detail", c->answer->detail_key))
		return;
	if (params_u64(c->params, "after", &c->answer->after) < 0) {
		answer_fail(c->answer, 400, "%s", c->params->error);
		return;
	}
	c->answer->status = 200;
	c->answer->kind = ANSWER_LIVE;
	c->answer->type = "text/event-stream";
}
