// SPDX-License-Identifier: Apache-2.0
/* Deeper than a stack can be told. */
#include <stdio.h>

static volatile unsigned long sum;

__attribute__((noinline)) static void leaf(void)
{
	for (int i = 0; i < 1000000; i++)
		sum += i;
}

__attribute__((noinline)) static int recurse(int n)
{
	if (n == 0) {
		leaf();
		return 1;
	}
	int depth = recurse(n - 1) + 1;
	sum += depth;
	return depth;
}

int main(void)
{
	puts("ready");
	fflush(stdout);
	for (;;)
		recurse(1000);
}
