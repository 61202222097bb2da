// SPDX-License-Identifier: Apache-2.0

// One thread waits at a futex and another wakes it, 90 times for each line that comes in: every third time from right()
// and wait_right(), else from left() and wait_left(), whose frames are as large and whose callees are the same. Says "ready"
// first, and "{}" when it has done so.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FUTEX_WAIT_PRIVATE 128
#define FUTEX_WAKE_PRIVATE 129
#define NOINLINE __attribute__((noinline))
#define ROUNDS 90

static int word = 7;
static volatile long sink;
static volatile long waits;

static NOINLINE void wake_it(void)
{
	while (syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) != 1)
		usleep(50);
	sink++;
}

static NOINLINE void wait_for_it(void)
{
	while (syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, word, NULL, NULL, 0))
		;
	sink++;
}

static NOINLINE void left(void)
{
	wake_it();
	sink++;
}

static NOINLINE void right(void)
{
	wake_it();
	sink++;
}

static NOINLINE void wait_left(void)
{
	wait_for_it();
	sink++;
}

static NOINLINE void wait_right(void)
{
	wait_for_it();
	sink++;
}

static void *wait_always(void *unused)
{
	for (int i = 0;; i++) {
		if (i % 3)
			wait_left();
		else
			wait_right();
		waits++;
	}
	return unused;
}

int main(void)
{
	pthread_t waiter;
	long woken = 0;
	int byte;

	pthread_create(&waiter, NULL, wait_always, NULL);
	puts("ready");
	fflush(stdout);
	while ((byte = getchar()) == '\n') {
		for (int i = 0; i < ROUNDS; i++) {
			if (i % 3)
				left();
			else
				right();
			while (waits <= woken)
				usleep(50);
			woken++;
		}
		puts("{}");
		fflush(stdout);
	}
	return 0;
}
