/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boot sector of the disk that "once" gives to Bochs. Reads what the table says
 * from the first ATA disk and enters an ELF kernel's 64-bit entry: nothing is
 * unpacked, and no firmware call is made for a hundred megabytes.
 */
#define BOOT_PARAMS	0x90000
#define PAGE_TABLES	0x1000

	.globl _start
	.code16
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	inb	$0x92, %al		/* A20 */
	orb	$2, %al
	outb	%al, $0x92
	lgdtl	gdt_pointer
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmpl	$0x20, $protected

	.code32
protected:
	movw	$0x18, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movl	$0x7c00, %esp
	movw	$0x3f6, %dx		/* no interrupts from the disk */
	movb	$2, %al
	outb	%al, %dx

	/* EBX is the next sector, EBP how many are left, EDI where they go. */
	movl	$table, %esi
next_chunk:
	lodsl
	movl	%eax, %edi
	lodsl
	movl	%eax, %ebx
	lodsl
	movl	%eax, %ebp
	testl	%ebp, %ebp
	jz	loaded
next_command:
	movw	$0x1f7, %dx
1:	inb	%dx, %al
	testb	$0x80, %al
	jnz	1b
	movl	%ebp, %ecx
	cmpl	$128, %ecx
	jbe	1f
	movl	$128, %ecx
1:	subl	%ecx, %ebp
	movw	$0x1f2, %dx
	movb	%cl, %al
	outb	%al, %dx
	movl	%ebx, %eax
	addl	%ecx, %ebx
	incw	%dx
	outb	%al, %dx
	shrl	$8, %eax
	incw	%dx
	outb	%al, %dx
	shrl	$8, %eax
	incw	%dx
	outb	%al, %dx
	shrl	$8, %eax
	orb	$0xe0, %al		/* master, by block number */
	incw	%dx
	outb	%al, %dx
	incw	%dx
	movb	$0x20, %al		/* READ SECTORS */
	outb	%al, %dx
next_sector:
	movw	$0x1f7, %dx
1:	inb	%dx, %al
	testb	$0x80, %al
	jnz	1b
	testb	$0x08, %al
	jz	1b
	pushl	%ecx
	movw	$0x1f0, %dx
	movl	$128, %ecx
	rep insl
	popl	%ecx
	loop	next_sector
	testl	%ebp, %ebp
	jnz	next_command
	jmp	next_chunk

loaded:
	pushl	$0x10			/* for the far return */
	pushl	%edi
	/* EAX is 0: map the first GiB as it is */
	movl	$PAGE_TABLES, %edi
	movl	%edi, %cr3
	movl	$(3 * 4096 / 4), %ecx
	rep stosl
	movl	$(PAGE_TABLES + 0x1003), PAGE_TABLES
	movl	$(PAGE_TABLES + 0x2003), PAGE_TABLES + 0x1000
	movl	$(PAGE_TABLES + 0x2000), %edi
	movl	$0x83, %eax
	movl	$512, %ecx
1:	movl	%eax, (%edi)
	addl	$8, %edi
	addl	$0x200000, %eax
	loop	1b
	movl	%cr4, %eax
	orb	$0x20, %al		/* PAE */
	movl	%eax, %cr4
	movl	$0xc0000080, %ecx
	rdmsr
	orb	$1, %ah			/* LME */
	wrmsr
	movl	%cr0, %eax
	orl	$0x80000000, %eax
	movl	%eax, %cr0
	movl	$BOOT_PARAMS, %esi
	lret

	.balign	8
gdt:
	.quad	0, 0
	.quad	0x00af9a000000ffff	/* 0x10: 64-bit code */
	.quad	0x00cf92000000ffff	/* 0x18: data */
	.quad	0x00cf9a000000ffff	/* 0x20: 32-bit code */
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt

	/* 12 bytes each: address, first sector, sectors; sectors 0: enter there. */
	.org	0x17e
table:
	.org	0x1fe
	.word	0xaa55
