/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a receiver reads out of a request. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/remote/remoteframe.h"
#include "daemon/remote/testrequest.h"
#include "guest-agent/shared/tap.h"

/* As a receiver does; freed with testrequest_free(). */
static Remote__WriteRequest *receive_some(struct remoteframe *frame, size_t from, size_t to)
{
	size_t len, raw_len, said;
	const uint8_t *bytes;

	if (remoteframe_encode(frame, from, to, &bytes, &len, &said) < 0 ||
	    snappy_uncompressed_length((const char *)bytes, len, &raw_len) != SNAPPY_OK || said != raw_len)
		return NULL;
	return testrequest_read(bytes, len);
}

static Remote__WriteRequest *receive(struct remoteframe *frame)
{
	return receive_some(frame, 0, remoteframe_samples(frame));
}

static bool is_label(const Remote__TimeSeries *series, size_t i, const char *name, const char *value)
{
	return i < series->n_labels && strcmp(series->labels[i]->name, name) == 0 &&
	       strcmp(series->labels[i]->value, value) == 0;
}

static bool is_sample(const Remote__TimeSeries *series, size_t i, double value, int64_t t_ms)
{
	return i < series->n_samples && series->samples[i]->value == value &&
	       series->samples[i]->timestamp == t_ms;
}

static void test_series(struct remoteframe *f)
{
	const struct remoteframe_label exits[] = {
		{ "vm", "a" }, { "__name__", "exits" }, { "host", "h" }, { "empty", "" },
	};
	const struct remoteframe_label away[] = { { "__name__", "away" }, { "vm", "a" } };
	Remote__WriteRequest *got;
	int a = remoteframe_series(f, exits, 4), b = remoteframe_series(f, away, 2);

	/* In turns, as ticks come. */
	ok(remoteframe_sample(f, a, 1, 1700000000000) == 0 &&
	   remoteframe_sample(f, b, 0.5, 1700000000000) == 0 &&
	   remoteframe_sample(f, a, 9007199254740992.0, 1700000001001) == 0 &&
	   remoteframe_samples(f) == 3, "three samples of two series");
	got = receive(f);
	if (!ok(got && got->n_timeseries == 2, "are read as two series"))
		return;
	ok(got->timeseries[0]->n_labels == 3 && is_label(got->timeseries[0], 0, "__name__", "exits") &&
	   is_label(got->timeseries[0], 1, "host", "h") && is_label(got->timeseries[0], 2, "vm", "a"),
	   "labels are sorted by name, an empty one is none");
	ok(got->timeseries[0]->n_samples == 2 && is_sample(got->timeseries[0], 0, 1, 1700000000000) &&
	   is_sample(got->timeseries[0], 1, 9007199254740992.0, 1700000001001),
	   "samples are with their series, in order, to the last bit");
	ok(got->timeseries[1]->n_samples == 1 && is_sample(got->timeseries[1], 0, 0.5, 1700000000000),
	   "and so the other's");
	testrequest_free(got);
}

static void test_clear(struct remoteframe *f)
{
	const struct remoteframe_label labels[] = { { "__name__", "x" } };
	Remote__WriteRequest *got;

	remoteframe_clear(f);
	ok(remoteframe_series(f, labels, 1) == 0 && remoteframe_sample(f, 0, 0, -5) == 0,
	   "begun anew, numbers begin anew");
	got = receive(f);
	ok(got && got->n_timeseries == 1 && got->timeseries[0]->n_samples == 1 &&
	   is_sample(got->timeseries[0], 0, 0, -5), "nothing of before is in it; zero is a value");
	testrequest_free(got);
}

static void test_part(struct remoteframe *f)
{
	const struct remoteframe_label labels[] = { { "__name__", "x" } };
	Remote__WriteRequest *got;

	remoteframe_clear(f);
	for (int i = 0; i < 6; i++) {
		if (i % 2 == 0)
			(void)remoteframe_series(f, labels, 1);
		(void)remoteframe_sample(f, i / 2, i, i);
	}
	got = receive_some(f, 3, 5);
	ok(got && got->n_timeseries == 2 && is_sample(got->timeseries[0], 0, 3, 3) &&
	   got->timeseries[0]->n_samples == 1 && is_sample(got->timeseries[1], 0, 4, 4) &&
	   got->timeseries[1]->n_samples == 1, "a part, without the series that have nothing in it");
	testrequest_free(got);
	remoteframe_cut(f, 9);
	remoteframe_cut(f, 1);
	got = receive(f);
	ok(got && got->n_timeseries == 1 && got->timeseries[0]->n_samples == 1, "what is cut off is not sent");
	testrequest_free(got);
}

static void test_text(struct remoteframe *f)
{
	static const char *const values[][2] = {
		{ "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7" },
		{ "\xff" "a\xc3", "?a?" },
		{ "\xc0\xaf\xed\xa0\x80", "?????" },
		{ "\xf4\x90\x80\x80\xe2\x82", "??????" },
		{ "a\nb\"c", "a\nb\"c" },
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		const struct remoteframe_label labels[] = { { "__name__", "x" }, { "name", values[i][0] } };
		Remote__WriteRequest *got;

		remoteframe_clear(f);
		(void)remoteframe_series(f, labels, 2);
		(void)remoteframe_sample(f, 0, 1, 1);
		got = receive(f);
		ok(got && is_label(got->timeseries[0], 1, "name", values[i][1]), "name %zu is UTF-8", i);
		testrequest_free(got);
	}
}

static void test_limits(struct remoteframe *f)
{
	struct remoteframe_label labels[REMOTEFRAME_LABELS_MAX + 1];
	char names[REMOTEFRAME_LABELS_MAX + 1][8];
	char *large = malloc(REMOTEFRAME_TEXT_MAX + 1);
	int r = 0, n = 0;

	for (int i = 0; i <= REMOTEFRAME_LABELS_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "l%02d", i);
		labels[i] = (struct remoteframe_label){ names[i], "v" };
	}
	remoteframe_clear(f);
	ok(remoteframe_series(f, labels, REMOTEFRAME_LABELS_MAX) == 0, "as many labels as there may be");
	ok(remoteframe_series(f, labels, REMOTEFRAME_LABELS_MAX + 1) == -EINVAL, "one more is refused");
	if (large) {
		memset(large, 'a', REMOTEFRAME_TEXT_MAX);
		large[REMOTEFRAME_TEXT_MAX] = '\0';
		labels[0].value = large;
	}
	ok(large && remoteframe_series(f, labels, 1) == -ENOBUFS, "so is a text without an end");
	free(large);
	while ((r = remoteframe_sample(f, 0, n, n)) == 0)
		n++;
	ok(r == -ENOBUFS && n == REMOTEFRAME_SAMPLES_MAX, "samples have a bound");
	labels[0].value = "v";
	for (n = 1; (r = remoteframe_series(f, labels, 1)) == n;)
		n++;
	ok(r == -ENOBUFS && n == REMOTEFRAME_SERIES_MAX, "and series");
}

static void test_equal(struct remoteframe *f)
{
	const struct remoteframe_label labels[] = { { "__name__", "x" }, { "vm", "a" } };
	uint8_t first[4096];
	const uint8_t *bytes;
	size_t len = 0, first_len = 0;

	for (int turn = 0; turn < 2; turn++) {
		remoteframe_clear(f);
		(void)remoteframe_series(f, labels, 2);
		for (int i = 0; i < 100; i++)
			(void)remoteframe_sample(f, 0, i * 0.1, i * 1000);
		(void)remoteframe_encode(f, 0, remoteframe_samples(f), &bytes, &len, NULL);
		if (turn == 0 && len <= sizeof(first)) {
			memcpy(first, bytes, len);
			first_len = len;
		}
	}
	ok(len > 0 && len == first_len && memcmp(first, bytes, len) == 0, "the same makes the same bytes");
}

int main(void)
{
	struct remoteframe *frame;

	if (remoteframe_new(&frame) < 0)
		return 1;
	test_series(frame);
	test_clear(frame);
	test_part(frame);
	test_text(frame);
	test_limits(frame);
	test_equal(frame);
	remoteframe_free(frame);
	return done_testing();
}
