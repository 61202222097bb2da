// SPDX-License-Identifier: Apache-2.0
/* Takes its return address off the stack into a register while it runs, as glibc's vfork() does. */
#include <stdio.h>

void pops(void);

__asm__(".text\n.globl pops\n.type pops, @function\npops:\n"
	".cfi_startproc\n"
	"pop %rdi\n.cfi_adjust_cfa_offset -8\n.cfi_register %rip, %rdi\n"
	"mov $0x1000000, %ecx\n"
	"1: dec %ecx\njnz 1b\n"
	"push %rdi\n.cfi_adjust_cfa_offset 8\n.cfi_offset %rip, -8\n"
	"ret\n"
	".cfi_endproc\n.size pops, . - pops\n");

int main(void)
{
	puts("ready");
	fflush(stdout);
	for (;;)
		pops();
}
