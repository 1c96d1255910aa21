/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random histories of the link and a daemon: the connection breaks at any byte,
 * noticed or not, either side is killed, the ring overflows. In the end each
 * sequence that was ever added is committed exactly once or lies in exactly one
 * committed gap, whose count is known; but for those that died with their agent.
 *
 * The port and the clock are the test's: no time passes and nothing sleeps.
 */
#include "guest-agent/link/link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest-agent/sampler.h"
#include "guest-agent/shared/tap.h"

#define ITEMS 2048			/* of a history */
#define PIPE 20000
#define GAPS 512

struct pipe {
	uint8_t bytes[PIPE];
	size_t len;
};

struct item {
	enum proto_type type;
	uint64_t from, to;		/* the same but for a gap */
	uint32_t count;			/* samples that it stands for */
	bool orphan;			/* its agent was killed before it was committed */
	unsigned int committed;
};

/* Everything but the link; zeroed for each history. */
static struct {
	uint64_t now_ns;
	struct item items[ITEMS];	/* that the agent has added, ascending */
	size_t count;
	uint64_t taken;			/* samples, by the present agent */

	/* The port. */
	bool connected;			/* a daemon holds the host's side */
	bool edge;			/* the agent has not seen that yet */
	struct pipe up, down;		/* to the daemon, to the agent */

	/* The daemon's process, and what it has on disk. */
	bool running, introduced;
	bool old;			/* one of version 1 was there: it does not count */
	uint16_t version;
	uint64_t last, committed;
	uint64_t counted, counted_committed;	/* of its samples, those that are accounted for */
	struct frame_decoder decoder;
	struct item pending[ITEMS];
	size_t pending_count;
	struct proto_gap gaps[GAPS];
	size_t gap_count;
	const char *wrong;
} w;

static struct port port;
static struct link link_;
static uint64_t seed;

static unsigned int roll(unsigned int sides)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (seed >> 33) % sides;
}

static void wrong(const char *what)
{
	if (!w.wrong)
		w.wrong = what;
}

/* ---- what the link is built on ---- */

uint64_t sampler_boot_ns(void)
{
	return w.now_ns;
}

uint64_t sampler_wall_ns(void)
{
	return 1700000000000000000ULL + w.now_ns;
}

bool port_check(struct port *p)
{
	bool edge = w.edge;

	p->connected = w.connected;
	w.edge = false;
	return edge && w.connected;
}

ssize_t port_read(struct port *p, void *buf, size_t size)
{
	size_t n = size < w.down.len ? size : w.down.len;

	if (!p->connected || !w.connected)
		return -ENOTCONN;
	if (n == 0)
		return -EAGAIN;
	n = 1 + roll(n);
	memcpy(buf, w.down.bytes, n);
	memmove(w.down.bytes, w.down.bytes + n, w.down.len -= n);
	return n;
}

ssize_t port_write(struct port *p, const void *buf, size_t size)
{
	size_t room = PIPE - w.up.len;

	if (!p->connected || !w.connected)
		return -ENOTCONN;
	if (room < size && roll(2))
		return -EAGAIN;
	if (room < size || roll(8) == 0)
		size = room && size ? roll(size < room ? size : room) : 0;
	if (size == 0)
		return -EAGAIN;
	memcpy(w.up.bytes + w.up.len, buf, size);
	w.up.len += size;
	return size;
}

/* ---- the daemon ---- */

static void say(const uint8_t *frame, int len)
{
	/* A daemon does not wait for its guest either. */
	if (!w.connected || len > (int)(PIPE - w.down.len))
		return;
	memcpy(w.down.bytes + w.down.len, frame, len);
	w.down.len += len;
}

static void call(void)
{
	uint8_t buf[PROTO_ENCODED_MAX];

	say(buf, proto_encode_call(buf, sizeof(buf)));
}

static void on_hello(const struct frame *frame)
{
	struct proto_welcome welcome = { .version = w.version, .committed = w.committed };
	struct proto_hello hello;
	uint8_t buf[PROTO_ENCODED_MAX];

	if (proto_decode_hello(frame, &hello) < 0)
		return wrong("a hello cannot be decoded");
	w.introduced = true;
	if (hello.started > w.last)
		w.counted = 0;
	say(buf, proto_encode_welcome(buf, sizeof(buf), &welcome));
}

/*
 * Everything behind the last is new; what is not is a duplicate. @taken of the agent's
 * samples are accounted for by it and what was before it.
 */
static void receive(enum proto_type type, uint64_t from, uint64_t to, uint64_t taken)
{
	uint32_t count = taken - w.counted;

	if (to <= w.last)
		return;
	if (!w.old && (taken < w.counted || (type != PROTO_GAP && count > 1)))
		wrong("samples are missing without a gap");
	if (from <= w.last)
		from = w.last + 1;
	w.last = to;
	w.counted = taken;
	w.pending[w.pending_count++] =
		(struct item){ .type = type, .from = from, .to = to, .count = count };
}

static void on_item(const struct frame *frame)
{
	struct sample sample;
	struct proto_mark mark;
	struct proto_gap gap;

	if (frame->type != PROTO_SAMPLE && w.version < 2)
		return wrong("a daemon of version 1 got what it does not know");
	if (frame->type == PROTO_SAMPLE && proto_decode_sample(frame, &sample) == 0 &&
	    sample.exits == 7 * sample.sequence)
		receive(PROTO_SAMPLE, sample.sequence, sample.sequence, sample.taken);
	else if (frame->type == PROTO_MARK && proto_decode_mark(frame, &mark) == 0)
		receive(PROTO_MARK, mark.sequence, mark.sequence, w.counted);
	else if (frame->type == PROTO_GAP && proto_decode_gap(frame, &gap) == 0)
		receive(PROTO_GAP, gap.from, gap.to, gap.taken ? gap.taken : w.counted);
	else
		wrong("a frame is not what was sent");
}

static void daemon_reads(void)
{
	struct frame frame;
	size_t size, n = w.up.len ? 1 + roll(w.up.len) : 0;
	uint8_t *space;

	if (!w.running || !w.connected)
		return;
	space = frame_decoder_space(&w.decoder, &size);
	n = n < size ? n : size;
	memcpy(space, w.up.bytes, n);
	memmove(w.up.bytes, w.up.bytes + n, w.up.len -= n);
	frame_decoder_added(&w.decoder, n);
	while (frame_decoder_next(&w.decoder, &frame)) {
		if (frame.type == PROTO_HELLO)
			on_hello(&frame);
		else if (w.introduced)
			on_item(&frame);
		else if (roll(4) == 0)
			call();
	}
}

static struct item *item_with(uint64_t sequence)
{
	for (size_t i = w.count; i-- > 0;) {
		if (w.items[i].from <= sequence && sequence <= w.items[i].to)
			return &w.items[i];
	}
	return NULL;
}

/* How many samples the items between stand for. */
static uint32_t samples_between(uint64_t from, uint64_t to)
{
	uint32_t count = 0;

	for (size_t i = 0; i < w.count; i++) {
		if (w.items[i].from >= from && w.items[i].to <= to)
			count += w.items[i].count;
	}
	return count;
}

static void commit_gap(const struct item *gap)
{
	for (size_t i = 0; i < w.count; i++) {
		struct item *item = &w.items[i];

		/* One that is cut in two counts when its end comes. */
		if (item->to >= gap->from && item->to <= gap->to)
			item->committed++;
		if (item->type != PROTO_GAP && item->from >= gap->from && item->to <= gap->to &&
		    item->committed > 1)
			wrong("a gap covers what was committed");
	}
	if (!w.old && gap->count != samples_between(gap->from, gap->to))
		wrong("a gap counts other samples than it covers");
	for (size_t i = 0; i < w.gap_count; i++) {
		if (w.gaps[i].from <= gap->to && gap->from <= w.gaps[i].to)
			wrong("two gaps overlap");
	}
	if (w.gap_count < GAPS)
		w.gaps[w.gap_count++] = (struct proto_gap){ .from = gap->from, .to = gap->to };
}

static void daemon_commits(void)
{
	struct proto_ack ack = { .committed = w.last };
	uint8_t buf[PROTO_ENCODED_MAX];

	if (!w.running || w.pending_count == 0)
		return;
	for (size_t i = 0; i < w.pending_count; i++) {
		struct item *item = item_with(w.pending[i].to);

		if (w.pending[i].type == PROTO_GAP)
			commit_gap(&w.pending[i]);
		else if (!item || item->type != w.pending[i].type || item->committed++)
			wrong("committed twice, or never added");
	}
	w.pending_count = 0;
	w.committed = w.last;
	w.counted_committed = w.counted;
	if (roll(10))
		say(buf, proto_encode_ack(buf, sizeof(buf), &ack));
}

/* ---- what happens to them ---- */

/* What was on its way is lost, from some byte on. */
static void cut(bool noticed)
{
	if (!w.connected)
		return;
	w.up.len = roll(w.up.len + 1);
	daemon_reads();
	w.up.len = 0;
	w.down.len = roll(w.down.len + 1);
	w.connected = w.introduced = false;
	memset(&w.decoder, 0, sizeof(w.decoder));
	if (noticed)
		link_service(&link_);
}

static void daemon_connects(void)
{
	if (!w.running || w.connected)
		return;
	/* A port shows no change if the next is there before anyone looked. */
	w.edge = !port.connected || roll(2);
	w.connected = true;
	call();
}

static void daemon_dies(void)
{
	cut(roll(2));
	w.running = false;
	w.pending_count = 0;
	w.last = w.committed;
	w.counted = w.counted_committed;
}

static void daemon_starts(uint16_t version)
{
	w.running = true;
	w.version = version;
	w.old |= version < 2;
	daemon_connects();
}

static void agent_starts(size_t ring_size)
{
	struct proto_hello hello = { .version_min = 1, .version_max = 2, .agent = "test",
				     .has = PROTO_HELLO_HAS_AGENT, .started = w.now_ns / 1000 };

	w.taken = 0;
	port = (struct port){ .fd = -1, .listen_fd = -1 };
	if (link_init(&link_, &port, &hello, ring_size) < 0)
		abort();
	w.edge = w.connected;
}

static void agent_dies(size_t ring_size)
{
	for (size_t i = 0; i < w.count; i++)
		w.items[i].orphan |= !w.items[i].committed;
	link_done(&link_);
	/* The kernel closes the port, and what the host had for it is gone. */
	w.down.len = 0;
	w.now_ns += 1000000;
	agent_starts(ring_size);
}

static void note(enum proto_type type, uint64_t from, uint64_t to, uint32_t count)
{
	w.items[w.count++] =
		(struct item){ .type = type, .from = from, .to = to, .count = count };
}

static void add_sample(unsigned int max)
{
	/* A list of a number that nobody knows, as long as that of some guest. */
	static uint8_t lists[FRAME_PAYLOAD_MAX];
	struct wire_writer writer = { .buf = lists, .size = sizeof(lists) };
	struct sample sample = { .t_boot_ns = w.now_ns, .has = SAMPLE_HAS_EXITS | SAMPLE_HAS_TAKEN };

	wire_put_field(&writer, 200, roll(max));
	sample.detail = lists;
	sample.detail_len = writer.len + wire_get_le(lists + 2, 2);
	sample.taken = ++w.taken;
	sample.exits = 7 * (sample.t_boot_ns / 1000);
	link_add_sample(&link_, &sample, roll(2));
	note(PROTO_SAMPLE, sample.sequence, sample.sequence, 1);
}

static void add_item(unsigned int max)
{
	struct proto_mark mark = { .kind = PROTO_MARK_INSTANT, .label = "x" };
	struct proto_gap gap = { .cause = roll(2) ? PROTO_GAP_MISSED : PROTO_GAP_MOVED,
				 .count = 1 + roll(3) };
	uint64_t before = link_.last;

	w.now_ns += roll(4) ? 1000000 : 50000000;
	switch (roll(8)) {
	case 0:
		link_add_mark(&link_, &mark, true);
		note(PROTO_MARK, mark.sequence, mark.sequence, 0);
		break;
	case 1:
		gap.to = w.now_ns / 1000 - 1;
		gap.from = gap.to - roll(500);
		gap.to_t_boot_ns = 1000 * gap.to;
		gap.from_t_boot_ns = 1000 * gap.from;
		gap.taken = w.taken + (gap.cause == PROTO_GAP_MISSED ? 0 : gap.count);
		link_add_gap(&link_, &gap);
		if (link_.last > before)
			w.taken = gap.taken;
		if (link_.last > before)
			note(PROTO_GAP, gap.from > before ? gap.from : before + 1, gap.to,
			     gap.cause == PROTO_GAP_MISSED ? 0 : gap.count);
		break;
	default:
		add_sample(max);
	}
}

struct kind {
	const char *name;
	size_t ring_size;
	unsigned int sample_max;
	bool kills, old_daemons;
};

static void step(const struct kind *kind)
{
	switch (roll(24)) {
	case 0:
		cut(roll(2));
		break;
	case 1: case 2:
		daemon_connects();
		break;
	case 3:
		if (kind->kills && roll(3) == 0)
			daemon_dies();
		break;
	case 4:
		if (!w.running)
			daemon_starts(kind->old_daemons && roll(2) ? 1 : 2);
		break;
	case 5: case 6:
		daemon_commits();
		break;
	case 7:
		if (kind->kills && roll(20) == 0)
			agent_dies(kind->ring_size);
		break;
	case 8: case 9: case 10: case 11: case 12:
		daemon_reads();
		break;
	case 13: case 14: case 15:
		link_service(&link_);
		break;
	default:
		add_item(kind->sample_max);
	}
}

/* The rest of the world is well: until the agent keeps nothing. */
static void finish(const struct kind *kind)
{
	for (int i = 0; i < 2000 && (link_.ring.count || link_.ring.has_gap || i == 0); i++) {
		/* An acknowledgement may be lost; the next covers it. */
		if (i % 100 == 0) {
			w.now_ns += 3000000000;
			add_sample(kind->sample_max);
		}
		if (!w.running)
			daemon_starts(2);
		daemon_connects();
		link_service(&link_);
		daemon_reads();
		daemon_commits();
		w.now_ns += 100000000;
	}
	if (link_.ring.count || link_.ring.has_gap)
		wrong("the agent still keeps something");
}

static void check(const struct kind *kind)
{
	size_t missing = 0;

	for (size_t i = 0; i < w.count; i++) {
		const struct item *item = &w.items[i];

		if (item->committed > 1)
			wrong("committed twice");
		if (item->committed || item->orphan)
			continue;
		missing++;
		if (!kind->old_daemons)
			wrong("neither committed nor in a gap");
	}
	/* What version 1 cannot say is lost without a word, but nothing else is. */
	for (size_t i = 0; i < w.count; i++)
		missing -= !w.items[i].orphan && !w.items[i].committed && w.items[i].type != PROTO_SAMPLE;
	if (missing > link_.ring.dropped)
		wrong("a sample is lost that was never dropped");
}

/* True if the history is as it should be; counts those that had to drop samples. */
static bool history(const struct kind *kind, uint64_t number, size_t *dropping)
{
	unsigned int steps = 100 + number % 400;

	seed = number * 2654435761u + 1;
	memset(&w, 0, sizeof(w));
	w.now_ns = 1000000000;
	agent_starts(kind->ring_size);
	for (unsigned int i = 0; i < steps; i++)
		step(kind);
	finish(kind);
	check(kind);
	if (link_.ring.dropped)
		++*dropping;
	if (kind->ring_size > RING_SIZE_MIN && link_.ring.dropped)
		wrong("a ring that is large enough dropped something");
	link_done(&link_);
	if (w.wrong)
		printf("# %s, history %" PRIu64 ": %s\n", kind->name, number, w.wrong);
	return !w.wrong;
}

int main(void)
{
	/* In 500 steps there are never more than 500 samples of a kilobyte. */
	static const struct kind kinds[] = {
		{ "large ring", 1 << 20, 1000, false, false },
		{ "large ring, kills", 1 << 20, 1000, true, false },
		{ "small ring", RING_SIZE_MIN, 8000, false, false },
		{ "small ring, kills", RING_SIZE_MIN, 8000, true, false },
		{ "old daemons", RING_SIZE_MIN, 8000, true, true },
	};
	uint64_t histories = getenv("VMEXIT_LONG") ? 100000 : 2500;

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		size_t good = 0, dropping = 0;

		for (uint64_t n = 0; n < histories; n++)
			good += history(&kinds[k], n, &dropping);
		ok(good == histories, "%s: %" PRIu64 " histories, %zu of them good", kinds[k].name,
		   histories, good);
		if (kinds[k].ring_size == RING_SIZE_MIN)
			ok(dropping > histories / 4, "in %zu of them the ring overflowed", dropping);
		else
			ok(dropping == 0, "in none of them anything was dropped");
	}
	return done_testing();
}
