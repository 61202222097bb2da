// SPDX-License-Identifier: Apache-2.0

// A pool of three threads that has little to do, and two threads that contend for a mutex. Says "ready", waits for a line,
// and prints how long the two waited, by their own account, in ns.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>

#include "../clock.h"

#define WORKERS 3
#define JOBS 60
#define ROUNDS 40

static pthread_mutex_t queue = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t given = PTHREAD_COND_INITIALIZER;
static int jobs, closed;
static pthread_mutex_t contended = PTHREAD_MUTEX_INITIALIZER;
static long waited;

static void *work(void *unused)
{
	pthread_mutex_lock(&queue);
	while (!closed) {
		if (jobs > 0)
			jobs--;
		else
			pthread_cond_wait(&given, &queue);
	}
	pthread_mutex_unlock(&queue);
	return unused;
}

static void *contend(void *unused)
{
	for (int i = 0; i < ROUNDS; i++) {
		long begun = now();

		pthread_mutex_lock(&contended);
		waited += now() - begun;
		pass_time(2000000);
		pthread_mutex_unlock(&contended);
		pass_time(100000);
	}
	return unused;
}

int main(void)
{
	pthread_t workers[WORKERS], contenders[2];

	puts("ready");
	fflush(stdout);
	getchar();
	for (int i = 0; i < WORKERS; i++)
		pthread_create(&workers[i], NULL, work, NULL);
	for (int i = 0; i < 2; i++)
		pthread_create(&contenders[i], NULL, contend, NULL);
	for (int i = 0; i < JOBS; i++) {
		pthread_mutex_lock(&queue);
		jobs++;
		pthread_cond_signal(&given);
		pthread_mutex_unlock(&queue);
		pass_time(3000000);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(contenders[i], NULL);
	pthread_mutex_lock(&queue);
	closed = 1;
	pthread_cond_broadcast(&given);
	pthread_mutex_unlock(&queue);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
	printf("{\"delayNs\": %ld}\n", waited);
	fflush(stdout);
	getchar();
	return 0;
}
