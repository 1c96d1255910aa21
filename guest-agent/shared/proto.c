/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/shared/proto.h"

#include <errno.h>
#include <string.h>

#include "guest-agent/shared/detail.h"

#define WORKLOAD_KNOWN (UINT64_MAX >> (64 - WORKLOAD_COUNT))
/* Those that version 1 has; its recording says so. */
#define WORKLOAD_VERSION_1 0xffffff
/* Of exits that an agent causes: without a leaf nobody counts them. */
#define UNKNOWN UINT64_MAX

/* Fields behind a payload's fixed part. A sample's lists are from DETAIL_FIRST on. */
enum {
	FIELD_LEAF = 1,
	FIELD_GENERATION = 2,
	FIELD_AGENT = 3,
	FIELD_KERNEL = 4,
	FIELD_STARTED = 5,
	FIELD_LABEL = 8,
	FIELD_STATUS = 9,
	FIELD_GAP_TAKEN = 10,
	FIELD_EXITS = 16,
	FIELD_HANDLING = 17,
	FIELD_WORKLOAD_1 = 18,
	FIELD_WORKLOAD = 19,
	FIELD_AWAY = 20,
	FIELD_CLOCK = 21,
	FIELD_PACE = 22,
	FIELD_AGENT_COUNTS = 23,
};

static void put_text(struct wire_writer *w, uint16_t number, const char *text, size_t max)
{
	size_t len = strnlen(text, max);

	wire_put_field(w, number, len);
	wire_put_bytes(w, text, len);
}

static void put_number(struct wire_writer *w, uint16_t number, uint64_t value)
{
	wire_put_field(w, number, 8);
	wire_put(w, value, 8);
}

/* @text has room for @max and a terminator. */
static void take_text(struct wire_reader *value, char *text, size_t max)
{
	size_t len = value->len < max ? value->len : max;

	for (size_t i = 0; i < len; i++) {
		uint8_t c = value->buf[i];

		text[i] = c >= 0x20 && c < 0x7f ? (char)c : '?';
	}
	text[len] = '\0';
}

static struct wire_reader payload_of(const struct frame *untrusted)
{
	return (struct wire_reader){ .buf = untrusted->payload, .len = untrusted->payload_len };
}

/* ---- hello, welcome, ack, call, pace ---- */

int proto_encode_hello(void *buf, size_t size, const struct proto_hello *hello)
{
	struct wire_writer w = frame_begin(buf, size);

	wire_put(&w, hello->version_min, 2);
	wire_put(&w, hello->version_max, 2);
	wire_put_bytes(&w, hello->boot_id, PROTO_BOOT_ID_SIZE);
	wire_put(&w, hello->t_boot_ns, 8);
	wire_put(&w, hello->t_wall_ns, 8);
	wire_put(&w, hello->interval_us, 4);
	wire_put(&w, hello->vcpus, 4);
	if (hello->has & PROTO_HELLO_HAS_LEAF) {
		wire_put_field(&w, FIELD_LEAF, 16);
		wire_put(&w, hello->leaf_version, 4);
		wire_put(&w, hello->leaf_features, 4);
		wire_put(&w, hello->reason_namespace, 4);
		wire_put(&w, hello->tsc_khz, 4);
	}
	if (hello->has & PROTO_HELLO_HAS_GENERATION)
		put_number(&w, FIELD_GENERATION, hello->generation);
	put_text(&w, FIELD_AGENT, hello->agent, PROTO_TEXT_MAX);
	put_text(&w, FIELD_KERNEL, hello->kernel, PROTO_TEXT_MAX);
	if (hello->has & PROTO_HELLO_HAS_AGENT) {
		wire_put_field(&w, FIELD_STARTED, 12);
		wire_put(&w, hello->started, 8);
		wire_put(&w, hello->interval_min_us, 4);
	}
	return frame_end(&w, PROTO_VERSION, PROTO_HELLO, 0);
}

int proto_decode_hello(const struct frame *untrusted, struct proto_hello *ret_hello)
{
	struct wire_reader r = payload_of(untrusted), value;
	struct proto_hello hello = { 0 };
	const uint8_t *boot_id;
	uint16_t number;

	hello.version_min = wire_take(&r, 2);
	hello.version_max = wire_take(&r, 2);
	boot_id = wire_take_bytes(&r, PROTO_BOOT_ID_SIZE);
	hello.t_boot_ns = wire_take(&r, 8);
	hello.t_wall_ns = wire_take(&r, 8);
	hello.interval_us = wire_take(&r, 4);
	hello.vcpus = wire_take(&r, 4);
	if (r.overflow || hello.version_min > hello.version_max)
		return -EBADMSG;
	memcpy(hello.boot_id, boot_id, PROTO_BOOT_ID_SIZE);
	while (wire_take_field(&r, &number, &value)) {
		switch (number) {
		case FIELD_LEAF:
			hello.leaf_version = wire_take(&value, 4);
			hello.leaf_features = wire_take(&value, 4);
			hello.reason_namespace = wire_take(&value, 4);
			hello.tsc_khz = wire_take(&value, 4);
			hello.has |= PROTO_HELLO_HAS_LEAF;
			break;
		case FIELD_GENERATION:
			hello.generation = wire_take(&value, 8);
			hello.has |= PROTO_HELLO_HAS_GENERATION;
			break;
		case FIELD_AGENT:
			take_text(&value, hello.agent, PROTO_TEXT_MAX);
			break;
		case FIELD_KERNEL:
			take_text(&value, hello.kernel, PROTO_TEXT_MAX);
			break;
		case FIELD_STARTED:
			hello.started = wire_take(&value, 8);
			hello.interval_min_us = wire_take(&value, 4);
			hello.has |= PROTO_HELLO_HAS_AGENT;
			break;
		}
		if (value.overflow)
			return -EBADMSG;
	}
	if (r.overflow || hello.started > INT64_MAX)
		return -EBADMSG;
	*ret_hello = hello;
	return 0;
}

int proto_encode_welcome(void *buf, size_t size, const struct proto_welcome *welcome)
{
	struct wire_writer w = frame_begin(buf, size);

	wire_put(&w, welcome->version, 2);
	wire_put(&w, welcome->committed, 8);
	return frame_end(&w, PROTO_VERSION, PROTO_WELCOME, 0);
}

int proto_decode_welcome(const struct frame *untrusted, struct proto_welcome *ret_welcome)
{
	struct wire_reader r = payload_of(untrusted);
	struct proto_welcome welcome;

	welcome.version = wire_take(&r, 2);
	welcome.committed = wire_take(&r, 8);
	if (r.overflow)
		return -EBADMSG;
	*ret_welcome = welcome;
	return 0;
}

int proto_encode_ack(void *buf, size_t size, const struct proto_ack *ack)
{
	struct wire_writer w = frame_begin(buf, size);

	wire_put(&w, ack->committed, 8);
	return frame_end(&w, PROTO_VERSION, PROTO_ACK, 0);
}

int proto_decode_ack(const struct frame *untrusted, struct proto_ack *ret_ack)
{
	struct wire_reader r = payload_of(untrusted);
	struct proto_ack ack;

	ack.committed = wire_take(&r, 8);
	if (r.overflow)
		return -EBADMSG;
	*ret_ack = ack;
	return 0;
}

int proto_encode_call(void *buf, size_t size)
{
	struct wire_writer w = frame_begin(buf, size);

	return frame_end(&w, PROTO_VERSION, PROTO_CALL, 0);
}

int proto_encode_pace(void *buf, size_t size, const struct proto_pace *pace)
{
	struct wire_writer w = frame_begin(buf, size);

	wire_put(&w, pace->interval_us, 4);
	return frame_end(&w, PROTO_VERSION, PROTO_PACE, 0);
}

int proto_decode_pace(const struct frame *untrusted, struct proto_pace *ret_pace)
{
	struct wire_reader r = payload_of(untrusted);
	struct proto_pace pace;

	pace.interval_us = wire_take(&r, 4);
	if (r.overflow)
		return -EBADMSG;
	*ret_pace = pace;
	return 0;
}

/* ---- sample ---- */

static void put_workload_1(struct wire_writer *w, const struct workload *workload)
{
	uint64_t mask = workload->mask & WORKLOAD_VERSION_1;

	if (!mask)
		return;
	wire_put_field(w, FIELD_WORKLOAD_1, 8 + 8 * __builtin_popcountll(mask));
	wire_put(w, mask, 8);
	for (unsigned int i = 0; i < WORKLOAD_COUNT; i++) {
		if (mask >> i & 1)
			wire_put(w, workload->value[i], 8);
	}
}

static void put_workload(struct wire_writer *w, const struct workload *workload)
{
	uint64_t mask = workload->mask & WORKLOAD_KNOWN;
	size_t began;

	if (!mask)
		return;
	began = wire_begin_field(w, FIELD_WORKLOAD);
	wire_put_varint(w, mask);
	for (unsigned int i = 0; i < WORKLOAD_COUNT; i++) {
		if (mask >> i & 1)
			wire_put_varint(w, workload->value[i]);
	}
	wire_end_field(w, began);
}

static void put_sample_2(struct wire_writer *w, const struct sample *sample)
{
	put_workload(w, &sample->workload);
	if (sample->has & SAMPLE_HAS_AWAY) {
		wire_put_field(w, FIELD_AWAY, 16);
		wire_put(w, sample->away_cycles, 8);
		wire_put(w, sample->idle_cycles, 8);
	}
	if (sample->has & SAMPLE_HAS_CLOCK) {
		wire_put_field(w, FIELD_CLOCK, 20);
		wire_put(w, sample->host_ns, 8);
		wire_put(w, sample->guest_tsc, 8);
		wire_put(w, sample->clock_error_ns, 4);
	}
	if (sample->has & SAMPLE_HAS_PACE) {
		wire_put_field(w, FIELD_PACE, 5);
		wire_put(w, sample->interval_us, 4);
		wire_put(w, sample->pace, 1);
	}
	if (sample->has & (SAMPLE_HAS_AGENT | SAMPLE_HAS_TAKEN)) {
		wire_put_field(w, FIELD_AGENT_COUNTS, 16);
		wire_put(w, sample->has & SAMPLE_HAS_AGENT ? sample->agent_exits : UNKNOWN, 8);
		wire_put(w, sample->has & SAMPLE_HAS_TAKEN ? sample->taken : 0, 8);
	}
	wire_put_bytes(w, sample->detail, sample->detail_len);
}

int proto_encode_sample(void *buf, size_t size, const struct sample *sample, uint16_t version,
			uint16_t flags)
{
	struct wire_writer w = frame_begin(buf, size);

	wire_put(&w, sample->sequence, 8);
	wire_put(&w, sample->t_boot_ns, 8);
	wire_put(&w, sample->t_wall_ns, 8);
	if (sample->has & SAMPLE_HAS_GENERATION)
		put_number(&w, FIELD_GENERATION, sample->generation);
	if (sample->has & SAMPLE_HAS_EXITS)
		put_number(&w, FIELD_EXITS, sample->exits);
	if (sample->has & SAMPLE_HAS_HANDLING)
		put_number(&w, FIELD_HANDLING, sample->handling_cycles);
	if (version < 2)
		put_workload_1(&w, &sample->workload);
	else
		put_sample_2(&w, sample);
	return frame_end(&w, version < 2 ? version : PROTO_VERSION, PROTO_SAMPLE, flags);
}

/*
 * Values that this version does not know sit behind the known ones, their bits
 * above the known bits, so a newer sender's are skipped by not reading them.
 */
static void take_workload(struct wire_reader *value, bool compact, struct workload *workload)
{
	uint64_t mask = compact ? wire_take_varint(value) : wire_take(value, 8);

	for (unsigned int i = 0; i < WORKLOAD_COUNT; i++) {
		if (mask >> i & 1)
			workload->value[i] = compact ? wire_take_varint(value) : wire_take(value, 8);
	}
	workload->mask = mask & WORKLOAD_KNOWN;
}

static void take_agent_counts(struct wire_reader *value, struct sample *sample)
{
	uint64_t exits = wire_take(value, 8), taken = wire_take(value, 8);

	/* The last of two fields counts, also if it knows less. */
	sample->has &= ~(SAMPLE_HAS_AGENT | SAMPLE_HAS_TAKEN);
	if (exits != UNKNOWN) {
		sample->agent_exits = exits;
		sample->has |= SAMPLE_HAS_AGENT;
	}
	if (taken) {
		sample->taken = taken;
		sample->has |= SAMPLE_HAS_TAKEN;
	}
}

static void take_sample_field(uint16_t number, struct wire_reader *value, struct sample *sample)
{
	switch (number) {
	case FIELD_GENERATION:
		sample->generation = wire_take(value, 8);
		sample->has |= SAMPLE_HAS_GENERATION;
		break;
	case FIELD_EXITS:
		sample->exits = wire_take(value, 8);
		sample->has |= SAMPLE_HAS_EXITS;
		break;
	case FIELD_HANDLING:
		sample->handling_cycles = wire_take(value, 8);
		sample->has |= SAMPLE_HAS_HANDLING;
		break;
	case FIELD_WORKLOAD_1:
	case FIELD_WORKLOAD:
		take_workload(value, number == FIELD_WORKLOAD, &sample->workload);
		break;
	case FIELD_AWAY:
		sample->away_cycles = wire_take(value, 8);
		sample->idle_cycles = wire_take(value, 8);
		sample->has |= SAMPLE_HAS_AWAY;
		break;
	case FIELD_CLOCK:
		sample->host_ns = wire_take(value, 8);
		sample->guest_tsc = wire_take(value, 8);
		sample->clock_error_ns = wire_take(value, 4);
		sample->has |= SAMPLE_HAS_CLOCK;
		break;
	case FIELD_PACE:
		sample->interval_us = wire_take(value, 4);
		sample->pace = wire_take(value, 1);
		sample->has |= SAMPLE_HAS_PACE;
		break;
	case FIELD_AGENT_COUNTS:
		take_agent_counts(value, sample);
		break;
	}
}

int proto_decode_sample(const struct frame *untrusted, struct sample *ret_sample)
{
	struct wire_reader r = payload_of(untrusted), value;
	struct sample sample = { 0 };
	const uint8_t *field;
	uint16_t number;

	sample.sequence = wire_take(&r, 8);
	sample.t_boot_ns = wire_take(&r, 8);
	sample.t_wall_ns = wire_take(&r, 8);
	if (r.overflow || sample.sequence == 0 || sample.sequence > INT64_MAX ||
	    sample.t_boot_ns > INT64_MAX)
		return -EBADMSG;
	for (field = r.buf; wire_take_field(&r, &number, &value); field = r.buf) {
		if (number >= DETAIL_FIRST && !sample.detail)
			sample.detail = field;
		if (number >= DETAIL_FIRST)
			continue;
		take_sample_field(number, &value, &sample);
		if (value.overflow || sample.detail)
			return -EBADMSG;
	}
	if (sample.detail)
		sample.detail_len = r.buf - sample.detail;
	if (r.overflow || sample.host_ns > INT64_MAX ||
	    !detail_is_valid(sample.detail, sample.detail_len))
		return -EBADMSG;
	*ret_sample = sample;
	return 0;
}

/* ---- mark, gap ---- */

int proto_encode_mark(void *buf, size_t size, const struct proto_mark *mark)
{
	struct wire_writer w = frame_begin(buf, size);

	wire_put(&w, mark->sequence, 8);
	wire_put(&w, mark->t_boot_ns, 8);
	wire_put(&w, mark->t_wall_ns, 8);
	wire_put(&w, mark->kind, 4);
	wire_put(&w, mark->uid, 4);
	wire_put(&w, mark->begin, 8);
	put_text(&w, FIELD_LABEL, mark->label, PROTO_LABEL_MAX);
	if (mark->has & PROTO_MARK_HAS_STATUS) {
		wire_put_field(&w, FIELD_STATUS, 4);
		wire_put(&w, mark->status, 4);
	}
	return frame_end(&w, PROTO_VERSION, PROTO_MARK, 0);
}

int proto_decode_mark(const struct frame *untrusted, struct proto_mark *ret_mark)
{
	struct wire_reader r = payload_of(untrusted), value;
	struct proto_mark mark = { 0 };
	uint64_t kind;
	uint16_t number;

	mark.sequence = wire_take(&r, 8);
	mark.t_boot_ns = wire_take(&r, 8);
	mark.t_wall_ns = wire_take(&r, 8);
	kind = wire_take(&r, 4);
	mark.uid = wire_take(&r, 4);
	mark.begin = wire_take(&r, 8);
	if (r.overflow || mark.sequence == 0 || mark.sequence > INT64_MAX ||
	    mark.t_boot_ns > INT64_MAX || mark.begin >= mark.sequence || kind == 0)
		return -EBADMSG;
	/* A newer kind is still something that happened. */
	mark.kind = kind < PROTO_MARK_KINDS ? kind : PROTO_MARK_INSTANT;
	while (wire_take_field(&r, &number, &value)) {
		if (number == FIELD_LABEL)
			take_text(&value, mark.label, PROTO_LABEL_MAX);
		if (number == FIELD_STATUS) {
			mark.status = wire_take(&value, 4);
			mark.has |= PROTO_MARK_HAS_STATUS;
		}
		if (value.overflow)
			return -EBADMSG;
	}
	if (r.overflow)
		return -EBADMSG;
	*ret_mark = mark;
	return 0;
}

int proto_encode_gap(void *buf, size_t size, const struct proto_gap *gap)
{
	struct wire_writer w = frame_begin(buf, size);

	wire_put(&w, gap->from, 8);
	wire_put(&w, gap->to, 8);
	wire_put(&w, gap->from_t_boot_ns, 8);
	wire_put(&w, gap->to_t_boot_ns, 8);
	wire_put(&w, gap->count, 4);
	wire_put(&w, gap->cause, 4);
	if (gap->taken)
		put_number(&w, FIELD_GAP_TAKEN, gap->taken);
	return frame_end(&w, PROTO_VERSION, PROTO_GAP, 0);
}

int proto_decode_gap(const struct frame *untrusted, struct proto_gap *ret_gap)
{
	struct wire_reader r = payload_of(untrusted), value;
	struct proto_gap gap = { 0 };
	uint16_t number;

	gap.from = wire_take(&r, 8);
	gap.to = wire_take(&r, 8);
	gap.from_t_boot_ns = wire_take(&r, 8);
	gap.to_t_boot_ns = wire_take(&r, 8);
	gap.count = wire_take(&r, 4);
	gap.cause = wire_take(&r, 4);
	if (r.overflow || gap.from == 0 || gap.from > gap.to || gap.to > INT64_MAX ||
	    gap.from_t_boot_ns > gap.to_t_boot_ns || gap.to_t_boot_ns > INT64_MAX)
		return -EBADMSG;
	while (wire_take_field(&r, &number, &value)) {
		if (number == FIELD_GAP_TAKEN)
			gap.taken = wire_take(&value, 8);
		if (value.overflow)
			return -EBADMSG;
	}
	if (r.overflow)
		return -EBADMSG;
	*ret_gap = gap;
	return 0;
}
