// SPDX-License-Identifier: Apache-2.0

// A loop of the cheapest system call. Prints how many a second it made in each of as many turns as lines come in, and
// ends with its input.
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"

int main(void)
{
	puts("ready");
	fflush(stdout);
	while (getchar() == '\n') {
		long begun = now(), end = begun, calls = 0;

		for (; end - begun < 1000000000; end = now())
			for (int i = 0; i < 1000; i++, calls++)
				syscall(SYS_getppid);
		printf("%.0f\n", calls * 1e9 / (end - begun));
		fflush(stdout);
	}
	return 0;
}
