/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/shared/wire.h"

#include <string.h>

uint64_t wire_get_le(const uint8_t *p, size_t bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

void wire_set_le(uint8_t *p, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++, v >>= 8)
		p[i] = v & 0xff;
}

void wire_put_bytes(struct wire_writer *w, const void *bytes, size_t len)
{
	if (w->overflow || len > w->size - w->len) {
		w->overflow = true;
		return;
	}
	if (len == 0)
		return;
	memcpy(w->buf + w->len, bytes, len);
	w->len += len;
}

void wire_put(struct wire_writer *w, uint64_t v, size_t bytes)
{
	uint8_t le[8];

	wire_set_le(le, v, bytes);
	wire_put_bytes(w, le, bytes);
}

void wire_put_varint(struct wire_writer *w, uint64_t v)
{
	uint8_t bytes[WIRE_VARINT_MAX];
	bool room = !w->overflow && w->size - w->len >= WIRE_VARINT_MAX;
	uint8_t *to = room ? w->buf + w->len : bytes;
	size_t len = 0;

	for (; v >= 0x80; v >>= 7)
		to[len++] = v | 0x80;
	to[len++] = v;
	if (room)
		w->len += len;
	else
		wire_put_bytes(w, bytes, len);
}

void wire_put_field(struct wire_writer *w, uint16_t number, size_t len)
{
	wire_put(w, number, 2);
	wire_put(w, len, 2);
}

size_t wire_begin_field(struct wire_writer *w, uint16_t number)
{
	wire_put_field(w, number, 0);
	return w->len;
}

void wire_end_field(struct wire_writer *w, size_t began)
{
	size_t len = w->len - began;

	if (len > UINT16_MAX)
		w->overflow = true;
	if (!w->overflow)
		wire_set_le(w->buf + began - 2, len, 2);
}

const uint8_t *wire_take_bytes(struct wire_reader *r, size_t len)
{
	const uint8_t *p = r->buf;

	if (r->overflow || len > r->len) {
		r->overflow = true;
		return NULL;
	}
	r->buf += len;
	r->len -= len;
	return p;
}

uint64_t wire_take(struct wire_reader *r, size_t bytes)
{
	const uint8_t *p = wire_take_bytes(r, bytes);

	return p ? wire_get_le(p, bytes) : 0;
}

uint64_t wire_take_varint(struct wire_reader *r)
{
	size_t most = r->overflow ? 0 : r->len < WIRE_VARINT_MAX ? r->len : WIRE_VARINT_MAX;
	uint64_t v = 0;

	for (size_t i = 0; i < most; i++) {
		uint64_t byte = r->buf[i];

		/* The tenth byte has room for one bit. */
		if (i == WIRE_VARINT_MAX - 1 && byte > 1)
			break;
		v |= (byte & 0x7f) << 7 * i;
		if (!(byte & 0x80)) {
			r->buf += i + 1;
			r->len -= i + 1;
			return v;
		}
	}
	r->overflow = true;
	return 0;
}

bool wire_take_field(struct wire_reader *r, uint16_t *ret_number, struct wire_reader *ret_value)
{
	size_t len;

	if (r->overflow || r->len == 0)
		return false;
	*ret_number = wire_take(r, 2);
	len = wire_take(r, 2);
	ret_value->buf = wire_take_bytes(r, len);
	ret_value->len = len;
	ret_value->overflow = false;
	return !r->overflow;
}
