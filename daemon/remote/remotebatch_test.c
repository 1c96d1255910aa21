/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes of stored samples: names, labels, timestamps, and the zeros where counters begin. */
#include <errno.h>

#include "daemon/remote/remotebatch.h"
#include "daemon/remote/testrequest.h"
#include "daemon/store/testsample.h"
#include "guest-agent/shared/tap.h"

#define MS 1000000LL
#define T0_MS 1763874000000LL

static char text[1 << 18];
static struct remotebatch *batch;
static struct boot boot;
static struct remotestream stream;

static void begin(enum boot_cause cause, const struct sent_at *at)
{
	boot = (struct boot){
		.number = 2, .cause = cause, .opened_ns = T0_MS * MS, .tsc_khz = 1000000, .life = "life/1",
		.reason_namespace = 1,
	};
	remotestream_done(&stream);
	remotestream_init(&stream, 1, SOURCE_GUEST, at);
	snprintf(stream.key, sizeof(stream.key), "key");
	snprintf(stream.name, sizeof(stream.name), "name");
	remotebatch_clear(batch);
}

static struct row_pair pair_of(struct sample *sample, int64_t t_ms)
{
	sample->t_wall_ns = (T0_MS + t_ms) * MS;
	return (struct row_pair){
		.row = { .boot = &boot, .source = stream.source, .sample = *sample }, .exits = sample->exits,
	};
}

/* A sample with exits of HLT and, above 0, of EPT violations. */
static int add(uint64_t sequence, int64_t t_ms, uint64_t hlt, uint64_t ept)
{
	const struct testsample_reason reasons[] = { { 12, hlt, 0, 0 }, { 48, ept, 0, 0 } };
	struct sample sample = testsample(sequence, hlt + ept);
	struct row_pair pair;

	testsample_reasons(&sample, reasons, ept ? 2 : 1);
	pair = pair_of(&sample, t_ms);
	return remotebatch_add(batch, &stream, &pair);
}

static int add_before(uint64_t sequence, int64_t t_ms, uint64_t hlt)
{
	const struct testsample_reason reasons[] = { { 12, hlt, 0, 0 } };
	struct sample sample = testsample(sequence, hlt);
	struct row_pair pair;

	testsample_reasons(&sample, reasons, 1);
	pair = pair_of(&sample, t_ms);
	return remotebatch_add_before(batch, &stream, &pair);
}

/* The samples of the series that has @labels in it, times since T0_MS. */
static const char *samples_of(const char *labels)
{
	static char out[4096];
	struct remoteframe *frame = remotebatch_frame(batch);
	const uint8_t *bytes;
	Remote__WriteRequest *request;
	size_t len;
	FILE *f = fmemopen(out, sizeof(out), "w");

	out[0] = '\0';
	if (!f || remoteframe_encode(frame, 0, remoteframe_samples(frame), &bytes, &len, NULL) < 0)
		return "";
	request = testrequest_read(bytes, len);
	for (size_t i = 0; request && i < request->n_timeseries; i++) {
		const Remote__TimeSeries *s = request->timeseries[i];
		const Remote__WriteRequest one = { .n_timeseries = 1, .timeseries = &request->timeseries[i] };

		if (!strstr(testrequest_print(&one, text, sizeof(text)), labels))
			continue;
		for (size_t k = 0; k < s->n_samples; k++)
			fprintf(f, "%s%.17g@%lld", k ? " " : "", s->samples[k]->value,
				(long long)(s->samples[k]->timestamp - T0_MS));
	}
	testrequest_free(request);
	fclose(f);
	return out;
}

static void is(const char *labels, const char *wanted, const char *what)
{
	const char *got = samples_of(labels);

	ok(strcmp(got, wanted) == 0, "%s: %s", what, got);
}

#define EXITS "__name__=vmexit_exits_total "
#define HLT "__name__=vmexit_reason_exits_total dc=north host=h name=name reason=HLT source=guest vm=key "
#define EPT "__name__=vmexit_reason_exits_total dc=north host=h name=name reason=EPT_VIOLATION source=guest vm=key "

static void test_found(void)
{
	begin(BOOT_FOUND, &(struct sent_at){ 0 });
	ok(add(10, 1000, 700, 0) == 0 && add(20, 2000, 800, 5) == 0 && add(30, 3000, 900, 6) == 0, "three samples");
	is(EXITS, "700@1000 805@2000 906@3000", "nobody knows when a boot that was found began");
	is(HLT, "700@1000 800@2000 900@3000", "labels are sorted, and all there");
	is(EPT, "0@1000 5@2000 6@3000", "a reason that is new was zero in the list before");
	ok(stream.read.sequence == 30 && stream.read.t_ms == T0_MS + 3000 && stream.taken.sequence == 0,
	   "read, not taken");
}

static void test_created(void)
{
	begin(BOOT_CREATED, &(struct sent_at){ 1, 99, T0_MS - 5000 });
	ok(add(10, 1000, 700, 3) == 0 && add(20, 2000, 800, 5) == 0, "a VM that was created");
	is(EXITS, "0@0 703@1000 805@2000", "begins at zero when it was");
	is(EPT, "0@0 3@1000 5@2000", "with all its reasons");
	is("__name__=vmexit_boot_exits ", "703@1000 805@2000", "a level does not");
	begin(BOOT_CREATED, &(struct sent_at){ 1, 99, T0_MS + 500 });
	(void)add(10, 1000, 700, 0);
	is(EXITS, "0@501 700@1000", "but behind what was sent before");
	begin(BOOT_CREATED, &(struct sent_at){ 1, 99, T0_MS + 1000 });
	(void)add(10, 1000, 700, 0);
	(void)add(20, 1001, 701, 0);
	(void)add(30, 2000, 702, 0);
	is(EXITS, "0@1001 700@1002 701@1003 702@2000", "which moves the sample if it must");
	begin(BOOT_CREATED, &(struct sent_at){ 0 });
	(void)add(10, -20, 700, 0);
	is(EXITS, "0@-21 700@-20", "and before a sample that was earlier than that");
	begin(BOOT_CREATED, &(struct sent_at){ 2, 5, T0_MS + 500 });
	(void)add(10, 1000, 700, 0);
	is(EXITS, "700@1000", "in the midst of a boot nothing begins");
}

static void test_reboot(void)
{
	struct sample sample = testsample(10, 700);
	struct row_pair pair;

	begin(BOOT_FOUND, &(struct sent_at){ 2, 5, T0_MS });
	(void)add(6, 100, 10, 0);
	boot.number = 3;
	boot.cause = BOOT_REBOOT;
	boot.opened_ns = (T0_MS + 500) * MS;
	sample.has |= SAMPLE_HAS_AGENT;
	sample.agent_exits = 9;
	pair = pair_of(&sample, 1000);
	ok(remotebatch_add(batch, &stream, &pair) == 0 && add(20, 2000, 800, 7) == 0, "a reboot");
	is(EXITS, "10@100 700@1000 807@2000", "goes on with the VM's counters");
	is("__name__=vmexit_agent_exits_total ", "0@500 9@1000", "the guest's own begin anew");
	is(EPT, "0@100 7@2000", "and its reasons are those of the same VM");
	begin(BOOT_FOUND, &(struct sent_at){ 2, 5, T0_MS });
	(void)add(6, 100, 10, 0);
	boot.number = 3;
	boot.cause = BOOT_RESUMED;
	snprintf(boot.life, sizeof(boot.life), "life/2");
	(void)add(20, 2000, 800, 7);
	is(EPT, "7@2000", "of another VM nobody knows what was before");
}

static void test_before(void)
{
	begin(BOOT_FOUND, &(struct sent_at){ 2, 10, T0_MS + 1000 });
	ok(add_before(10, 1000, 700) == 0 && add(20, 2000, 800, 5) == 0, "after a restart, with the one before");
	is(EPT, "0@1000 5@2000", "a new reason is told as it would have been");
	is(HLT, "800@2000", "and one that was there is not new");
	remotestream_rewind(&stream, true);
	remotebatch_clear(batch);
	ok(add_before(10, 1000, 700) == 0 && add(20, 2000, 800, 5) == 0, "sent again");
	is(EPT, "0@1000 5@2000", "it is the same");
	begin(BOOT_FOUND, &(struct sent_at){ 2, 10, T0_MS + 1000 });
	(void)add(20, 2000, 800, 5);
	is(EPT, "5@2000", "without the one before nobody knows");
}

static void test_invented(void)
{
	struct testsample_reason reasons[200];
	struct sample sample = testsample(10, 1);
	struct row_pair pair;

	begin(BOOT_FOUND, &(struct sent_at){ 0 });
	for (uint32_t i = 0; i < 200; i++)
		reasons[i] = (struct testsample_reason){ 100000 + i, 1, 0, 0 };
	testsample_reasons(&sample, reasons, 200);
	pair = pair_of(&sample, 0);
	ok(remotebatch_add(batch, &stream, &pair) == 0, "a guest with reasons of its own");
	is("reason=other", "200@0", "makes one series of them");
}

static void test_resolution(void)
{
	const struct remotebatch_settings settings = { .host = "h", .resolution_ms = 500 };
	const struct remotebatch_row *rows;
	struct remotebatch *all = batch;
	size_t count;

	if (remotebatch_new(&settings, &batch) < 0)
		return;
	begin(BOOT_CREATED, &(struct sent_at){ 0 });
	for (int i = 1; i <= 12; i++)
		(void)add(i, 100 * i, i, i > 6 ? i : 0);
	rows = remotebatch_rows(batch, &count);
	is(EXITS, "0@0 4@400 18@900 24@1200", "the last of each half second goes");
	is("reason=EPT_VIOLATION", "0@600 9@900 12@1200", "a zero of one that does not go stays");
	ok(count == 3 && rows[0].samples == 4 && rows[1].samples == 5 && rows[2].samples == 3 &&
	   rows[2].at.sequence == 12 && rows[0].from == 0 && rows[1].from == rows[0].to &&
	   rows[2].to == remoteframe_samples(remotebatch_frame(batch)), "and stands for all");
	remotebatch_free(batch);
	batch = all;
}

/* Not every sample has its list, and the last one of a VM would never be sent. */
static void test_without_list(void)
{
	const struct remotebatch_settings settings = { .host = "h", .resolution_ms = 500 };
	struct sample sample = testsample(30, 907);
	struct remotebatch *all = batch;
	struct row_pair pair;

	if (remotebatch_new(&settings, &batch) < 0)
		return;
	begin(BOOT_FOUND, &(struct sent_at){ 0 });
	(void)add(10, 1000, 700, 5);
	(void)add(20, 1100, 800, 6);
	pair = pair_of(&sample, 1200);
	(void)remotebatch_add(batch, &stream, &pair);
	is("vmexit_exits_total", "806@1100 907@1200", "a sample without a list does not stand for one with it");
	is("reason=EPT", "6@1100", "whose reasons are sent");
	remotebatch_free(batch);
	batch = all;
}

static void test_full(void)
{
	uint64_t n = 0;

	begin(BOOT_FOUND, &(struct sent_at){ 0 });
	while (!remotebatch_is_full(batch) && add(n + 1, n * 1000, n, n) == 0)
		n++;
	ok(remotebatch_is_full(batch) && n > 5000 &&
	   remoteframe_samples(remotebatch_frame(batch)) <= REMOTEFRAME_SAMPLES_MAX,
	   "%llu samples fill a request", (unsigned long long)n);
	remotebatch_clear(batch);
	ok(!remotebatch_is_full(batch), "which is cleared");
}

static void test_own(void)
{
	begin(BOOT_FOUND, &(struct sent_at){ 0 });
	ok(remotebatch_add_own(batch, METRICS_REMOTE_LAG, NULL, 2.5, T0_MS + 7) == 0, "vmexitd's own");
	is("__name__=vmexit_remote_write_lag_seconds dc=north host=h 2.5@", "2.5@7", "and no VM");
}

int main(void)
{
	const struct remotebatch_settings settings = {
		.host = "h", .labels = { { "dc", "north" } }, .labels_count = 1,
	};

	if (remotebatch_new(&settings, &batch) < 0)
		return 1;
	test_found();
	test_created();
	test_reboot();
	test_before();
	test_invented();
	test_resolution();
	test_without_list();
	test_full();
	test_own();
	remotestream_done(&stream);
	remotebatch_free(batch);
	return done_testing();
}
