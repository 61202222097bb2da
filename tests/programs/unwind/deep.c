// SPDX-License-Identifier: Apache-2.0
/* As deep as its argument says. */
#include <stdio.h>
#include <stdlib.h>

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

int main(int count, char **arguments)
{
	int depth = count > 1 ? atoi(arguments[1]) : 0;

	puts("ready");
	fflush(stdout);
	for (;;)
		recurse(depth);
}
