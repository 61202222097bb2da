// SPDX-License-Identifier: Apache-2.0
/*
 * Works, waits for a lock and makes system calls in a known way. It says "ready", does so for each line of its input,
 * prints {"delayNs": N} then, how long it was in pthread_mutex_lock until now, and ends with its input.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"

#define ROUNDS 50
#define HOLD_NS 6000000
#define GETPPIDS 100000
#define FAILING_OPENS 1000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t queue_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queue = PTHREAD_COND_INITIALIZER;
static atomic_int held;
static atomic_int stopped;

static NOINLINE void hold_lock(void)
{
	long end;

	pthread_mutex_lock(&mutex);
	atomic_store(&held, 1);
	for (end = now() + HOLD_NS; now() < end;)
		sink++;
	pthread_mutex_unlock(&mutex);
	sink++;
}

static NOINLINE long want_lock(void)
{
	long start = now();
	long waited;

	pthread_mutex_lock(&mutex);
	waited = now() - start;
	pthread_mutex_unlock(&mutex);
	return waited;
}

static NOINLINE void wait_for_work(void)
{
	pthread_mutex_lock(&queue_mutex);
	while (!atomic_load(&stopped))
		pthread_cond_wait(&queue, &queue_mutex);
	pthread_mutex_unlock(&queue_mutex);
	sink++;
}

static void *run_idle(void *unused)
{
	wait_for_work();
	return unused;
}

static void *run_holder(void *rounds)
{
	for (long i = 0; i < (long)rounds; i++) {
		while (atomic_load(&held))
			usleep(100);
		hold_lock();
	}
	return NULL;
}

static NOINLINE void make_calls(void)
{
	for (int i = 0; i < GETPPIDS; i++)
		syscall(SYS_getppid);
	for (int i = 0; i < FAILING_OPENS; i++)
		open("/no/such/file", O_RDONLY);
	sink++;
}

/* How long it waited. */
static long do_all(void)
{
	pthread_t holder;
	pthread_t idle;
	long delay_ns = 0;

	atomic_store(&stopped, 0);
	pthread_create(&idle, NULL, run_idle, NULL);
	pthread_create(&holder, NULL, run_holder, (void *)(long)ROUNDS);
	for (int i = 0; i < ROUNDS; i++) {
		while (!atomic_load(&held))
			usleep(100);
		delay_ns += want_lock();
		atomic_store(&held, 0);
	}
	pthread_join(holder, NULL);
	make_calls();
	pthread_mutex_lock(&queue_mutex);
	atomic_store(&stopped, 1);
	pthread_cond_signal(&queue);
	pthread_mutex_unlock(&queue_mutex);
	pthread_join(idle, NULL);
	return delay_ns;
}

int main(void)
{
	long delay_ns = 0;

	puts("ready");
	fflush(stdout);
	while (getchar() != EOF) {
		delay_ns += do_all();
		printf("{\"delayNs\": %ld}\n", delay_ns);
		fflush(stdout);
	}
	return 0;
}
