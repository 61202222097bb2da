// SPDX-License-Identifier: Apache-2.0
/* Calls assembly that has no unwind information: directly, and through a pointer. */
#include <stdio.h>

void bare(void);
void rounding(void);
static volatile unsigned long sum;
static void (*volatile pointer)(void) = bare;

__attribute__((noinline)) static void direct(void)
{
	bare();
	sum++;
}

__attribute__((noinline)) static void indirect(void)
{
	pointer();
	sum++;
}

__attribute__((noinline)) static void rounded(void)
{
	rounding();
	sum++;
}

int main(void)
{
	puts("ready");
	fflush(stdout);
	for (;;) {
		direct();
		indirect();
		rounded();
	}
}
