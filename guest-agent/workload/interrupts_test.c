/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/workload/interrupts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-agent/shared/detail.h"
#include "guest-agent/shared/tap.h"

static struct interrupts in;
static struct lines_buffer buffer;
static char text[4 << 20];

static void parse(size_t piece)
{
	size_t len = strlen(text);

	interrupts_begin(&in);
	for (size_t at = 0; at < len; at += piece)
		interrupts_feed(&in, text + at, len - at < piece ? len - at : piece);
	interrupts_sort(&in);
}

/* Its count; 0 if it is not there. */
static uint64_t count_of(const char *name)
{
	for (size_t i = 0; i < in.sources; i++) {
		if (strcmp(in.source[i].name, name) == 0)
			return in.source[i].count;
	}
	return 0;
}

/* As recorded: a KVM guest with 2 vCPUs, and lines of other machines among them. */
static const char recorded[] =
	"           CPU0       CPU1       \n"
	"  0:         35          0   IO-APIC   2-edge      timer\n"
	"  4:          0       1234   IO-APIC   4-edge      ttyS0\n"
	" 10:          1          2   IO-APIC  10-fasteoi   virtio3, uhci_hcd:usb1\n"
	" 16:          0          7   IO-APIC  16-fasteoi   i801_smbus, ahci[0000:00:1f.2]\n"
	" 24:          1          0   PCI-MSI 49152-edge      virtio0-config\n"
	" 25:   81234567    1000000   PCI-MSI 49153-edge      virtio0-req.0\n"
	" 30:          0          3  PCI-MSIX-0000:00:05.0   1-edge      virtio4-input\n"
	" 31:          5          5   PCI-MSI 65536-edge    \n"
	" 32:          0          0   PCI-MSI 65537-edge      never\n"
	" 33:          2          0  HPET-MSI   3-edge      hpet3\n"
	" 34:          4          0    XT-PIC      timer2\n"
	"NMI:          0          0   Non-maskable interrupts\n"
	"LOC:    9904410   10152936   Local timer interrupts\n"
	"RES:    2931828    2792862   Rescheduling interrupts\n"
	"ERR:         17\n"
	"MIS:          0\n"
	"PIN:          0          0   Posted-interrupt notification event\n";

static bool is_recorded(void)
{
	return count_of("timer") == 35 && count_of("ttyS0") == 1234 &&
	       count_of("virtio3, uhci_hcd:usb1") == 3 &&
	       count_of("i801_smbus, ahci[0000:00:1f.2]") == 7 && count_of("virtio0-config") == 1 &&
	       count_of("virtio0-req.0") == 82234567 && count_of("virtio4-input") == 3 &&
	       count_of("31") == 10 && count_of("hpet3") == 2 && count_of("timer2") == 4 &&
	       count_of("LOC") == 20057346 && count_of("RES") == 5724690 && count_of("ERR") == 17 &&
	       in.sources == 13;
}

static void test_recorded(void)
{
	bool good = true;

	strcpy(text, recorded);
	parse(sizeof(text));
	ok(is_recorded(), "devices by their names, local ones by their labels, summed over CPUs");
	ok(strcmp(in.source[0].name, "virtio0-req.0") == 0 &&
		   strcmp(in.source[1].name, "LOC") == 0 &&
		   strcmp(in.source[12].name, "virtio0-config") == 0,
	   "those with most first");
	for (size_t piece = 1; piece < 200; piece++) {
		parse(piece);
		good = good && is_recorded();
	}
	ok(good, "in pieces of any size");
}

/* A line for each of @irqs on a machine with @cpus. */
static void write_wide(int cpus, int irqs)
{
	char *p = text;

	p += sprintf(p, "     ");
	for (int cpu = 0; cpu < cpus; cpu++)
		p += sprintf(p, " %7s%-3d", "CPU", cpu);
	p += sprintf(p, "\n");
	for (int irq = 0; irq < irqs; irq++) {
		p += sprintf(p, "%4d:", 20 + irq);
		for (int cpu = 0; cpu < cpus; cpu++)
			p += sprintf(p, " %10d", cpu == irq % cpus ? 1000 + irq : 1);
		p += sprintf(p, "  PCI-MSI %d-edge      nvme%dq%d\n", 524288 + irq, irq / 64,
			     irq % 64);
	}
	p += sprintf(p, "LOC:");
	for (int cpu = 0; cpu < cpus; cpu++)
		p += sprintf(p, " %10u", 4000000000U);
	sprintf(p, "   Local timer interrupts\n");
}

static void test_wide(void)
{
	write_wide(256, 1000);
	parse(4096);
	ok(in.sources == INTERRUPTS_KEPT && count_of("LOC") == 256 * 4000000000ULL,
	   "256 CPUs, 1000 devices (%zu bytes): the sum is right", strlen(text));
	ok(strcmp(in.source[0].name, "LOC") == 0 && count_of("nvme15q39") == 1000 + 999 + 255 &&
		   count_of("nvme15q0") == 1000 + 960 + 255 && count_of("nvme0q0") == 0,
	   "and those that are kept have most");
}

static void test_equal_names(void)
{
	strcpy(text, "   CPU0\n  1: 5  PCI-MSI 1-edge xhci_hcd\n  2: 6  PCI-MSI 2-edge xhci_hcd\n"
		     "  3: 1  PCI-MSI 3-edge a_name_that_is_much_longer_than_any_name_should_be\n"
		     "  4: 2  PCI-MSI 4-edge a_name_that_is_much_longer_than_any_other\n");
	parse(1000);
	ok(count_of("xhci_hcd") == 11, "equal names are added up");
	ok(in.sources == 2 && in.source[1].count == 3 &&
		   strlen(in.source[1].name) == INTERRUPTS_NAME_MAX,
	   "long ones are cut, and then equal");
}

static void test_odd(void)
{
	static const char *const odd[] = {
		"",
		"\n",
		"CPU0\n",
		"CPU0\n:\n",
		"CPU0\n: 5\n",
		"CPU0\n1:\n",
		"CPU0\n1: x\n",
		"CPU0\nno colon at all\n",
		"CPU0\n1: -5 x 1-edge y\n",
		"no header: 1 2 3\n",
	};
	bool good = true;

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		strcpy(text, odd[i]);
		parse(1);
		good = good && (in.sources == 0 || (in.sources == 1 && in.source[0].count == 5));
	}
	ok(good, "lines that are no counts count nothing");
	strcpy(text, "CPU0\n");
	memset(text + 5, 'x', 1 << 20);
	strcpy(text + 5 + (1 << 20), ": 99999999999999999999999 chip 1-edge \t\x01\x80name\n");
	parse(3);
	ok(in.sources == 1 && strlen(in.source[0].name) <= INTERRUPTS_NAME_MAX,
	   "a label of a megabyte, a count beyond 64 bits");
	srand(1);
	for (int round = 0; round < 2000; round++) {
		strcpy(text, recorded);
		for (int i = 0; i < 20; i++)
			text[rand() % strlen(recorded)] = " \n:0x9CPU\x80"[rand() % 11];
		parse(1 + rand() % 100);
		good = good && in.sources <= INTERRUPTS_KEPT;
	}
	ok(good, "2000 damaged tables");
}

static char dir[] = "/tmp/vmexit-interrupts-XXXXXX";
static uint8_t detail[4096];

/* The list that comes of the file; how many are in it, -1 without a list. */
static int put(size_t max, size_t size, struct detail_entry *ret_first)
{
	struct wire_writer w = { .buf = detail, .size = size };
	struct detail_entry entry;
	struct detail_iter iter;
	int n = 0;

	interrupts_put(&in, dir, &buffer, max, &w);
	if (!detail_is_valid(detail, w.len) ||
	    !detail_find(detail, w.len, DETAIL_INTERRUPTS, &iter))
		return -1;
	for (; detail_next(&iter, &entry); n++) {
		if (n == 0)
			*ret_first = entry;
	}
	return n;
}

static void test_list(void)
{
	struct detail_entry first;
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/interrupts", dir);
	ok(put(12, sizeof(detail), &first) == -1, "no file, no list");
	f = fopen(path, "we");
	fputs(recorded, f);
	fclose(f);
	ok(put(5, sizeof(detail), &first) == 5 && first.value == 82234567 &&
		   first.name_len == strlen("virtio0-req.0"),
	   "as many as are asked for");
	ok(put(24, sizeof(detail), &first) == 13, "or as there are");
	ok(put(24, 30, &first) == 2 && put(24, 3, &first) == -1, "or as there is room for");
	f = fopen(path, "we");
	fputs("   CPU0\nLOC: 6 x\nRES: 7", f);
	fclose(f);
	ok(put(24, sizeof(detail), &first) == 2 && first.value == 7,
	   "the file is read anew, also a last line without an end");
	interrupts_done(&in);
	unlink(path);
	ok(put(24, sizeof(detail), &first) == -1, "gone");
	interrupts_done(&in);
}

int main(void)
{
	if (!mkdtemp(dir)) {
		perror(dir);
		return 1;
	}
	interrupts_init(&in);
	test_recorded();
	test_wide();
	test_equal_names();
	test_odd();
	test_list();
	rmdir(dir);
	return done_testing();
}
