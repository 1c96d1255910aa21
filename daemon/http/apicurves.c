/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/apicurves.h"

#include <errno.h>
#include <string.h>

int apicurves_namespace(struct apipart *c, const struct boot *boot, uint32_t *ret_namespace)
{
	struct boot latest = { 0 };
	int r = boot->number ? 0 : query_boot(c->query, c->vm.id, 0, &latest);

	*ret_namespace = boot->number ? boot->reason_namespace : latest.reason_namespace;
	return r == -ENOENT ? 0 : r;
}

bool apicurves_select(struct apipart *c, size_t kinds_max, struct apicurves *s)
{
	uint32_t namespace;
	int r;

	memset(s, 0, sizeof(*s));
	if (!apipart_filter(c, true, &s->filter, &s->boot))
		return false;
	r = apicurves_namespace(c, &s->boot, &namespace);
	if (r < 0) {
		apipart_fail_reading(c, r);
		return false;
	}
	if (selection_parse(c->params, namespace, kinds_max, &s->selection) < 0) {
		answer_fail(c->answer, 400, "%s", c->params->error);
		return false;
	}
	return true;
}

bool apicurves_read(struct apipart *c, struct apicurves *s)
{
	int r = series_read(c->query, &s->filter, s->selection.wants, s->selection.count,
			    &s->selection.options, &s->series);

	if (r == -E2BIG)
		answer_fail(c->answer, 400,
			 "those are more than %d curves or %d points; ask for fewer reasons, names, "
			 "boots or points",
			 SERIES_MAX, SERIES_POINTS_ALL);
	else if (r < 0)
		apipart_fail_reading(c, r);
	return r == 0;
}
