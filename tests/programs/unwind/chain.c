// SPDX-License-Identifier: Apache-2.0
/* Forty calls deep, some of them with frames whose size only the running program knows, and a tail call on the way. */
#include <stdio.h>

volatile unsigned long sink;
/* Never set, but the compiler must not know that nothing here returns: it would not jump then. */
volatile int stop;

#define NOINLINE __attribute__((noinline))

NOINLINE void level_0(unsigned long x)
{
	while (!stop)
		for (int i = 0; i < 1000; i++)
			sink += x * i;
}

/* Of plain frames. */
#define PLAIN(n, below) NOINLINE void level_##n(unsigned long x) { level_##below(x + 1); sink += x; }
/* Of a frame whose size is not known when it is compiled: the stack pointer cannot say where it ends. */
#define SIZED(n, below) NOINLINE void level_##n(unsigned long x) \
	{ char bytes[x % 7 * 16 + 16]; bytes[0] = x; asm volatile("" ::"r"(bytes) : "memory"); \
	  level_##below(x + 1); sink += bytes[0]; }
/* Of a frame that is larger than a page, aligned to 64 bytes. */
#define LARGE(n, below) NOINLINE void level_##n(unsigned long x) \
	{ char bytes[9000] __attribute__((aligned(64))); asm volatile("" ::"r"(bytes) : "memory"); \
	  level_##below(x + 1); sink += bytes[x & 1]; }

PLAIN(1, 0) PLAIN(2, 1) SIZED(3, 2) PLAIN(4, 3) LARGE(5, 4) PLAIN(6, 5) PLAIN(7, 6) SIZED(8, 7) PLAIN(9, 8) PLAIN(10, 9)
PLAIN(11, 10) PLAIN(12, 11) SIZED(13, 12) PLAIN(14, 13) LARGE(15, 14) PLAIN(16, 15) PLAIN(17, 16) SIZED(18, 17)
PLAIN(19, 18) PLAIN(20, 19) PLAIN(21, 20) PLAIN(22, 21) SIZED(23, 22) PLAIN(24, 23) LARGE(25, 24) PLAIN(26, 25)
PLAIN(27, 26) SIZED(28, 27) PLAIN(29, 28) PLAIN(30, 29) PLAIN(31, 30) PLAIN(32, 31) SIZED(33, 32) PLAIN(34, 33)
LARGE(35, 34) PLAIN(36, 35) PLAIN(37, 36) SIZED(38, 37) PLAIN(39, 38)

/* Jumps to what it calls, so that it is in no stack. */
NOINLINE void jumps(unsigned long x)
{
	sink++;
	level_39(x);
}

NOINLINE void level_40(unsigned long x)
{
	jumps(x + 1);
	sink += x;
}

int main(void)
{
	puts("ready");
	fflush(stdout);
	level_40(1);
}
