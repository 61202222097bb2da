// SPDX-License-Identifier: Apache-2.0
/*
 * Runs code in memory of no file, which has no frame, while the frame pointer is a mere number: what it leads to as a return
 * address is data.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* mov $0x1000000, %ecx; 1: dec %ecx; jnz 1b; ret */
static const unsigned char CODE[] = { 0xb9, 0, 0, 0, 1, 0xff, 0xc9, 0x75, 0xfc, 0xc3 };

void call_copied(void *code, long number);

__asm__(".text\n.globl call_copied\n.type call_copied, @function\ncall_copied:\n"
	".cfi_startproc\n"
	"push %rbp\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset %rbp, 0\n"
	"mov %rsi, %rbp\n"
	"call *%rdi\n"
	"pop %rbp\n.cfi_adjust_cfa_offset -8\n.cfi_restore %rbp\n"
	"ret\n"
	".cfi_endproc\n.size call_copied, . - call_copied\n");

int main(void)
{
	long data[2];
	void *code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	data[0] = 0;
	data[1] = (long)data;
	memcpy(code, CODE, sizeof(CODE));
	puts("ready");
	fflush(stdout);
	for (;;)
		call_copied(code, (long)data);
}
