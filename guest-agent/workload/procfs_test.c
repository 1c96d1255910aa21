/* SPDX-License-Identifier: GPL-2.0-or-later */
/* On files of the test's own, in a directory of their own. */
#include "guest-agent/workload/procfs.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-agent/shared/tap.h"

#define HAS(w, name) ((w).mask >> WORKLOAD_##name & 1)
#define IS(w, name, v) (HAS(w, name) && (w).value[WORKLOAD_##name] == (v))

static char dir[] = "/tmp/vmexit-procfs-XXXXXX";
static struct procfs procfs;
static struct lines_buffer buffer;
static struct workload w;

static FILE *make(const char *name)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	if (!f)
		perror(path);
	return f;
}

static void write_text(const char *name, const char *text)
{
	FILE *f = make(name);

	fputs(text, f);
	fclose(f);
}

static void remove_file(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
}

/* What is there now, as an agent that has just started sees it. */
static void read_now(void)
{
	procfs_done(&procfs);
	memset(&w, 0xa5, sizeof(w));
	procfs_read(&procfs, &buffer, &w);
}

static const char stat_text[] =
	"cpu  100 20 300 4000 50 6 7 8 9 10\n"
	"cpu0 50 10 150 2000 25 3 4 4 5 5\n"
	"cpu1 50 10 150 2000 25 3 3 4 4 5\n"
	"intr 123456 0 9 0 0\n"
	"ctxt 98765432109\n"
	"btime 1763874000\n"
	"processes 4321\n"
	"procs_running 3\n"
	"procs_blocked 2\n"
	"softirq 777 1 2 3\n";

static void test_stat(void)
{
	const uint64_t tick_ms = 1000 / sysconf(_SC_CLK_TCK);

	write_text("stat", stat_text);
	read_now();
	ok(IS(w, cpu_user_ms, 100 * tick_ms) && IS(w, cpu_nice_ms, 20 * tick_ms) &&
		   IS(w, cpu_system_ms, 300 * tick_ms) && IS(w, cpu_idle_ms, 4000 * tick_ms) &&
		   IS(w, cpu_iowait_ms, 50 * tick_ms) && IS(w, cpu_irq_ms, 6 * tick_ms) &&
		   IS(w, cpu_softirq_ms, 7 * tick_ms) && IS(w, cpu_steal_ms, 8 * tick_ms),
	   "CPU time of all CPUs");
	ok(IS(w, interrupts, 123456) && IS(w, context_switches, 98765432109) &&
		   IS(w, forks, 4321) && IS(w, softirqs, 777),
	   "interrupts, context switches, forks, softirqs");
	ok(IS(w, tasks_runnable, 2) && IS(w, tasks_blocked, 2), "tasks, without the one that asks");
	ok(!HAS(w, memory_total_bytes) && !HAS(w, memory_available_bytes) && !HAS(w, disk_reads) &&
		   !HAS(w, net_sent_bytes),
	   "files that are missing: unknown, not zero");
	write_text("stat", "cpu  1 2 3\nctxt\nintr x\nprocesses -5\nprocs_running 0\n");
	read_now();
	ok(!HAS(w, cpu_user_ms) && !HAS(w, context_switches) && !HAS(w, interrupts) &&
		   !HAS(w, forks),
	   "lines that break off or have no number: unknown");
	ok(IS(w, tasks_runnable, 0), "nobody running is not minus one");
}

/* As on a machine with @cpus and as many interrupts as its chips have inputs. */
static void write_big_stat(int cpus, int irqs)
{
	FILE *f = make("stat");

	fputs("cpu  100 20 300 4000 50 6 7 8 9 10\n", f);
	for (int i = 0; i < cpus; i++)
		fprintf(f, "cpu%d 123456789 123456789 123456789 1234567890 12345 0 12345 0 0 0\n",
			i);
	fputs("intr 123456", f);
	for (int i = 0; i < irqs; i++)
		fputs(" 0", f);
	fputs("\nctxt 98765432109\nprocesses 4321\nprocs_running 3\nprocs_blocked 2\n"
	      "softirq 777 1 2 3\n",
	      f);
	fclose(f);
}

static void test_long(void)
{
	bool good = true;

	write_big_stat(512, 40000);
	read_now();
	ok(HAS(w, cpu_user_ms) && IS(w, interrupts, 123456),
	   "512 CPUs and 40000 interrupts: what is in front of them");
	ok(IS(w, context_switches, 98765432109) && IS(w, forks, 4321) && IS(w, softirqs, 777),
	   "and what is behind them");
	write_big_stat(0, 200000);
	read_now();
	ok(IS(w, interrupts, 123456) && IS(w, context_switches, 98765432109),
	   "an intr line longer than any buffer");
	/* Wherever a buffer ends, no number may be cut. */
	for (size_t irqs = (sizeof(buffer) - 400) / 2; irqs < sizeof(buffer) / 2 + 20; irqs++) {
		write_big_stat(0, irqs);
		read_now();
		good = good && (!HAS(w, context_switches) || IS(w, context_switches, 98765432109)) &&
		       (!HAS(w, forks) || IS(w, forks, 4321)) &&
		       (!HAS(w, softirqs) || IS(w, softirqs, 777));
	}
	ok(good, "no number is cut where a buffer ends");
	write_text("stat", stat_text);
}

static void test_meminfo(void)
{
	write_text("meminfo", "MemTotal:        2028544 kB\nMemFree:          100000 kB\n"
			      "MemAvailable:    1500000 kB\n");
	read_now();
	ok(IS(w, memory_total_bytes, 2028544ULL * 1024) &&
		   IS(w, memory_available_bytes, 1500000ULL * 1024),
	   "memory");
	write_text("meminfo", "MemTotal:        2028544 kB\n");
	read_now();
	ok(HAS(w, memory_total_bytes) && !HAS(w, memory_available_bytes),
	   "an old kernel without MemAvailable: unknown");
}

/* Reads 1, sectors read 10, writes 100, sectors written 1000, each times @n. */
static void put_disk(FILE *f, const char *name, int n)
{
	fprintf(f, " 254       0 %s %d 5 %d 7 %d 6 %d 9 0 11 12 0 0 0 0 13 14\n", name, n, 10 * n,
		100 * n, 1000 * n);
}

static void test_disks(void)
{
	static const char *const counted[] = { "vda", "nvme0n1", "nvme0n10", "sda", "sdaa",
					       "mmcblk0", "xvda", "vdb" };
	static const char *const after[][4] = {
		{ "vda1", "vda2", "vda15" },
		{ "nvme0n1p1", "nvme0n1p2", "nvme0n1p128" },
		{ "nvme0n10p1" },
		{ "sda1" },
		{ "sdaa1", "sdaa10" },
		{ "mmcblk0p1" },
		{ "xvda1" },
		{ NULL },
	};
	static const char *const stacked[] = { "loop0", "loop12p1", "dm-0", "ram3", "zram0",
					       "md127", "sr0", "fd0" };
	const int n = sizeof(counted) / sizeof(counted[0]);
	FILE *f = make("diskstats");

	for (int i = 0; i < n; i++) {
		put_disk(f, counted[i], 1);
		for (int j = 0; j < 4 && after[i][j]; j++)
			put_disk(f, after[i][j], 1000);
	}
	for (size_t i = 0; i < sizeof(stacked) / sizeof(stacked[0]); i++)
		put_disk(f, stacked[i], 1000);
	fclose(f);
	read_now();
	ok(IS(w, disk_reads, 1ULL * n) && IS(w, disk_read_bytes, 5120ULL * n) &&
		   IS(w, disk_writes, 100ULL * n) && IS(w, disk_written_bytes, 512000ULL * n) &&
		   IS(w, disk_busy_ms, 11ULL * n),
	   "whole disks; no partitions, loop, ram, device-mapper, md, optical");

	write_text("diskstats", " 254 0 vda 1 2 3\n garbage\n\n 254 0\n 254 0 vda 1 2 3 4 5 6 7 8 9\n");
	read_now();
	ok(!HAS(w, disk_reads) && !HAS(w, disk_written_bytes) && !HAS(w, disk_busy_ms),
	   "lines that break off: unknown, not zero");
	f = make("diskstats");
	put_disk(f, "a_name_that_is_longer_than_any_name_of_a_disk", 5);
	put_disk(f, "vda", 2);
	fclose(f);
	read_now();
	ok(IS(w, disk_reads, 2), "a name too long is none");
}

static void test_net(void)
{
	write_text("net/dev",
		   "Inter-|   Receive                                                |  Transmit\n"
		   " face |bytes    packets errs drop fifo frame compressed multicast|bytes    "
		   "packets errs drop fifo colls carrier compressed\n"
		   "    lo: 9999 99 0 0 0 0 0 0 9999 99 0 0 0 0 0 0\n"
		   "  eth0: 1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0\n"
		   "enp1s0:7 1 0 0 0 0 0 0 5 2 0 0 0 0 0 0\n"
		   " short: 1 2 3\n");
	read_now();
	ok(IS(w, net_received_bytes, 1007) && IS(w, net_received_packets, 11) &&
		   IS(w, net_sent_bytes, 2005) && IS(w, net_sent_packets, 22),
	   "all interfaces but lo");
	write_text("net/dev", "    lo: 9999 99 0 0 0 0 0 0 9999 99 0 0 0 0 0 0\n");
	read_now();
	ok(!HAS(w, net_received_bytes) && !HAS(w, net_sent_packets), "lo alone: unknown, not zero");
}

/* As recorded on Debian 12, shortened. */
static void test_vmstat(void)
{
	write_text("vmstat", "nr_free_pages 1234\npswpin 11\npswpout 12\npgalloc_dma 0\n"
			     "pgfault 123456789012\npgmajfault 99\npgfaults 7\n");
	read_now();
	ok(IS(w, page_faults, 123456789012) && IS(w, pages_swapped_in, 11) &&
		   IS(w, pages_swapped_out, 12),
	   "page faults, pages swapped in and out");
	write_text("vmstat", "pgfault\npswpin x\n pswpout 3\n");
	read_now();
	ok(!HAS(w, page_faults) && !HAS(w, pages_swapped_in) && !HAS(w, pages_swapped_out),
	   "lines without a number: unknown");
}

static void test_pressure(void)
{
	write_text("pressure/cpu", "some avg10=0.11 avg60=0.22 avg300=0.33 total=1234567\n"
				   "full avg10=0.00 avg60=0.00 avg300=0.00 total=99\n");
	write_text("pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=21\n"
				      "full avg10=0.00 avg60=0.00 avg300=0.00 total=20\n");
	write_text("pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=31\n"
				  "full avg10=0.00 avg60=0.00 avg300=0.00 total=30\n");
	read_now();
	ok(IS(w, psi_cpu_some_us, 1234567) && IS(w, psi_memory_some_us, 21) &&
		   IS(w, psi_memory_full_us, 20) && IS(w, psi_io_some_us, 31) &&
		   IS(w, psi_io_full_us, 30),
	   "pressure: what waited, by the total");
	write_text("pressure/cpu", "some avg10=0.11\n");
	write_text("pressure/memory", "total=5\nsometotal=6\nsome total=x\n");
	remove_file("pressure/io");
	read_now();
	ok(!HAS(w, psi_cpu_some_us) && !HAS(w, psi_memory_some_us) && !HAS(w, psi_io_some_us),
	   "no total, or no file (PSI is off): unknown");
}

static void test_files(void)
{
	remove_file("meminfo");
	read_now();
	ok(!HAS(w, memory_total_bytes) && HAS(w, forks), "no meminfo yet, the others are read");
	write_text("meminfo", "MemTotal: 1 kB\n");
	procfs_read(&procfs, &buffer, &w);
	ok(IS(w, memory_total_bytes, 1024), "a file that appears later is picked up");
	write_text("stat", "ctxt 5\n");
	procfs_read(&procfs, &buffer, &w);
	ok(IS(w, context_switches, 5) && !HAS(w, forks),
	   "an open file is read anew, nothing is left from before");
	write_text("stat", "");
	procfs_read(&procfs, &buffer, &w);
	ok(!HAS(w, context_switches), "an empty file: unknown");
	write_text("stat", "ctxt 6");
	procfs_read(&procfs, &buffer, &w);
	ok(IS(w, context_switches, 6), "a last line without an end");
	remove_file("stat");
	read_now();
	ok(!HAS(w, context_switches), "a file that went");
	procfs_done(&procfs);
	procfs_init(&procfs, "/nowhere");
	procfs_read(&procfs, &buffer, &w);
	ok(w.mask == 0, "no /proc: nothing is known");
	procfs_done(&procfs);
	procfs_init(&procfs, "/proc");
	procfs_read(&procfs, &buffer, &w);
	ok(HAS(w, cpu_idle_ms) && HAS(w, context_switches) && HAS(w, memory_total_bytes) &&
		   HAS(w, page_faults),
	   "this machine's own /proc");
	procfs_done(&procfs);
}

int main(void)
{
	static const char *const names[] = { "stat", "meminfo", "diskstats", "net/dev", "vmstat",
					     "pressure/cpu", "pressure/memory", "pressure/io" };
	char net[64], pressure[64];

	if (!mkdtemp(dir)) {
		perror(dir);
		return 1;
	}
	snprintf(net, sizeof(net), "%s/net", dir);
	snprintf(pressure, sizeof(pressure), "%s/pressure", dir);
	mkdir(net, 0700);
	mkdir(pressure, 0700);
	procfs_init(&procfs, dir);
	test_stat();
	test_long();
	test_meminfo();
	test_disks();
	test_net();
	test_vmstat();
	test_pressure();
	test_files();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		remove_file(names[i]);
	rmdir(net);
	rmdir(pressure);
	rmdir(dir);
	return done_testing();
}
