/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arrays that grow. Non-logging. */
#ifndef DAEMON_ROOM_H
#define DAEMON_ROOM_H

#include <stdbool.h>
#include <stdlib.h>

/*
 * See to it that the array behind the pointer @array, with room for *@room elements of @size
 * bytes, has room for one more than @count; it doubles. False without memory, and then nothing
 * is changed.
 */
static inline bool room_for_one(void *array, size_t count, size_t *room, size_t size)
{
	size_t more = *room ? 2 * *room : 16;
	void *grown;

	if (count < *room)
		return true;
	grown = realloc(*(void **)array, more * size);
	if (!grown)
		return false;
	*(void **)array = grown;
	*room = more;
	return true;
}

#endif
