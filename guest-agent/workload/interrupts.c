/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/workload/interrupts.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "guest-agent/shared/detail.h"

void interrupts_init(struct interrupts *interrupts)
{
	interrupts->fd = -1;
}

void interrupts_done(struct interrupts *interrupts)
{
	lines_close(&interrupts->fd);
}

static void begin_line(struct interrupts *in)
{
	in->part = INTERRUPTS_LABEL;
	in->in_word = false;
	in->counts = 0;
	in->number = in->sum = 0;
	in->len = 0;
	in->label[0] = in->text[0] = '\0';
}

void interrupts_begin(struct interrupts *in)
{
	in->header = true;
	in->cpus = 0;
	in->sources = 0;
	begin_line(in);
}

/*
 * "PCI-MSI 524288-edge      virtio0-input.0": chip, input, what uses it. Input may be
 * missing, or "5-edge", "5", "-edge".
 */
static const char *name_of(const struct interrupts *in)
{
	const char *p = in->text;

	/* Local interrupts and errors have their label alone. */
	if (!isdigit((unsigned char)in->label[0]))
		return in->label;
	p += strcspn(p, " ");
	p += strspn(p, " ");
	if (isdigit((unsigned char)*p) || *p == '-') {
		p += strcspn(p, " ");
		p += strspn(p, " ");
	}
	return *p ? p : in->label;
}

static struct interrupts_source *smallest(struct interrupts *in)
{
	struct interrupts_source *least = &in->source[0];

	for (size_t i = 1; i < in->sources; i++) {
		if (in->source[i].count < least->count)
			least = &in->source[i];
	}
	return least;
}

static void keep(struct interrupts *in, const char *name, uint64_t count)
{
	struct interrupts_source *source;

	for (size_t i = 0; i < in->sources; i++) {
		source = &in->source[i];
		if (strncmp(source->name, name, INTERRUPTS_NAME_MAX) == 0) {
			source->count += count;
			return;
		}
	}
	if (in->sources < INTERRUPTS_KEPT) {
		source = &in->source[in->sources++];
	} else {
		source = smallest(in);
		if (source->count >= count)
			return;
	}
	source->count = count;
	memset(source->name, 0, sizeof(source->name));
	memcpy(source->name, name, strnlen(name, INTERRUPTS_NAME_MAX));
}

static void end_line(struct interrupts *in)
{
	char *end = in->text + strlen(in->text);

	while (end > in->text && end[-1] == ' ')
		*--end = '\0';
	if (in->header)
		in->header = false;
	else if (in->part != INTERRUPTS_LABEL && in->sum)
		keep(in, name_of(in), in->sum);
	begin_line(in);
}

static void append(char *text, size_t size, size_t *len, char c)
{
	if (*len + 1 < size) {
		text[(*len)++] = c;
		text[*len] = '\0';
	}
}

static void feed_header(struct interrupts *in, char c)
{
	if (c != ' ' && !in->in_word)
		in->cpus++;
	in->in_word = c != ' ';
}

static void feed_label(struct interrupts *in, char c)
{
	if (c == ':') {
		in->part = INTERRUPTS_COUNTS;
		in->len = 0;
	} else if (c != ' ') {
		append(in->label, sizeof(in->label), &in->len, c);
	}
}

static void feed_text(struct interrupts *in, char c)
{
	if (in->len || c != ' ')
		append(in->text, sizeof(in->text), &in->len, c);
}

static void feed_counts(struct interrupts *in, char c)
{
	if (isdigit((unsigned char)c) && in->counts < in->cpus) {
		in->number = in->number * 10 + (c - '0');
		in->in_word = true;
		return;
	}
	if (in->in_word) {
		in->sum += in->number;
		in->number = 0;
		in->counts++;
		in->in_word = false;
	}
	if (c != ' ') {
		in->part = INTERRUPTS_TEXT;
		feed_text(in, c);
	}
}

void interrupts_feed(struct interrupts *in, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '\n') {
			/* What ends a count ends it here too. */
			if (in->part == INTERRUPTS_COUNTS)
				feed_counts(in, ' ');
			end_line(in);
		} else if (in->header) {
			feed_header(in, c);
		} else if (in->part == INTERRUPTS_LABEL) {
			feed_label(in, c);
		} else if (in->part == INTERRUPTS_COUNTS) {
			feed_counts(in, c);
		} else {
			feed_text(in, c);
		}
	}
}

static bool precedes(const struct interrupts_source *a, const struct interrupts_source *b)
{
	return a->count != b->count ? a->count > b->count : strcmp(a->name, b->name) < 0;
}

/* By insertion: qsort() may allocate. */
void interrupts_sort(struct interrupts *in)
{
	for (size_t i = 1; i < in->sources; i++) {
		struct interrupts_source moved = in->source[i];
		size_t j = i;

		for (; j > 0 && precedes(&moved, &in->source[j - 1]); j--)
			in->source[j] = in->source[j - 1];
		in->source[j] = moved;
	}
}

static int read_table(struct interrupts *in, struct lines_buffer *buffer)
{
	off_t at = 0;
	ssize_t n;

	interrupts_begin(in);
	do {
		n = pread(in->fd, buffer->text, sizeof(buffer->text), at);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			interrupts_feed(in, buffer->text, n);
			at += n;
		}
	} while (n != 0);
	interrupts_feed(in, "\n", 1);
	interrupts_sort(in);
	return 0;
}

void interrupts_put(struct interrupts *in, const char *root, struct lines_buffer *buffer,
		    size_t max, struct wire_writer *detail)
{
	struct detail_entry entry = { 0 };
	size_t began;

	if (lines_open(&in->fd, root, "interrupts") < 0)
		return;
	if (read_table(in, buffer) < 0) {
		lines_close(&in->fd);
		return;
	}
	began = detail_begin(detail, DETAIL_INTERRUPTS);
	for (size_t i = 0; i < in->sources && i < max; i++) {
		entry.value = in->source[i].count;
		entry.name = in->source[i].name;
		entry.name_len = strlen(entry.name);
		(void)detail_add(detail, DETAIL_INTERRUPTS, &entry);
	}
	detail_end(detail, began);
}
