// SPDX-License-Identifier: Apache-2.0
/* A plug-in that calls the kernel from several depths, CALLS times from each. */
#include <unistd.h>

static volatile int calls = CALLS;
static volatile int sum;

__attribute__((noinline)) static void call(int depth)
{
	for (int i = 0; i < calls; i++)
		sum += getppid();
	if (depth > 0)
		call(depth - 1);
	sum++;
}

void plugin_entry(void)
{
	call(7);
	usleep(100);
	sum++;
}
