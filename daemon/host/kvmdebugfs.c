/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/host/kvmdebugfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-agent/shared/cleanup.h"
#include "kernel/uapi/vmexit_cpuid.h"

#define FLAG_COUNTS 1			/* the table's, see KVM_CAP_X86_EXIT_TELEMETRY */
#define FLAG_CYCLES 2
#define COLUMNS_MAX 16
#define VCPUS_MAX 65536

struct kvmdebugfs {
	/* Held open: another VM that gets the same name later is another directory. */
	int dir;
	char name[80];
};

enum column { REASON, COUNT, HANDLING, AWAY, COLUMNS };

static const char *const column_names[COLUMNS] = {
	[REASON] = "reason",
	[COUNT] = "count",
	[HANDLING] = "handling_cycles",
	[AWAY] = "away_cycles",
};

/* A piece of text, without a NUL at its end. */
struct piece {
	const char *at;
	size_t len;
};

/* Cut the next line off @rest. False at the end, and where a line is not whole. */
static bool next_line(struct piece *rest, struct piece *line)
{
	const char *end = memchr(rest->at, '\n', rest->len);

	if (!end)
		return false;
	*line = (struct piece){ rest->at, end - rest->at };
	rest->len -= line->len + 1;
	rest->at = end + 1;
	return true;
}

/* Cut the next word off @rest. */
static bool next_word(struct piece *rest, struct piece *word)
{
	while (rest->len && (*rest->at == ' ' || *rest->at == ',')) {
		rest->at++;
		rest->len--;
	}
	*word = (struct piece){ rest->at, 0 };
	while (word->len < rest->len && rest->at[word->len] != ' ' && rest->at[word->len] != ',')
		word->len++;
	rest->at += word->len;
	rest->len -= word->len;
	return word->len > 0;
}

static bool is(const struct piece *word, const char *text)
{
	return word->len == strlen(text) && memcmp(word->at, text, word->len) == 0;
}

/* Decimal, or hexadecimal behind "0x". */
static bool number_of(const struct piece *word, uint64_t max, uint64_t *ret_value)
{
	char digits[24];
	char *end;
	uint64_t value;

	if (word->len == 0 || word->len >= sizeof(digits) || *word->at < '0' || *word->at > '9')
		return false;
	memcpy(digits, word->at, word->len);
	digits[word->len] = '\0';
	errno = 0;
	value = strtoull(digits, &end, strncmp(digits, "0x", 2) == 0 ? 16 : 10);
	if (errno || *end || value > max)
		return false;
	*ret_value = value;
	return true;
}

/* "# generation 0x..., flags 0x3, SVM" */
static int parse_head(struct piece line, struct kvmdebugfs_counts *counts)
{
	struct piece words[6];
	uint64_t flags;

	for (int i = 0; i < 6; i++) {
		if (!next_word(&line, &words[i]))
			return -EBADMSG;
	}
	if (!is(&words[0], "#") || !is(&words[1], "generation") || !is(&words[3], "flags") ||
	    !number_of(&words[2], UINT64_MAX, &counts->generation) ||
	    !number_of(&words[4], UINT32_MAX, &flags))
		return -EBADMSG;
	if (is(&words[5], "VMX"))
		counts->reason_namespace = VMEXIT_REASONS_VMX;
	else if (is(&words[5], "SVM"))
		counts->reason_namespace = VMEXIT_REASONS_SVM;
	else
		return -EBADMSG;
	if (!(flags & FLAG_COUNTS))
		return -ENODATA;
	counts->has = KVMDEBUGFS_HAS_REASONS | (flags & FLAG_CYCLES ? KVMDEBUGFS_HAS_CYCLES : 0);
	return 0;
}

/* Where the columns stand; later versions may add some. */
static int parse_columns(struct piece line, int columns[COLUMNS])
{
	struct piece word;

	for (int c = 0; c < COLUMNS; c++)
		columns[c] = -1;
	for (int i = 0; i < COLUMNS_MAX && next_word(&line, &word); i++) {
		for (int c = 0; c < COLUMNS; c++) {
			if (is(&word, column_names[c]))
				columns[c] = i;
		}
	}
	for (int c = 0; c < COLUMNS; c++) {
		if (columns[c] < 0)
			return -EBADMSG;
	}
	return 0;
}

static bool add(uint64_t *sum, uint64_t value)
{
	return !__builtin_add_overflow(*sum, value, sum);
}

static int parse_row(struct piece line, const int columns[COLUMNS],
		     struct kvmdebugfs_counts *counts)
{
	uint64_t values[COLUMNS];
	struct host_reason *r;
	struct piece word;
	int found = 0;

	for (int i = 0; i < COLUMNS_MAX && next_word(&line, &word); i++) {
		for (int c = 0; c < COLUMNS; c++) {
			if (columns[c] != i)
				continue;
			if (!number_of(&word, c == REASON ? UINT32_MAX : UINT64_MAX, &values[c]))
				return -EBADMSG;
			found++;
		}
	}
	if (found != COLUMNS || counts->reasons_count == KVMDEBUGFS_REASONS_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < counts->reasons_count; i++) {
		if (counts->reasons[i].reason == values[REASON])
			return -EBADMSG;
	}
	r = &counts->reasons[counts->reasons_count++];
	*r = (struct host_reason){ values[REASON], values[COUNT], values[HANDLING], values[AWAY] };
	return add(&counts->exits, r->count) &&
		       add(&counts->handling_cycles, r->handling_cycles) &&
		       add(r->reason == VMEXIT_REASON_IDLE ? &counts->idle_cycles
							    : &counts->away_cycles,
			   r->away_cycles)
		       ? 0
		       : -EBADMSG;
}

int kvmdebugfs_parse(const char *text, size_t len, struct kvmdebugfs_counts *ret_counts)
{
	struct piece rest = { text, len }, line;
	struct kvmdebugfs_counts counts = { 0 };
	int columns[COLUMNS];
	int r;

	if (!next_line(&rest, &line))
		return -EBADMSG;
	r = parse_head(line, &counts);
	if (r == 0)
		r = next_line(&rest, &line) ? parse_columns(line, columns) : -EBADMSG;
	while (r == 0 && next_line(&rest, &line))
		r = parse_row(line, columns, &counts);
	if (r == 0 && rest.len > 0)
		r = -EBADMSG;
	if (r == 0)
		*ret_counts = counts;
	return r;
}

/* ---- finding the directory ---- */

/* The descriptor in "PID-FD" if it is @pid's, else -1. */
static long fd_of_entry(const char *entry, pid_t pid)
{
	char expected[64];
	char *end;
	long fd;
	int n = snprintf(expected, sizeof(expected), "%ld-", (long)pid);

	if (strncmp(entry, expected, n) != 0 || entry[n] < '0' || entry[n] > '9')
		return -1;
	errno = 0;
	fd = strtol(entry + n, &end, 10);
	return errno || *end || fd > INT_MAX ? -1 : fd;
}

/*
 * That the process of now holds that VM, and is not another with an old one's number. Only
 * root sees what another user's process holds; to others the directory's name has to do.
 */
static bool holds_vm(const char *proc, pid_t pid, long fd)
{
	char path[PATH_MAX], target[64];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%ld/fd/%ld", proc, (long)pid, fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0 && (errno == EACCES || errno == EPERM))
		return true;
	target[n > 0 ? n : 0] = '\0';
	return strcmp(target, "anon_inode:kvm-vm") == 0;
}

static int open_vm(DIR *dir, const char *entry, struct kvmdebugfs **ret_vm)
{
	struct kvmdebugfs *vm = calloc(1, sizeof(*vm));
	int r;

	if (!vm)
		return -ENOMEM;
	vm->dir = openat(dirfd(dir), entry, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (vm->dir < 0) {
		r = errno == ENOENT ? -ESRCH : -errno;
		free(vm);
		return r;
	}
	snprintf(vm->name, sizeof(vm->name), "%.64s", entry);
	*ret_vm = vm;
	return 0;
}

int kvmdebugfs_open(const char *root, const char *proc, pid_t pid, struct kvmdebugfs **ret_vm)
{
	DIR *dir = opendir(root);
	char found[NAME_MAX + 1] = "";
	struct dirent *entry;
	int count = 0, r;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		long fd = fd_of_entry(entry->d_name, pid);

		if (fd >= 0 && holds_vm(proc, pid, fd)) {
			snprintf(found, sizeof(found), "%s", entry->d_name);
			count++;
		}
	}
	r = count == 0 ? -ESRCH : count > 1 ? -ENOTUNIQ : open_vm(dir, found, ret_vm);
	closedir(dir);
	return r;
}

void kvmdebugfs_close(struct kvmdebugfs *vm)
{
	if (!vm)
		return;
	close(vm->dir);
	free(vm);
}

const char *kvmdebugfs_name(const struct kvmdebugfs *vm)
{
	return vm->name;
}

/* ---- reading ---- */

/* The whole file, as it was when it was first read. Returns its length or -errno. */
static ssize_t read_file(int dir, const char *name, char *buf, size_t size)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	size_t len = 0;

	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return len;
		len += n;
		if (len == size)
			return -EFBIG;
	}
}

static int read_table(struct kvmdebugfs *vm, struct kvmdebugfs_counts *counts)
{
	_cleanup_free_ char *text = malloc(KVMDEBUGFS_TEXT_MAX);
	ssize_t n = text ? read_file(vm->dir, "exit_reasons", text, KVMDEBUGFS_TEXT_MAX) : -ENOMEM;

	return n < 0 ? (int)n : kvmdebugfs_parse(text, n, counts);
}

static int read_exits(struct kvmdebugfs *vm, uint64_t *ret_exits)
{
	char text[32];
	ssize_t n = read_file(vm->dir, "exits", text, sizeof(text));
	struct piece word = { text, n > 0 ? n : 0 };

	if (n < 0)
		return n;
	if (word.len && text[word.len - 1] == '\n')
		word.len--;
	return number_of(&word, UINT64_MAX, ret_exits) ? 0 : -EBADMSG;
}

/* Each vCPU has a directory of its own. */
static int count_vcpus(struct kvmdebugfs *vm, uint32_t *ret_vcpus)
{
	int fd = openat(vm->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	uint32_t vcpus = 0;

	if (!dir) {
		int error = errno;

		if (fd >= 0)
			close(fd);
		return -error;
	}
	while ((entry = readdir(dir)) && vcpus < VCPUS_MAX) {
		const char *digits = entry->d_name + 4;

		if (strncmp(entry->d_name, "vcpu", 4) == 0 && *digits &&
		    digits[strspn(digits, "0123456789")] == '\0')
			vcpus++;
	}
	closedir(dir);
	*ret_vcpus = vcpus;
	return 0;
}

int kvmdebugfs_read(struct kvmdebugfs *vm, struct kvmdebugfs_counts *ret_counts)
{
	_cleanup_free_ struct kvmdebugfs_counts *counts = calloc(1, sizeof(*counts));
	int table, r;

	if (!counts)
		return -ENOMEM;
	table = r = read_table(vm, counts);
	if (table < 0) {
		r = read_exits(vm, &counts->exits);
		/* A stock KVM has no table; one whose mode is off has an empty one. */
		counts->table_error = table == -ENOENT || table == -ENODATA ? 0 : table;
	}
	if (r == 0)
		r = count_vcpus(vm, &counts->vcpus);
	if (r == 0)
		*ret_counts = *counts;
	return r == -ENOENT ? -ESRCH : r;
}
