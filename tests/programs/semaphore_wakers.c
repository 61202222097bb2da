// SPDX-License-Identifier: Apache-2.0
/*
 * Waits for a semaphore to which two functions post, and measures by itself for which of them it waited.
 * `semaphore_wakers THREADS` says "ready", does so for each line of its input, and says then what lock_account.h has:
 * nobody holds anything.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>

#include "lock_account.h"

#define FLUSH_NS 5000000
#define ADD_NS 1000000
#define ROUNDS 12

static sem_t semaphore;
/* Who posted last, and how often somebody took what was posted: who posts waits for that. */
static int posted_by;
static long taken;
static long delays[FUNCTIONS];

/* Returns how many were taken before. */
static NOINLINE long take_order(void)
{
	long begun = now();

	while (sem_wait(&semaphore))
		;
	delays[posted_by] += now() - begun;
	sink = sink + 1;
	return __atomic_fetch_add(&taken, 1, __ATOMIC_SEQ_CST);
}

static void *take_all(void *enough)
{
	pthread_setname_np(pthread_self(), "taker");
	while (take_order() < *(long *)enough)
		;
	return NULL;
}

static inline void post(int function, long ns)
{
	long before = __atomic_load_n(&taken, __ATOMIC_SEQ_CST);

	pass_time(ns);
	posted_by = function;
	sem_post(&semaphore);
	while (__atomic_load_n(&taken, __ATOMIC_SEQ_CST) == before)
		pass_time(50000);
}

static NOINLINE void flush_orders(void)
{
	post(FLUSH_ORDERS, FLUSH_NS);
	sink = sink + 1;
}

static NOINLINE void add_order(void)
{
	post(ADD_ORDER, ADD_NS);
	sink = sink + 1;
}

static void wait_for_posts(int threads)
{
	pthread_t takers[MOST_THREADS];
	long enough = taken + 2 * ROUNDS;

	for (int i = 0; i < threads; i++)
		pthread_create(&takers[i], NULL, take_all, &enough);
	for (int i = 0; i < ROUNDS; i++) {
		flush_orders();
		add_order();
	}
	/* With these they end, one each. */
	for (int i = 0; i < threads; i++)
		add_order();
	for (int i = 0; i < threads; i++)
		pthread_join(takers[i], NULL);
}

int main(int count, char **arguments)
{
	static const long none[FUNCTIONS];
	char line[16];
	int threads = count > 1 ? atoi(arguments[1]) : 0;

	if (threads < 1 || threads > MOST_THREADS || sem_init(&semaphore, 0, 0))
		return 2;
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		wait_for_posts(threads);
		say(delays, none, none);
	}
	return 0;
}
