// SPDX-License-Identifier: Apache-2.0
/* Twelve calls deep, each function in a page of the unwind table that is far from all others. */
#include <stdio.h>

volatile unsigned long sink;

#define APART __attribute__((noinline, aligned(512 << 10)))

APART void level_0(unsigned long x)
{
	for (;;)
		sink += x;
}

#define LEVEL(n, below) APART void level_##n(unsigned long x) { level_##below(x + 1); sink += x; }
LEVEL(1, 0) LEVEL(2, 1) LEVEL(3, 2) LEVEL(4, 3) LEVEL(5, 4) LEVEL(6, 5) LEVEL(7, 6) LEVEL(8, 7) LEVEL(9, 8) LEVEL(10, 9)
LEVEL(11, 10)

/* As many functions as a file has whose table is compiled by pages. */
asm(".text\n.rept 20000\n.cfi_startproc\nret\n.cfi_endproc\n.endr\n");

int main(void)
{
	puts("ready");
	fflush(stdout);
	level_11(1);
}
