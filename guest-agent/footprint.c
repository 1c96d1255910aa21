/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/footprint.h"

#include <link.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static int shrink_segments(struct dl_phdr_info *info, size_t size, void *context)
{
	uintptr_t page = sysconf(_SC_PAGESIZE);

	(void)size;
	(void)context;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t from = (info->dlpi_addr + segment->p_vaddr) & ~(page - 1);
		uintptr_t to = info->dlpi_addr + segment->p_vaddr + segment->p_memsz;

		if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W))
			(void)madvise((void *)from, to - from, MADV_DONTNEED);
	}
	/* The first is the program. */
	return 1;
}

void footprint_shrink(void)
{
	(void)dl_iterate_phdr(shrink_segments, NULL);
}
