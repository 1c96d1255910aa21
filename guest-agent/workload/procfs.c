/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/workload/procfs.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define SECTOR 512			/* of /proc/diskstats, whatever the disk's is */
#define NAME_MAX_LEN 32

/* One reading. */
struct parse {
	struct workload *w;
	/* A partition follows its disk, so the last disk is all there is to remember. */
	char last_disk[NAME_MAX_LEN];
};

static void set(struct workload *w, enum workload_index i, uint64_t value)
{
	w->value[i] = value;
	w->mask |= 1ULL << i;
}

static void add(struct workload *w, enum workload_index i, uint64_t value)
{
	set(w, i, (w->mask >> i & 1 ? w->value[i] : 0) + value);
}

static void parse_stat(struct parse *parse, char *line)
{
	struct workload *w = parse->w;
	const uint64_t tick_ms = 1000 / sysconf(_SC_CLK_TCK);
	const char *rest;
	uint64_t v[8];

	if (lines_starts(line, "cpu ", &rest) && lines_numbers(rest, v, 8) == 8) {
		for (int i = 0; i < 8; i++)
			set(w, WORKLOAD_cpu_user_ms + i, v[i] * tick_ms);
	} else if (lines_starts(line, "ctxt ", &rest) && lines_numbers(rest, v, 1)) {
		set(w, WORKLOAD_context_switches, v[0]);
	} else if (lines_starts(line, "intr ", &rest) && lines_numbers(rest, v, 1)) {
		set(w, WORKLOAD_interrupts, v[0]);
	} else if (lines_starts(line, "softirq ", &rest) && lines_numbers(rest, v, 1)) {
		set(w, WORKLOAD_softirqs, v[0]);
	} else if (lines_starts(line, "processes ", &rest) && lines_numbers(rest, v, 1)) {
		set(w, WORKLOAD_forks, v[0]);
	} else if (lines_starts(line, "procs_running ", &rest) && lines_numbers(rest, v, 1)) {
		/* The reader itself runs; it is not what the guest is asked about. */
		set(w, WORKLOAD_tasks_runnable, v[0] ? v[0] - 1 : 0);
	} else if (lines_starts(line, "procs_blocked ", &rest) && lines_numbers(rest, v, 1)) {
		set(w, WORKLOAD_tasks_blocked, v[0]);
	}
}

static void parse_meminfo(struct parse *parse, char *line)
{
	struct workload *w = parse->w;
	const char *rest;
	uint64_t kib;

	if (lines_starts(line, "MemTotal:", &rest) && lines_numbers(rest, &kib, 1))
		set(w, WORKLOAD_memory_total_bytes, kib * 1024);
	else if (lines_starts(line, "MemAvailable:", &rest) && lines_numbers(rest, &kib, 1))
		set(w, WORKLOAD_memory_available_bytes, kib * 1024);
}

/* "vda1" of "vda", "nvme0n1p2" of "nvme0n1"; but not "sdaa" of "sda". */
static bool is_partition(const char *name, const char *disk)
{
	size_t len = strlen(disk);

	if (len == 0 || strncmp(name, disk, len) != 0)
		return false;
	name += len;
	if (isdigit((unsigned char)disk[len - 1]) && *name++ != 'p')
		return false;
	if (!*name)
		return false;
	return name[strspn(name, "0123456789")] == '\0';
}

static bool is_stacked(const char *name)
{
	static const char *const prefixes[] = { "loop", "ram", "zram", "dm-", "md", "sr", "fd" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	}
	return false;
}

/* The third word: " 254       0 vda ...". What is behind it, or NULL if it is too long. */
static const char *disk_name(const char *line, char name[NAME_MAX_LEN])
{
	size_t len;

	for (int i = 0; i < 2; i++) {
		line += strspn(line, " ");
		line += strspn(line, "0123456789");
	}
	line += strspn(line, " ");
	len = strcspn(line, " ");
	if (len == 0 || len >= NAME_MAX_LEN)
		return NULL;
	memcpy(name, line, len);
	name[len] = '\0';
	return line + len;
}

static void parse_diskstats(struct parse *parse, char *line)
{
	struct workload *w = parse->w;
	char name[NAME_MAX_LEN];
	const char *rest = disk_name(line, name);
	uint64_t v[10];

	if (!rest || is_stacked(name) || is_partition(name, parse->last_disk) ||
	    lines_numbers(rest, v, 10) != 10)
		return;
	strcpy(parse->last_disk, name);
	add(w, WORKLOAD_disk_reads, v[0]);
	add(w, WORKLOAD_disk_read_bytes, v[2] * SECTOR);
	add(w, WORKLOAD_disk_writes, v[4]);
	add(w, WORKLOAD_disk_written_bytes, v[6] * SECTOR);
	add(w, WORKLOAD_disk_busy_ms, v[9]);
}

static void parse_net(struct parse *parse, char *line)
{
	struct workload *w = parse->w;
	char *colon = strchr(line, ':');
	uint64_t v[10];

	if (!colon || lines_numbers(colon + 1, v, 10) != 10)
		return;
	*colon = '\0';
	line += strspn(line, " ");
	if (strcmp(line, "lo") == 0)
		return;
	add(w, WORKLOAD_net_received_bytes, v[0]);
	add(w, WORKLOAD_net_received_packets, v[1]);
	add(w, WORKLOAD_net_sent_bytes, v[8]);
	add(w, WORKLOAD_net_sent_packets, v[9]);
}

static void parse_vmstat(struct parse *parse, char *line)
{
	struct workload *w = parse->w;
	const char *rest;
	uint64_t v;

	if (lines_starts(line, "pgfault ", &rest) && lines_numbers(rest, &v, 1))
		set(w, WORKLOAD_page_faults, v);
	else if (lines_starts(line, "pswpin ", &rest) && lines_numbers(rest, &v, 1))
		set(w, WORKLOAD_pages_swapped_in, v);
	else if (lines_starts(line, "pswpout ", &rest) && lines_numbers(rest, &v, 1))
		set(w, WORKLOAD_pages_swapped_out, v);
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=12345": microseconds. */
static bool stalled(const char *line, const char *who, uint64_t *ret_us)
{
	const char *rest;

	if (!lines_starts(line, who, &rest))
		return false;
	rest = strstr(rest, " total=");
	return rest && lines_numbers(rest + strlen(" total="), ret_us, 1) == 1;
}

/* Of the CPU there is no "full": something always runs. */
static void parse_pressure_cpu(struct parse *parse, char *line)
{
	uint64_t us;

	if (stalled(line, "some", &us))
		set(parse->w, WORKLOAD_psi_cpu_some_us, us);
}

static void parse_pressure_memory(struct parse *parse, char *line)
{
	uint64_t us;

	if (stalled(line, "some", &us))
		set(parse->w, WORKLOAD_psi_memory_some_us, us);
	else if (stalled(line, "full", &us))
		set(parse->w, WORKLOAD_psi_memory_full_us, us);
}

static void parse_pressure_io(struct parse *parse, char *line)
{
	uint64_t us;

	if (stalled(line, "some", &us))
		set(parse->w, WORKLOAD_psi_io_some_us, us);
	else if (stalled(line, "full", &us))
		set(parse->w, WORKLOAD_psi_io_full_us, us);
}

static const struct {
	const char *name;
	void (*parse)(struct parse *parse, char *line);
} files[PROCFS_FILES] = {
	{ "stat", parse_stat },
	{ "meminfo", parse_meminfo },
	{ "diskstats", parse_diskstats },
	{ "net/dev", parse_net },
	{ "vmstat", parse_vmstat },
	{ "pressure/cpu", parse_pressure_cpu },
	{ "pressure/memory", parse_pressure_memory },
	{ "pressure/io", parse_pressure_io },
};

void procfs_init(struct procfs *procfs, const char *root)
{
	procfs->root = root;
	for (int i = 0; i < PROCFS_FILES; i++)
		procfs->fd[i] = -1;
}

void procfs_done(struct procfs *procfs)
{
	for (int i = 0; i < PROCFS_FILES; i++)
		lines_close(&procfs->fd[i]);
}

struct file_context {
	struct parse parse;
	int file;
};

static void on_line(void *context, char *line)
{
	struct file_context *f = context;

	files[f->file].parse(&f->parse, line);
}

/* Add the file's values to @ret_workload: all that it has, or after an error none. */
static void read_file(struct procfs *procfs, int file, struct lines_buffer *buffer,
		      struct workload *ret_workload)
{
	struct workload w = *ret_workload;
	struct file_context context = { .parse.w = &w, .file = file };

	if (lines_open(&procfs->fd[file], procfs->root, files[file].name) < 0)
		return;
	if (lines_read(procfs->fd[file], buffer, on_line, &context) == 0)
		*ret_workload = w;
	else
		lines_close(&procfs->fd[file]);
}

void procfs_read(struct procfs *procfs, struct lines_buffer *buffer, struct workload *ret_workload)
{
	ret_workload->mask = 0;
	for (int i = 0; i < PROCFS_FILES; i++)
		read_file(procfs, i, buffer, ret_workload);
}
