// SPDX-License-Identifier: Apache-2.0
/* A function that a uretprobe has return to somewhere else. */
#include <stdio.h>

static volatile unsigned long sum;

__attribute__((noinline)) static void inner(void)
{
	for (int i = 0; i < 3000000; i++)
		sum += i;
}

__attribute__((noinline)) void probed(void)
{
	inner();
	sum++;
}

__attribute__((noinline)) static void outer(void)
{
	probed();
	sum++;
}

int main(void)
{
	puts("ready");
	fflush(stdout);
	for (;;)
		outer();
}
