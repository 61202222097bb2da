// SPDX-License-Identifier: Apache-2.0
/*
 * Waits for a lock whose holder waits for another itself: read_balance() for transfer(), which waits in append_entry()
 * for write_journal(). It says "ready", does so for each line of its input, prints how long each waited then,
 * {"balanceNs": N, "entryNs": N}, and ends with its input.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"

#define ROUNDS 60
#define HOLD_NS 6000000

static pthread_mutex_t accounts = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t journal = PTHREAD_MUTEX_INITIALIZER;

/* Which locks are held: the journal's first, as all wait for that. */
enum stage { NONE, JOURNAL, BOTH };
static atomic_int stage;

static void await(enum stage wanted)
{
	while (atomic_load(&stage) != (int)wanted)
		usleep(100);
}

static NOINLINE void write_journal(void)
{
	pthread_mutex_lock(&journal);
	atomic_store(&stage, JOURNAL);
	await(BOTH);
	pass_time(HOLD_NS);
	pthread_mutex_unlock(&journal);
	sink = sink + 1;
}

static NOINLINE long append_entry(void)
{
	long start = now();
	long waited;

	pthread_mutex_lock(&journal);
	waited = now() - start;
	pthread_mutex_unlock(&journal);
	sink = sink + 1;
	return waited;
}

static NOINLINE long transfer(void)
{
	long waited;

	pthread_mutex_lock(&accounts);
	atomic_store(&stage, BOTH);
	waited = append_entry();
	pthread_mutex_unlock(&accounts);
	sink = sink + 1;
	return waited;
}

static NOINLINE long read_balance(void)
{
	long start = now();
	long waited;

	pthread_mutex_lock(&accounts);
	waited = now() - start;
	pthread_mutex_unlock(&accounts);
	sink = sink + 1;
	return waited;
}

static void *run_writer(void *unused)
{
	for (int i = 0; i < ROUNDS; i++) {
		await(NONE);
		write_journal();
	}
	return unused;
}

static void *run_mover(void *entry_ns)
{
	for (int i = 0; i < ROUNDS; i++) {
		await(JOURNAL);
		*(long *)entry_ns += transfer();
	}
	return NULL;
}

int main(void)
{
	pthread_t writer;
	pthread_t mover;

	puts("ready");
	fflush(stdout);
	while (getchar() != EOF) {
		long balance_ns = 0;
		long entry_ns = 0;

		pthread_create(&writer, NULL, run_writer, NULL);
		pthread_create(&mover, NULL, run_mover, &entry_ns);
		for (int i = 0; i < ROUNDS; i++) {
			await(BOTH);
			balance_ns += read_balance();
			atomic_store(&stage, NONE);
		}
		pthread_join(mover, NULL);
		pthread_join(writer, NULL);
		printf("{\"balanceNs\": %ld, \"entryNs\": %ld}\n", balance_ns, entry_ns);
		fflush(stdout);
	}
	return 0;
}
