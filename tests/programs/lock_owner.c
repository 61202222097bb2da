// SPDX-License-Identifier: Apache-2.0
/*
 * A thread takes a lock and rests with it in calls that are about no lock, while another one waits in vain, twice: until a
 * timeout, and for as long as the program is there. `lock_owner KIND` says "ready", does so when a line comes in, prints
 * {"delayNs": N}, how long it waited until the timeout, and ends with its input. KIND is mutex or pi.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

#define WAIT_NS 300000000

static pthread_mutex_t orders;
static pthread_barrier_t held;
static int never[2];
static long delay_ns;

static NOINLINE void fetch_prices(void)
{
	char byte;

	if (read(never[0], &byte, 1) == 1)
		sink++;
	sink++;
}

static NOINLINE void update_orders(void)
{
	pthread_mutex_lock(&orders);
	pthread_barrier_wait(&held);
	fetch_prices();
	pthread_mutex_unlock(&orders);
	sink++;
}

static void *own(void *unused)
{
	pthread_setname_np(pthread_self(), "updater");
	update_orders();
	return unused;
}

static NOINLINE void list_orders(void)
{
	struct timespec until;
	long begun = now();

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += (until.tv_nsec + WAIT_NS) / 1000000000;
	until.tv_nsec = (until.tv_nsec + WAIT_NS) % 1000000000;
	if (pthread_mutex_timedlock(&orders, &until) == ETIMEDOUT)
		delay_ns += now() - begun;
	printf("{\"delayNs\": %ld}\n", delay_ns);
	fflush(stdout);
	pthread_mutex_lock(&orders);
	sink++;
}

static void *want(void *unused)
{
	pthread_setname_np(pthread_self(), "lister");
	pthread_barrier_wait(&held);
	/* So that the owner is where it rests. */
	pass_time(20000000);
	list_orders();
	return unused;
}

int main(int count, char **arguments)
{
	pthread_mutexattr_t attributes;
	pthread_t threads[2];

	pthread_mutexattr_init(&attributes);
	if (count > 1 && strcmp(arguments[1], "pi") == 0)
		pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&orders, &attributes);
	pthread_barrier_init(&held, NULL, 2);
	if (pipe(never) != 0)
		return 1;
	puts("ready");
	fflush(stdout);
	getchar();
	pthread_create(&threads[0], NULL, own, NULL);
	pthread_create(&threads[1], NULL, want, NULL);
	/* Its end is the end of its input. */
	getchar();
	return 0;
}
