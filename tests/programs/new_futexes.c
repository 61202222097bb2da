// SPDX-License-Identifier: Apache-2.0
/*
 * Waits at futexes that are new, by two threads that come to each in the same moment. `new_futexes` says "ready", does so
 * for each line of its input, and says then how many waits were woken: {"woken": N}.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"

#define ROUNDS 500
#define WAITERS 2
#define CONTENDED 2
#define MOST_LINES 4

static int words[MOST_LINES * ROUNDS];
static int *const end = words + MOST_LINES * ROUNDS;
/* The first of the words of this line. */
static int *round_words = words;
/* How many have come to the round that is next. */
static int arrived;

static NOINLINE void *wait_at_all(void *unused)
{
	pthread_setname_np(pthread_self(), "waiter");
	for (int i = 0; i < ROUNDS; i++) {
		__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < (i + 1) * WAITERS)
			;
		syscall(SYS_futex, &round_words[i], FUTEX_WAIT_PRIVATE, CONTENDED, NULL, NULL, 0);
	}
	return unused;
}

static NOINLINE long wake_all(void)
{
	long woken = 0;

	for (int i = 0; i < ROUNDS; i++) {
		for (int left = WAITERS; left > 0;) {
			int count = syscall(SYS_futex, &round_words[i], FUTEX_WAKE_PRIVATE, left, NULL, NULL, 0);
			left -= count;
			woken += count;
			if (!count)
				pass_time(20000);
		}
	}
	return woken;
}

int main(void)
{
	pthread_t waiters[WAITERS];
	char line[16];

	for (int *word = words; word < end; word++)
		*word = CONTENDED;
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) && round_words < end) {
		arrived = 0;
		for (int i = 0; i < WAITERS; i++)
			pthread_create(&waiters[i], NULL, wait_at_all, NULL);
		long woken = wake_all();
		for (int i = 0; i < WAITERS; i++)
			pthread_join(waiters[i], NULL);
		printf("{\"woken\": %ld}\n", woken);
		fflush(stdout);
		round_words += ROUNDS;
	}
	return 0;
}
