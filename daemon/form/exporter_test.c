/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a store has been given, in every form of an export, whole and in parts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/form/exporter.h"
#include "daemon/query/exportevents.h"
#include "daemon/store/store.h"
#include "daemon/store/testsample.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/reason.h"
#include "guest-agent/shared/tap.h"

#define S 1000000000LL
#define T0 (1763874000 * S)
#define SAMPLES 3000

static char dir[] = "/tmp/vmexit-exporter-XXXXXX";
static char path[64];

/* A list of one process and one unit behind the reasons. */
static void add_names(struct sample *sample, const char *name)
{
	static uint8_t buf[8192];
	struct wire_writer w = { .buf = buf, .size = sizeof(buf) };
	struct detail_entry entry = { .id = 77, .value = 1234, .name = name,
				      .name_len = strlen(name) };
	size_t began;

	wire_put_bytes(&w, sample->detail, sample->detail_len);
	began = detail_begin(&w, DETAIL_PROCESSES);
	detail_put(&w, DETAIL_PROCESSES, &entry);
	detail_end(&w, began);
	began = detail_begin(&w, DETAIL_UNITS);
	detail_put(&w, DETAIL_UNITS, &entry);
	detail_end(&w, began);
	sample->detail = buf;
	sample->detail_len = w.len;
}

static void add_sample(struct store *store, struct boot *boot, int i)
{
	struct sample sample = testsample(10 * i, 100 * i);
	struct testsample_reason reasons[] = {
		{ 77, i, 0, 0 },
		{ 120, 50 * i, 3000 * i, 4000 * i },
		/* Reasons that come late, one of them without a name. */
		{ 999, 7, 1, 1 },
	};

	sample.t_wall_ns = T0 + i * S + 123456789;
	sample.t_boot_ns = i * S + 987654321;
	testsample_reasons(&sample, reasons, i < 1500 ? 2 : 3);
	if (i % 100 == 0)
		add_names(&sample, i == 100 ? "=cmd,\"x\"" : "idle");
	(void)store_add(store, boot, SOURCE_GUEST, &sample);
}

static void fill(struct store *store)
{
	struct vm *vm = store_vm(store, "uuid-1", "web, \"one\"");
	struct boot *boot = store_boot(store, vm, BOOT_CREATED, "life/1", T0);
	struct range gap = { .from = 5001, .to = 5003, .from_ns = T0 + 500 * S,
			     .to_ns = T0 + 501 * S, .count = -1, .cause = GAP_FULL };
	struct mark mark = { .sequence = 1001, .t_ns = T0 + 101 * S, .t_boot_ns = 5,
			     .kind = PROTO_MARK_BEGIN, .uid = 1000, .label = "-build" };

	boot->reason_namespace = VMEXIT_REASONS_SVM;
	boot->tsc_khz = 2000000;
	boot->vcpus = 2;
	store_boot_changed(store, boot);
	for (int i = 1; i <= SAMPLES; i++) {
		add_sample(store, boot, i);
		if (i == 100)
			(void)store_add_mark(store, boot, &mark);
		if (i == 500)
			(void)store_add_gap(store, boot, SOURCE_GUEST, &gap);
		if (i == 200) {
			mark.sequence = 2001;
			mark.t_ns = T0 + 201 * S;
			mark.kind = PROTO_MARK_END;
			mark.begin = 1001;
			(void)store_add_mark(store, boot, &mark);
		}
		if (i % 700 == 0) {
			(void)store_flush(store, 0);
			while (store_work(store, T0) > 0)
				;
		}
	}
	(void)store_flush(store, 0);
}

/* An export as one string, read in pieces of @piece bytes; the caller frees. */
static char *export(struct query *query, const struct exportwalk_filter *what,
		    enum exporter_format format, size_t piece)
{
	struct exporter *exporter;
	struct query_vm vm;
	char *text = NULL;
	size_t len = 0, room = 0;
	ssize_t n = -EAGAIN;

	if (query_vm(query, "uuid-1", &vm) < 0 ||
	    exporter_new(query, &vm, what, format, &exporter) < 0)
		return NULL;
	while (n == -EAGAIN || n > 0) {
		if (room < len + piece + 1) {
			room = 2 * (len + piece + 1);
			text = realloc(text, room);
		}
		n = exporter_read(exporter, text + len, piece);
		len += n > 0 ? n : 0;
	}
	text[len] = '\0';
	exporter_free(exporter);
	if (n < 0) {
		free(text);
		return NULL;
	}
	return text;
}

static size_t lines(const char *text)
{
	size_t n = 0;

	for (; (text = strchr(text, '\n')); text++)
		n++;
	return n;
}

static struct exportwalk_filter all_of(struct query *query)
{
	struct query_vm vm = { 0 };

	(void)query_vm(query, "uuid-1", &vm);
	return (struct exportwalk_filter){ .filter = { .vm_id = vm.id } };
}

static void test_wide(struct query *query)
{
	static const char first[] =
		"2025-11-23T05:00:01.123456Z,1763874001.123456,uuid-1,1,guest,10,1.987654,100,,"
		"2000000,2,,,,,0.000000000,,";
	static const char second_part[] =
		",1763874001123456789,1987654321,,0,\"web, \"\"one\"\"\",created,1763874000000000000"
		",,,,svm,1,0,0,50,3000,4000,,,\r\n";
	static const char header_end[] =
		",reason_namespace,exits_GP_excp,handling_cycles_GP_excp,away_cycles_GP_excp,"
		"exits_hlt,handling_cycles_hlt,away_cycles_hlt,exits_999,handling_cycles_999,"
		"away_cycles_999\r\n";
	struct exportwalk_filter what = all_of(query);
	char *text = export(query, &what, EXPORTER_WIDE, 4096);
	char *row = text ? strchr(text, '\n') + 1 : NULL;

	ok(text && lines(text) == SAMPLES + 1, "wide: a header, and a line a sample");
	ok(text && strncmp(text, "time,epoch_s,vm,boot,source,sequence,uptime_s,exits,", 52) == 0,
	   "the columns that were there before come first");
	ok(text && strstr(text, header_end), "those of reasons that occurred last");
	ok(row && strncmp(row, first, sizeof(first) - 1) == 0, "a sample's own values: %.90s",
	   row ? row : "");
	ok(row && strstr(row, second_part) && strstr(row, second_part) < strchr(row, '\n'),
	   "what its boot needs, and its reasons");
	ok(row && strstr(row, ",5010,") && strstr(strstr(row, ",5010,"), ",,1,\"web"),
	   "what comes behind a gap is marked");
	free(text);
	what.filter.from_ns = T0 + 10 * S;
	what.filter.to_ns = T0 + 20 * S;
	text = export(query, &what, EXPORTER_WIDE, 7);
	ok(text && lines(text) == 11, "wide: a range in tiny pieces");
	ok(text && strstr(text, "exits_hlt") && !strstr(text, "exits_999"),
	   "without columns of what occurred later in the same block");
	free(text);
}

static void test_long(struct query *query)
{
	static const char mark[] = ",guest,1001,mark,2,'-build,5,ns\r\n";
	static const char process[] = ",guest,1000,process_cpu_us,77,\"'=cmd,\"\"x\"\"\",1234,us\r\n";
	static const char *const rows[] = {
		"2025-11-23T05:00:00.000000000Z,1763874000.000000000,uuid-1,1,,,boot_cause,,created,1,\r\n",
		",1,,,vm_name,,\"web, \"\"one\"\"\",,\r\n",
		",guest,10,exits,,,100,1\r\n",
		",guest,10,reason_exits,120,hlt,50,1\r\n",
		",guest,10,reason_handling_cycles,120,hlt,3000,cycles\r\n",
		",guest,5001,gap,1,,5003,\r\n",
		",guest,5001,gap_to_ns,,,1763874501000000000,ns\r\n",
		",guest,2001,mark_begin,,,1001,\r\n",
		",guest,5010,after_gap,,,1,\r\n",
	};
	struct exportwalk_filter what = all_of(query);
	char *text = export(query, &what, EXPORTER_LONG, 65536);

	ok(text && strncmp(text, "time,epoch,vm,boot,source,sequence,kind,id,name,value,unit\r\n",
			   60) == 0, "long: its header");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ok(text && strstr(text, rows[i]), "long: ...%.*s", (int)strcspn(rows[i], "\r"),
		   rows[i]);
	ok(text && strstr(text, process), "a formula is none any more");
	ok(text && strstr(text, mark) && strstr(text, mark) > strstr(text, ",1000,process") &&
		   strstr(text, mark) < strstr(text, ",guest,1010,"),
	   "a mark stands where its sequence does");
	free(text);
}

static void test_jsonl(struct query *query)
{
	struct exportwalk_filter what = all_of(query);
	char *text = export(query, &what, EXPORTER_JSONL, 65536);

	ok(text && lines(text) == SAMPLES, "JSON: a line a sample");
	ok(text && strstr(text, "\"vm_name\":\"web, \\\"one\\\"\""), "names are escaped");
	ok(text && strstr(text, "\"reasons\":[{\"number\":77,\"name\":\"GP excp\",\"exits\":1,"
				"\"handling_cycles\":0,\"away_cycles\":0},{\"number\":120,"),
	   "with lists");
	ok(text && strstr(text, "{\"number\":999,\"name\":null,"), "of what has no name, too");
	ok(text && strstr(text, "}],\"processes\":[{\"pid\":77,\"command\":\"=cmd,\\\"x\\\"\","
				"\"cpu_us\":1234}],\"units\":[{"), "several of them");
	free(text);
}

/* Whether an export up to some time and one from there on are the whole, byte by byte. */
static bool is_whole(struct query *query, enum exporter_format format, int i)
{
	struct exportwalk_filter what = all_of(query), part;
	char *whole, *head, *tail;
	bool same;

	what.filter.boot = 1;
	what.filter.sources = 1 << SOURCE_GUEST;
	whole = export(query, &what, format, 10000);
	part = what;
	part.after = 10 * i;
	tail = export(query, &part, format, 10000);
	part = what;
	part.filter.to_ns = T0 + i * S + S / 2;
	head = export(query, &part, format, 10000);
	same = whole && head && tail && strlen(tail) < strlen(whole) &&
	       strcmp(whole + strlen(whole) - strlen(tail), tail) == 0 &&
	       lines(whole) == lines(head) + lines(tail);
	/* A part up to some time may lack columns, unless its form has always the same. */
	if (same && format != EXPORTER_WIDE)
		same = strncmp(whole, head, strlen(whole) - strlen(tail)) == 0;
	free(whole);
	free(head);
	free(tail);
	return same;
}

static void test_parts(struct query *query)
{
	static const int at[] = { 1, 699, 700, 701, 1023, 1024, 1025, 1500, 2800, SAMPLES - 1 };
	int wrong = 0;

	for (int format = 0; format < EXPORTER_FORMATS; format++) {
		for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
			wrong += !is_whole(query, format, at[i]);
	}
	ok(wrong == 0, "two parts are the whole, in every form, wherever it is cut");
}

/* ---- while samples come ---- */

/* What is written between two reads. */
static void go_on(struct store *store, struct boot *boot, int *i)
{
	struct mark mark = { .kind = PROTO_MARK_INSTANT, .uid = 1, .label = "x" };

	for (int end = *i + 11; *i < end; ++*i) {
		add_sample(store, boot, *i);
		if (*i % 5)
			continue;
		mark.sequence = 10 * *i + 1;
		mark.t_ns = T0 + *i * S;
		(void)store_add_mark(store, boot, &mark);
	}
	(void)store_flush(store, 0);
	while (store_work(store, T0) > 0)
		;
}

/* The sequence in the last line of @text. */
static uint64_t last_sequence(const char *text, enum exporter_format format)
{
	const char *end = text + strlen(text) - 1, *p = end;

	while (p > text && p[-1] != '\n')
		p--;
	if (format == EXPORTER_JSONL)
		return strtoull(strstr(p, "\"sequence\":") + 11, NULL, 10);
	for (int i = 0; i < 5; i++)
		p = strchr(p, ',') + 1;
	return strtoull(p, NULL, 10);
}

/* One export behind another, while more is written if @i is given; *text grows. */
static void follow(struct store *store, struct boot *boot, struct query *query, int *i,
		   enum exporter_format format, char **text)
{
	struct exportwalk_filter what = { 0 };
	struct exporter *exporter;
	struct query_vm vm = { 0 };
	size_t len = *text ? strlen(*text) : 0;
	ssize_t n = -EAGAIN;

	(void)query_vm(query, "live", &vm);
	what.filter = (struct query_filter){ .vm_id = vm.id, .boot = 1, .sources = 1 };
	what.after = len ? last_sequence(*text, format) : 0;
	if (exporter_new(query, &vm, &what, format, &exporter) < 0)
		return;
	for (int reads = 0; n == -EAGAIN || n > 0; reads++) {
		*text = realloc(*text, len + 30001);
		n = exporter_read(exporter, *text + len, 30000);
		len += n > 0 ? n : 0;
		if (i && reads < 4)
			go_on(store, boot, i);
	}
	(*text)[len] = '\0';
	exporter_free(exporter);
}

static void test_live(struct store *store, struct query *query)
{
	static const enum exporter_format formats[] = { EXPORTER_WIDE, EXPORTER_LONG, EXPORTER_JSONL };
	struct boot *boot = store_boot(store, store_vm(store, "live", "live"), BOOT_FOUND, "x", T0);
	int i = 2000;

	boot->reason_namespace = VMEXIT_REASONS_SVM;
	go_on(store, boot, &i);
	for (size_t f = 0; f < 3; f++) {
		char *parts = NULL, *whole = NULL;

		for (int round = 0; round < 3; round++)
			follow(store, boot, query, &i, formats[f], &parts);
		follow(store, boot, query, NULL, formats[f], &parts);
		follow(store, boot, query, NULL, formats[f], &whole);
		ok(parts && whole && strcmp(parts, whole) == 0,
		   "parts taken while more came are the whole: %zu lines", lines(whole));
		free(parts);
		free(whole);
	}
}

static void test_interval(struct query *query)
{
	struct query_filter filter = all_of(query).filter, other = filter;

	ok(exportevents_interval(query, "-build", &filter) == 0 && filter.boot == 1 &&
		   filter.from_ns == T0 + 101 * S && filter.to_ns == T0 + 201 * S,
	   "an interval by its label");
	ok(exportevents_interval(query, "1001", &other) == 0 &&
		   other.from_ns == filter.from_ns && other.to_ns == filter.to_ns,
	   "by the sequence of its begin");
	ok(exportevents_interval(query, "build", &filter) == -ENOENT, "none of another label");
	filter.boot = 2;
	ok(exportevents_interval(query, "-build", &filter) == -ENOENT, "nor in another boot");
}

static void remove_all(void)
{
	static const char *const ends[] = { "", "-wal", "-shm", ".lock" };
	char file[96];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(file, sizeof(file), "%s%s", path, ends[i]);
		unlink(file);
	}
	rmdir(dir);
}

int main(void)
{
	struct store *store = NULL;
	struct query *query = NULL;

	log_init("exporter_test", LOG_ERROR);
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/v.db", dir);
	if (!ok(store_open(path, &store) == 0, "a store"))
		return 1;
	fill(store);
	if (!ok(query_open(path, &query) == 0, "and a reader"))
		return 1;
	test_wide(query);
	test_long(query);
	test_jsonl(query);
	test_parts(query);
	test_interval(query);
	test_live(store, query);
	query_free(query);
	store_free(store);
	remove_all();
	return done_testing();
}
