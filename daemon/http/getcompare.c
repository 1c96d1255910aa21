/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/form/jsoncompare.h"
#include "daemon/form/jsonparts.h"
#include "daemon/http/apipart.h"

/* What a request names. */
struct named {
	size_t count;
	struct query_vm vms[COMPARE_MAX];
	struct boot boots[COMPARE_MAX];
};

/* "VM:N" or "VM:latest"; a VM's name may have a colon. False: answered already. */
static bool add_boot(struct apipart *c, const char *word, size_t len, struct named *named)
{
	char text[RECORD_NAME_MAX + 16], *number;
	unsigned long n = 0;
	char *end = "";
	int r;

	snprintf(text, sizeof(text), "%.*s", (int)len, word);
	number = strrchr(text, ':');
	if (number)
		*number++ = '\0';
	if (number && strcmp(number, "latest") != 0) {
		n = *number >= '1' && *number <= '9' ? strtoul(number, &end, 10) : 0;
		number = n > 0 && n <= UINT32_MAX && !*end ? number : NULL;
	}
	if (!number || len >= sizeof(text)) {
		answer_fail(c->answer, 400, "boots: '%.*s' is not VM:BOOT with a number or 'latest'",
			    len > 64 ? 64 : (int)len, word);
		return false;
	}
	if (!apipart_vm(c, text))
		return false;
	named->vms[named->count] = c->vm;
	r = query_boot(c->query, c->vm.id, n, &named->boots[named->count]);
	if (r == -ENOENT)
		answer_fail(c->answer, 404, "VM '%s' has no boot %s; its /boots lists those there are",
			    c->vm.name, number);
	else if (r < 0)
		apipart_fail_reading(c, r);
	named->count += r == 0;
	return r == 0;
}

/* False: answered already. */
static bool parse_boots(struct apipart *c, struct named *named)
{
	const char *p = params_get(c->params, "boots");
	size_t words = 1;

	for (const char *comma = p; comma && (comma = strchr(comma, ',')); comma++)
		words++;
	if (!p || words < COMPARE_MIN || words > COMPARE_MAX) {
		answer_fail(c->answer, 400, "boots names %d to %d, as VM:BOOT,VM:BOOT", COMPARE_MIN,
			    COMPARE_MAX);
		return false;
	}
	for (size_t i = 0; i < words; i++) {
		size_t len = strcspn(p, ",");

		if (!add_boot(c, p, len, named))
			return false;
		p += len + 1;
	}
	return true;
}

/* No source has samples of all boots. */
static void fail_lacking(struct apipart *c, const struct named *named, unsigned int sources,
			 const size_t lacks[SOURCES])
{
	char text[256];
	size_t len = 0;

	for (int source = 0; source < SOURCES; source++) {
		if ((sources && !(sources & 1 << source)) || len >= sizeof(text))
			continue;
		len += snprintf(text + len, sizeof(text) - len, "%s boot %u of VM '%.64s' has none of the %s",
				len ? "," : "", named->boots[lacks[source]].number,
				named->vms[lacks[source]].name, jsonparts_source(source));
	}
	answer_fail(c->answer, 404, "one source has to have samples of all that is compared:%s", text);
}

void get_compare(struct apipart *c)
{
	struct named named = { 0 };
	struct query_filter filter;
	struct compare *compare;
	size_t lacks[SOURCES] = { 0 };
	struct boot none;
	int r;

	if (!apipart_known(c, "boots source") || !apipart_filter(c, false, &filter, &none) ||
	    !parse_boots(c, &named))
		return;
	r = compare_read(c->query, named.boots, named.count, filter.sources, lacks, &compare);
	if (r == -ENOENT) {
		fail_lacking(c, &named, filter.sources, lacks);
		return;
	}
	if (r == 0) {
		r = jsoncompare_text(named.vms, compare, &c->answer->text);
		compare_free(compare);
	}
	apipart_json(c, r);
}
