// SPDX-License-Identifier: Apache-2.0
/* Two threads that spin, and a child that runs another program. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

volatile unsigned long sink;

__attribute__((noinline)) static void spin(void)
{
	for (;;)
		sink++;
}

__attribute__((noinline)) static void work(void)
{
	spin();
	sink++;
}

static void *entry(void *unused)
{
	work();
	return unused;
}

int main(int count, char **arguments)
{
	pthread_t threads[2];

	/* Before exec, so that this program is known by the number that the other one keeps. */
	if (count > 1) {
		puts("ready");
		fflush(stdout);
		for (unsigned long i = 0; i < 3000000000; i++)
			sink++;
		/* Who read the line may have gone, and the other program writes one, too. */
		freopen("/dev/null", "w", stdout);
		execv(arguments[1], arguments + 1);
	}
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], 0, entry, 0);
	puts("ready");
	fflush(stdout);
	pthread_join(threads[0], 0);
}
