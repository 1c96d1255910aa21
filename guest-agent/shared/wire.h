/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers and bytes in the order of vmexit-protocol(7), into and out of a buffer.
 * Reading or writing past the end does nothing but say so. Non-logging.
 */
#ifndef GUEST_AGENT_SHARED_WIRE_H
#define GUEST_AGENT_SHARED_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_VARINT_MAX 10		/* bytes that 64 bits take */

struct wire_writer {
	uint8_t *buf;
	size_t size;
	size_t len;
	bool overflow;			/* something did not fit; what follows neither */
};

struct wire_reader {
	const uint8_t *buf;
	size_t len;			/* left */
	bool overflow;			/* something was not there; nor is what follows */
};

/* @bytes of @v, little-endian. */
uint64_t wire_get_le(const uint8_t *p, size_t bytes);
void wire_set_le(uint8_t *p, uint64_t v, size_t bytes);

void wire_put(struct wire_writer *w, uint64_t v, size_t bytes);
void wire_put_bytes(struct wire_writer *w, const void *bytes, size_t len);

/* Seven bits a byte, lowest first, the highest bit set in all but the last (LEB128). */
void wire_put_varint(struct wire_writer *w, uint64_t v);

/* A field's head; its value of @len bytes follows. */
void wire_put_field(struct wire_writer *w, uint16_t number, size_t len);

/* A field whose length is known when it is written; begin returns where it began. */
size_t wire_begin_field(struct wire_writer *w, uint16_t number);
void wire_end_field(struct wire_writer *w, size_t began);

/* Each returns 0 or NULL behind the end. More than 64 bits in a varint are an overflow. */
uint64_t wire_take(struct wire_reader *r, size_t bytes);
const uint8_t *wire_take_bytes(struct wire_reader *r, size_t len);
uint64_t wire_take_varint(struct wire_reader *r);

/* The next field as a reader of its own; false at the end, or with r->overflow. */
bool wire_take_field(struct wire_reader *r, uint16_t *ret_number, struct wire_reader *ret_value);

#endif
