// SPDX-License-Identifier: Apache-2.0

// Two threads that wake each other in turn, by calls of the kernel. Prints how many round trips a second they made in each
// of as many turns as lines come in, and ends with its input. As an argument takes on how many CPUs they are, 1 or 2; else
// they are anywhere.
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"

static atomic_int turn;
static atomic_long trips;

static void pass(int from, int to)
{
	while (atomic_load(&turn) != from)
		syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, to, NULL, NULL, 0);
	atomic_store(&turn, to);
	syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *play(void *unused)
{
	for (;;) {
		pass(1, 0);
		trips++;
	}
	return unused;
}

static void *serve(void *unused)
{
	for (;;)
		pass(0, 1);
	return unused;
}

static void bind(pthread_t thread, int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	pthread_setaffinity_np(thread, sizeof(cpus), &cpus);
}

int main(int count, char **arguments)
{
	pthread_t threads[2];

	puts("ready");
	fflush(stdout);
	pthread_create(&threads[0], NULL, play, NULL);
	pthread_create(&threads[1], NULL, serve, NULL);
	for (int i = 0; count > 1 && i < 2; i++)
		bind(threads[i], i % atoi(arguments[1]));
	while (getchar() == '\n') {
		long before = trips;
		long begun = now();

		nanosleep(&(struct timespec){ .tv_sec = 1 }, NULL);
		printf("%.0f\n", (trips - before) * 1e9 / (now() - begun));
		fflush(stdout);
	}
	return 0;
}
