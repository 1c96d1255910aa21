/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/apipart.h"

#include "daemon/form/jsonevents.h"

void get_marks(struct apipart *c)
{
	struct query_filter filter;
	struct boot boot;

	if (apipart_known(c, "boot from to") && apipart_filter(c, true, &filter, &boot))
		apipart_json(c, jsonevents_marks(c->query, &c->vm, &filter, &c->answer->text));
}

void get_gaps(struct apipart *c)
{
	struct query_filter filter;
	struct boot boot;

	if (apipart_known(c, "boot from to source") && apipart_filter(c, true, &filter, &boot))
		apipart_json(c, jsonevents_gaps(c->query, &c->vm, &filter, &c->answer->text));
}
