/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CSV that is none, CSV that cannot be true, and what is made of one that can. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/import/import.h"
#include "daemon/import/numbers.h"
#include "daemon/query/cursor.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

static char dir[] = "/tmp/vmexit-import-XXXXXX";
static char path[64];

struct bytes {
	const char *text;
	size_t left, piece;
};

static ssize_t give(void *ctx, char *buf, size_t size)
{
	struct bytes *b = ctx;
	size_t n = b->left < b->piece ? b->left : b->piece;

	n = n < size ? n : size;
	memcpy(buf, b->text, n);
	b->text += n;
	b->left -= n;
	return n;
}

static void remove_all(void)
{
	static const char *const ends[] = { "", "-wal", "-shm", ".lock" };
	char file[96];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(file, sizeof(file), "%s%s", path, ends[i]);
		unlink(file);
	}
}

/* Import @text of @len bytes; why not is left in @error. */
static int import(const char *text, size_t len, char error[256])
{
	struct bytes bytes = { .text = text, .left = len, .piece = 5 };
	struct csvread *reader = csvread_new(give, &bytes);
	struct rebuild *rebuild;
	int r;

	*error = '\0';
	remove_all();
	if (!reader || rebuild_new(path, &rebuild) < 0)
		return -ENOMEM;
	r = import_csv(reader, rebuild, NULL, NULL, error, 256);
	rebuild_free(rebuild);
	csvread_free(reader);
	return r;
}

/* ---- CSV ---- */

/* The records of @text: fields in brackets, records end with a '.'. */
static int records(const char *text, size_t len, char *to)
{
	struct bytes bytes = { .text = text, .left = len, .piece = 3 };
	struct csvread *reader = csvread_new(give, &bytes);
	struct csvread_record record;
	int r;

	*to = '\0';
	while ((r = csvread_next(reader, &record)) > 0) {
		for (size_t i = 0; i < record.count; i++)
			to += sprintf(to, "[%s]", record.fields[i]);
		to += sprintf(to, ".");
	}
	csvread_free(reader);
	return r;
}

static void test_csv(void)
{
	static const struct {
		const char *text;
		size_t len;
		int r;
		const char *records;
	} cases[] = {
#define CASE(text, r, records) { text, sizeof(text) - 1, r, records }
		CASE("", 0, ""),
		CASE("a,b\r\n", 0, "[a][b]."),
		CASE("a,b\n,\n", 0, "[a][b].[][]."),
		CASE("\"a\",\"b,\"\"c\"\"\"\r\n", 0, "[a][b,\"c\"]."),
		CASE("\"two\r\nlines\"\n\n", 0, "[two\r\nlines].[]."),
		CASE("\"\"\n", 0, "[]."),
		CASE("a,b", -EBADMSG, ""),
		CASE("a\nb", -EBADMSG, "[a]."),
		CASE("\"a\n", -EBADMSG, ""),
		CASE("a\"b\n", -EBADMSG, ""),
		CASE("\"a\"b\n", -EBADMSG, ""),
		CASE("a\rb\n", -EBADMSG, ""),
		CASE("a\0b\n", -EBADMSG, ""),
	};
	char got[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int r = records(cases[i].text, cases[i].len, got);

		ok(r == cases[i].r && strcmp(got, cases[i].records) == 0, "CSV %zu", i);
	}
}

static void test_limits(void)
{
	char *text = malloc(CSVREAD_RECORD_MAX + 10), *got = malloc(4 * CSVREAD_RECORD_MAX);

	memset(text, 'x', CSVREAD_RECORD_MAX + 10);
	text[CSVREAD_RECORD_MAX + 8] = '\n';
	ok(records(text, CSVREAD_RECORD_MAX + 9, got) == -EBADMSG, "a record that is too long");
	text[1000] = '\n';
	ok(records(text, 1001, got) == 0, "one that is not");
	memset(text, ',', CSVREAD_FIELDS_MAX);
	text[CSVREAD_FIELDS_MAX] = '\n';
	ok(records(text, CSVREAD_FIELDS_MAX + 1, got) == -EBADMSG, "a field too many");
	text[CSVREAD_FIELDS_MAX - 1] = '\n';
	ok(records(text, CSVREAD_FIELDS_MAX, got) == 0, "as many as there may be");
	free(text);
	free(got);
}

static void test_numbers(void)
{
	uint64_t v;
	int64_t s;

	ok(numbers_u64("18446744073709551615", 20, &v) == 0 && v == UINT64_MAX, "64 bits");
	ok(numbers_u64("18446744073709551616", 20, &v) < 0, "and no more");
	ok(numbers_u64("", 0, &v) < 0 && numbers_u64("+1", 2, &v) < 0 &&
		   numbers_u64(" 1", 2, &v) < 0 && numbers_u64("1e3", 3, &v) < 0, "digits only");
	ok(numbers_s64("-9223372036854775808", 20, &s) == 0 && s == INT64_MIN, "the least");
	ok(numbers_s64("-9223372036854775809", 20, &s) < 0 &&
		   numbers_s64("9223372036854775808", 19, &s) < 0 && numbers_s64("-", 1, &s) < 0,
	   "none beyond it");
	ok(numbers_seconds("1.000000001", 11, &v) == 0 && v == 1000000001 &&
		   numbers_seconds("0.5", 3, &v) == 0 && v == 500000000, "seconds");
	ok(numbers_seconds("1", 1, &v) < 0 && numbers_seconds("1.", 2, &v) < 0 &&
		   numbers_seconds("1.0000000001", 12, &v) < 0 &&
		   numbers_seconds("99999999999.0", 13, &v) < 0, "that are none");
}

/* ---- what cannot be true ---- */

#define WIDE "time,epoch_s,vm,boot,source,sequence,exits,t_ns,boot_cause,boot_opened_ns,after_gap," \
	     "exits_hlt,away_cycles_hlt,interval_s\r\n"
#define LONG "time,epoch,vm,boot,source,sequence,kind,id,name,value,unit\r\n"
#define OF_BOOT ",5.000000000,a,1,,,boot_cause,,created,1,\r\n"

static void test_refusals(void)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "", "line 1: there is nothing in it" },
		{ "a,b\n", "line 1: this is no header line" },
		{ "time,epoch_s,vm\n", "line 1: the columns vm, boot" },
		{ "time,epoch_s,vm,wrong\n", "line 1: column 'wrong' is not known" },
		{ "time,epoch_s,vm,vm\n", "line 1: column 'vm' is there twice" },
		{ WIDE ",,a,1,guest,5\n", "line 2: 6 fields, the header line has 14" },
		{ WIDE ",,a,1,guest,5,x,6,created,1,0,,,\n", "line 2: 'x', field 7, is not such a number" },
		{ WIDE ",,a,1,guest,5,1,6,created,1,0,,,0.0000001\n", "line 2: '0.0000001', field 14" },
		{ WIDE ",,a,1,nobody,5,1,6,created,1,0,,,\n", "line 2: source 'nobody'" },
		{ WIDE ",,a,0,guest,5,1,6,created,1,0,,,\n", "line 2: boot 0" },
		{ WIDE ",,,1,guest,5,1,6,created,1,0,,,\n", "line 2: vm ''" },
		{ WIDE ",,a,1,guest,5,1,6,made,1,0,,,\n", "line 2: boot_cause 'made'" },
		{ WIDE ",,a,1,guest,5,1,6,created,1,0,,7,\n", "line 2: cycles of a reason" },
		{ WIDE ",,a,1,guest,5,1,6,created,1,0,,,\n,,a,1,guest,5,1,7,created,1,0,,,\n",
		  "line 3: sequence 5 does not follow 5" },
		{ WIDE ",,a,1,guest,5,1,6,created,1,0,,,\n,,a,1,guest,6,1,7,created,1,1,,,\n",
		  "line 3: sequence 6 leaves no room for a gap" },
		{ WIDE ",,a,2,guest,5,1,6,created,1,0,,,\n,,a,1,guest,6,1,7,created,1,0,,,\n",
		  "line 3: boot 1 comes behind boot 2" },
		{ WIDE ",,a,1,guest,5,1,6,created,1,0,,,\n,,\"a", "line 3: it has no end" },
		{ LONG ",1.0,a,1,guest,1,exits,,,5,1\n", "line 2: a boot begins with its boot_cause" },
		{ LONG OF_BOOT ",1.0,a,2,guest,1,exits,,,5,1\n", "line 3: a boot begins with" },
		{ LONG OF_BOOT ",1.0,a,1,guest,1,nothing,,,5,1\n", "line 3: kind 'nothing' is not known" },
		{ LONG OF_BOOT ",1.0,a,1,guest,1,exits,,,,1\n", "line 3: exits has no value" },
		{ LONG OF_BOOT ",now,a,1,guest,1,exits,,,1,1\n", "line 3: epoch 'now'" },
		{ LONG OF_BOOT ",1.0,a,1,guest,1,exits,,,1,1\n,1.0,a,1,guest,1,exits,,,1,1\n",
		  "line 4: a value is there twice" },
		{ LONG OF_BOOT ",1.0,a,1,guest,1,vcpu_exits,1,,1,1\n,1.0,a,1,guest,1,vcpu_exits,1,,1,1\n",
		  "twice" },
		{ LONG OF_BOOT ",1.0,a,1,guest,1,away_cycles,,,1,cycles\n", "come together" },
		{ LONG OF_BOOT ",1.0,a,1,guest,1,unit_cpu_us,,gr\xc3\xbcn,1,us\n", "not printable" },
		{ LONG OF_BOOT ",1.0,a,1,guest,9,gap,1,,8,\n", "the range from 9 to 8 is none" },
		{ LONG OF_BOOT ",1.0,a,1,host,9,mark,1,x,8,ns\n", "line 3: mark is of a guest only" },
		{ LONG OF_BOOT ",1.0,a,1,guest,9,mark,1,x,8,ns\n,1.0,a,1,guest,9,gap_to_ns,,,8,ns\n",
		  "line 4: kind 'gap_to_ns' has no place here" },
		{ LONG OF_BOOT ",5.0,a,1,,,guest_boot_id,,12,,\n", "line 3: guest_boot_id" },
	};
	char error[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int r = import(cases[i].text, strlen(cases[i].text), error);

		ok(r == -EINVAL && strstr(error, cases[i].error), "refused, %zu: %s", i, error);
	}
}

/* ---- what can be ---- */

static void test_made(void)
{
	static const char text[] =
		WIDE ",,a,3,guest,5,100,6000000000,created,1000000000,0,7,,0.100000\r\n"
		     ",,a,3,guest,9,107,7000000001,created,1000000000,1,8,5,0.100000\r\n"
		     ",,a,3,host,1,18446744073709551615,6000000000,created,1000000000,0,,,\n"
		     ",,\"'=b\",1,guest,1,,6000000000,found,1,0,,,\n";
	const struct row_pair *pair;
	struct cursor *cursor = NULL;
	struct query *query = NULL;
	struct query_filter filter = { 0 };
	struct query_vm vm;
	struct detail_iter iter;
	struct detail_entry entry;
	char error[256];

	ok(import(text, sizeof(text) - 1, error) == 0, "a CSV is taken: %s", error);
	ok(query_open(path, &query) == 0 && query_vm(query, "=b", &vm) == 0 &&
		   query_vm(query, "a", &vm) == 0, "with both VMs, one of them without its apostrophe");
	filter.vm_id = vm.id;
	if (!ok(cursor_new(query, &filter, true, &cursor) == 0 && cursor_next(cursor, &pair) == 1,
		"and samples"))
		return;
	ok(pair->row.boot->number == 3 && pair->row.boot->cause == BOOT_CREATED &&
		   pair->row.boot->opened_ns == 1000000000, "of the boot that it was");
	ok(pair->row.sample.sequence == 5 && pair->row.sample.t_wall_ns == 6000000000 &&
		   pair->row.sample.interval_us == 100000 && pair->row.sample.exits == 100 &&
		   !(pair->row.sample.has & (SAMPLE_AFTER_GAP | SAMPLE_HAS_CLOCK_ERROR)),
	   "with what was said of them, and no more");
	ok(cursor_next(cursor, &pair) == 1 && pair->row.sample.has & SAMPLE_AFTER_GAP &&
		   pair->row.sample.t_wall_ns == 7000000001, "a gap is one");
	ok(detail_find(pair->row.sample.detail, pair->row.sample.detail_len, DETAIL_REASONS, &iter) &&
		   detail_next(&iter, &entry) && entry.id == 120 && entry.value == 8 &&
		   entry.away_cycles == 5 && !detail_next(&iter, &entry), "reasons are by their numbers");
	ok(cursor_next(cursor, &pair) == 1 && pair->row.source == SOURCE_HOST &&
		   pair->row.sample.exits == UINT64_MAX && cursor_next(cursor, &pair) == 0,
	   "the host's, too, with 64 bits");
	cursor_free(cursor);
	query_free(query);
}

int main(void)
{
	log_init("import_test", LOG_ERROR);
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/v.db", dir);
	test_csv();
	test_limits();
	test_numbers();
	test_refusals();
	test_made();
	remove_all();
	rmdir(dir);
	return done_testing();
}
