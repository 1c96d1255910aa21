/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/passed.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool grow(void *array, size_t *room, size_t least, size_t size)
{
	size_t more = *room ? *room : 256;
	void *grown;

	while (more < least)
		more *= 2;
	grown = realloc(*(void **)array, more * size);
	if (!grown)
		return false;
	*(void **)array = grown;
	*room = more;
	return true;
}

int passed_add(struct passed *passed, const struct passed_row *row, const void *sample,
	       size_t len)
{
	struct passed *p = passed;

	if ((p->count == p->room &&
	     !grow(&p->rows, &p->room, p->count + 1, sizeof(*p->rows))) ||
	    (p->size - p->len < len && !grow(&p->bytes, &p->size, p->len + len, 1)))
		return -ENOMEM;
	p->rows[p->count] = *row;
	p->rows[p->count++].at = p->len;
	if (len)
		memcpy(p->bytes + p->len, sample, len);
	p->len += len;
	return 0;
}

void passed_clear(struct passed *passed)
{
	passed->count = passed->len = 0;
}

void passed_done(struct passed *passed)
{
	free(passed->rows);
	free(passed->bytes);
	*passed = (struct passed){ 0 };
}
