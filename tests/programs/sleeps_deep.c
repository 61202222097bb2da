// SPDX-License-Identifier: Apache-2.0
/* Sleeps some times a second where it has 230 callers of one kind. */
#include <unistd.h>

static volatile int sum;

__attribute__((noinline)) static int descend(int depth)
{
	while (depth == 0)
		usleep(20000);
	sum += descend(depth - 1);
	return sum;
}

int main(void)
{
	return descend(230);
}
