/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plugin for QEMU's emulator: what a kernel does between two addresses of user
 * space, exactly. At the second address it appends to a file
 *	begin
 *	insn ADDRESS COUNT [rdtsc|lock]	each kernel instruction executed, and how often
 *	line ADDRESS COUNT		each cache line that modules stored to, and how often
 *	end
 * Arguments: out=FILE, begin=ADDRESS, end=ADDRESS.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Debian does not package QEMU's qemu-plugin.h; this is what is needed of version 1. */
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_mem_rw { QEMU_PLUGIN_MEM_R = 1, QEMU_PLUGIN_MEM_W };
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
const uint8_t *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
bool qemu_plugin_mem_is_store(uint32_t info);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
					   void (*cb)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, enum qemu_plugin_op op,
						void *value, uint64_t addend);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*cb)(unsigned int cpu, void *arg),
					    enum qemu_plugin_cb_flags flags, void *arg);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
				      void (*cb)(unsigned int cpu, uint32_t info, uint64_t address, void *arg),
				      enum qemu_plugin_cb_flags flags, enum qemu_plugin_mem_rw rw, void *arg);

#define EXPORT __attribute__((visibility("default")))
#define KERNEL 0xffffffff80000000
#define MODULES 0xffffffffc0000000
#define SLOTS (1u << 20)
#define LINE_SLOTS (1u << 16)
#define LINE_SIZE 64
#define HASH 0x9e3779b97f4a7c15

EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv);

struct counter {
	uint64_t address;
	uint64_t count;
	uint64_t at_begin;
	const char *kind;
};

struct line {
	uint64_t address;
	uint64_t count;
};

/* Translated code adds to the counters in place, so they never move. */
static struct counter counters[SLOTS];
static unsigned int used;
static const char *out;
static uint64_t begin, end;
static struct line lines[LINE_SLOTS];
static unsigned int n_lines;
static bool inside;

static void fatal(const char *what)
{
	fprintf(stderr, "profile-plugin: %s\n", what);
	exit(1);
}

static struct counter *counter_of(uint64_t address)
{
	unsigned int i = (unsigned int)((address * HASH) >> 44);

	while (counters[i].address && counters[i].address != address)
		i = (i + 1) % SLOTS;
	if (!counters[i].address) {
		if (++used > SLOTS / 2)
			fatal("too many instructions");
		counters[i].address = address;
	}
	return &counters[i];
}

static const char *kind_of(const struct qemu_plugin_insn *insn)
{
	const uint8_t *code = qemu_plugin_insn_data(insn);
	size_t size = qemu_plugin_insn_size(insn);

	if ((size == 2 && !memcmp(code, "\x0f\x31", 2)) || (size == 3 && !memcmp(code, "\x0f\x01\xf9", 3)))
		return " rdtsc";
	return size > 1 && code[0] == 0xf0 ? " lock" : "";
}

/* A store that straddles two lines is aligned wrongly anyway; its first one counts. */
static void at_store(unsigned int cpu, uint32_t info, uint64_t address, void *arg)
{
	uint64_t line = address & ~(uint64_t)(LINE_SIZE - 1);
	unsigned int i;

	(void)cpu;
	(void)arg;
	/* Loads arrive as well, whatever was registered. */
	if (!inside || !qemu_plugin_mem_is_store(info))
		return;
	i = (unsigned int)((line * HASH) >> 48);
	while (lines[i].address && lines[i].address != line)
		i = (i + 1) % LINE_SLOTS;
	if (!lines[i].address && ++n_lines > LINE_SLOTS / 2)
		fatal("too many cache lines");
	lines[i].address = line;
	lines[i].count++;
}

static void at_begin(unsigned int cpu, void *arg)
{
	(void)cpu;
	(void)arg;
	inside = true;
	n_lines = 0;
	memset(lines, 0, sizeof(lines));
	for (unsigned int i = 0; i < SLOTS; i++)
		counters[i].at_begin = counters[i].count;
}

static void at_end(unsigned int cpu, void *arg)
{
	FILE *file = fopen(out, "a");

	(void)cpu;
	(void)arg;
	inside = false;
	if (!file)
		fatal("the output file cannot be written");
	fputs("begin\n", file);
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct counter *c = &counters[i];

		if (c->count != c->at_begin)
			fprintf(file, "insn %llx %llu%s\n", (unsigned long long)c->address,
				(unsigned long long)(c->count - c->at_begin), c->kind);
	}
	for (unsigned int i = 0; i < LINE_SLOTS; i++)
		if (lines[i].count)
			fprintf(file, "line %llx %llu\n", (unsigned long long)lines[i].address,
				(unsigned long long)lines[i].count);
	fputs("end\n", file);
	fclose(file);
}

static void translate_kernel(struct qemu_plugin_insn *insn, uint64_t address)
{
	struct counter *c = counter_of(address);

	c->kind = kind_of(insn);
	qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &c->count, 1);
	if (address >= MODULES)
		qemu_plugin_register_vcpu_mem_cb(insn, at_store, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_W, NULL);
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t address = qemu_plugin_insn_vaddr(insn);

		if (address >= KERNEL)
			translate_kernel(insn, address);
		else if (address == begin)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, at_begin, QEMU_PLUGIN_CB_NO_REGS, NULL);
		else if (address == end)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, at_end, QEMU_PLUGIN_CB_NO_REGS, NULL);
	}
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			out = strdup(argv[i] + 4);
		else if (!strncmp(argv[i], "begin=", 6))
			begin = strtoull(argv[i] + 6, NULL, 0);
		else if (!strncmp(argv[i], "end=", 4))
			end = strtoull(argv[i] + 4, NULL, 0);
	}
	if (!out || !begin || !end) {
		fprintf(stderr, "profile-plugin: out, begin and end are needed\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	return 0;
}
