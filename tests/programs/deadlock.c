// SPDX-License-Identifier: Apache-2.0
/* Two threads that wait for each other's mutex for ever: it says "ready", and does so when a line comes in. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static pthread_mutex_t accounts = PTHREAD_MUTEX_INITIALIZER, ledger = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t both;

__attribute__((noinline)) static void post_entry(void)
{
	pthread_mutex_lock(&accounts);
	pthread_barrier_wait(&both);
	pthread_mutex_lock(&ledger);
	pthread_mutex_unlock(&ledger);
	pthread_mutex_unlock(&accounts);
}

__attribute__((noinline)) static void close_books(void)
{
	pthread_mutex_lock(&ledger);
	pthread_barrier_wait(&both);
	pthread_mutex_lock(&accounts);
	pthread_mutex_unlock(&accounts);
	pthread_mutex_unlock(&ledger);
}

static void *post(void *unused)
{
	pthread_setname_np(pthread_self(), "poster");
	post_entry();
	return unused;
}

static void *close_all(void *unused)
{
	pthread_setname_np(pthread_self(), "closer");
	close_books();
	return unused;
}

int main(void)
{
	pthread_t threads[2];

	pthread_barrier_init(&both, NULL, 2);
	puts("ready");
	fflush(stdout);
	getchar();
	pthread_create(&threads[0], NULL, post, NULL);
	pthread_create(&threads[1], NULL, close_all, NULL);
	puts("{}");
	fflush(stdout);
	/* Its end is the end of its input. */
	getchar();
	return 0;
}
