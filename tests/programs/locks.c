// SPDX-License-Identifier: Apache-2.0
/*
 * Waits for locks in a known way, and measures that itself. `locks KIND` says "ready", does so for each line of its
 * input, prints {"delayNs": N, …} then, how long its threads were in the calls that wait until now, together, and ends
 * with its input.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "clock.h"

/* linux/futex.h, which musl's compiler does not find. */
#define FUTEX_WAIT_PRIVATE 128
#define FUTEX_WAKE_PRIVATE 129

/* Who waits for a mutex is woken by who had it before: alone it is always the holder. */
#define MUTEX_THREADS 1
#define THREADS 3
#define ROUNDS 60
#define HOLD_NS 4000000

static atomic_long delay_ns;
static atomic_bool done;

static void run_threads(void *(*run)(void *), int count)
{
	pthread_t threads[count];

	for (int i = 0; i < count; i++)
		pthread_create(&threads[i], NULL, run, NULL);
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static NOINLINE void hold_mutex(void)
{
	pthread_mutex_lock(&mutex);
	pass_time(HOLD_NS);
	pthread_mutex_unlock(&mutex);
	sink++;
}

static NOINLINE void want_mutex(void)
{
	long begun = now();

	pthread_mutex_lock(&mutex);
	delay_ns += now() - begun;
	pthread_mutex_unlock(&mutex);
	sink++;
}

static void *hold_mutexes(void *unused)
{
	pthread_setname_np(pthread_self(), "holder");
	for (int i = 0; i < ROUNDS; i++) {
		hold_mutex();
		pass_time(1000000);
	}
	done = true;
	return unused;
}

static void *want_mutexes(void *unused)
{
	pthread_setname_np(pthread_self(), "waiter");
	while (!done) {
		want_mutex();
		pass_time(500000);
	}
	return unused;
}

/* Holds `hold` of one thread against `want` of `threads` others. */
static void contend(void *(*hold)(void *), void *(*want)(void *), int threads)
{
	pthread_t holder;

	pthread_create(&holder, NULL, hold, NULL);
	run_threads(want, threads);
	pthread_join(holder, NULL);
}

/* A mutex that lends its owner the priority of who waits: the kernel hands it over. */
static void use_pi_mutex(void)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&mutex, &attributes);
}

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;

static NOINLINE void hold_rwlock(void)
{
	pthread_rwlock_wrlock(&rwlock);
	pass_time(HOLD_NS);
	pthread_rwlock_unlock(&rwlock);
	sink++;
}

static NOINLINE void want_rwlock(void)
{
	long begun = now();

	pthread_rwlock_rdlock(&rwlock);
	delay_ns += now() - begun;
	pthread_rwlock_unlock(&rwlock);
	sink++;
}

static void *hold_rwlocks(void *unused)
{
	pthread_setname_np(pthread_self(), "holder");
	for (int i = 0; i < ROUNDS; i++) {
		hold_rwlock();
		pass_time(1000000);
	}
	done = true;
	return unused;
}

static void *want_rwlocks(void *unused)
{
	pthread_setname_np(pthread_self(), "waiter");
	while (!done) {
		want_rwlock();
		pass_time(500000);
	}
	return unused;
}

/* A queue: one thread puts, the others take. */
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static int queued;

static NOINLINE void put_work(void)
{
	pthread_mutex_lock(&mutex);
	queued++;
	pthread_mutex_unlock(&mutex);
	pthread_cond_signal(&filled);
	sink++;
}

static NOINLINE int take_work(void)
{
	pthread_mutex_lock(&mutex);
	while (queued == 0) {
		long begun = now();

		pthread_cond_wait(&filled, &mutex);
		delay_ns += now() - begun;
	}
	int taken = queued--;
	pthread_mutex_unlock(&mutex);
	sink++;
	return taken;
}

static void *put_all(void *unused)
{
	pthread_setname_np(pthread_self(), "putter");
	for (int i = 0; i < ROUNDS * THREADS; i++) {
		pass_time(HOLD_NS);
		put_work();
	}
	return unused;
}

static void *take_all(void *unused)
{
	pthread_setname_np(pthread_self(), "taker");
	for (int i = 0; i < ROUNDS; i++)
		take_work();
	return unused;
}

static sem_t semaphore;

static NOINLINE void want_semaphore(void)
{
	long begun = now();

	while (sem_wait(&semaphore) && errno == EINTR)
		;
	delay_ns += now() - begun;
	sink++;
}

static void *want_semaphores(void *unused)
{
	pthread_setname_np(pthread_self(), "taker");
	for (int i = 0; i < ROUNDS; i++)
		want_semaphore();
	return unused;
}

static void *post_semaphores(void *unused)
{
	pthread_setname_np(pthread_self(), "putter");
	for (int i = 0; i < ROUNDS * THREADS; i++) {
		pass_time(HOLD_NS);
		sem_post(&semaphore);
	}
	return unused;
}

static void *sleep_long(void *unused)
{
	pass_time(600000000);
	return unused;
}

static NOINLINE void join_thread(pthread_t thread)
{
	pthread_setname_np(pthread_self(), "joiner");
	long begun = now();

	pthread_join(thread, NULL);
	delay_ns += now() - begun;
	sink++;
}

static void join(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, sleep_long, NULL);
	join_thread(thread);
}

static void ignore_signal(int signal)
{
	(void)signal;
}

/*
 * One wait, interrupted by a signal every 10 ms, as profilers do it. The thread that is joined ends between two of them: a
 * wait that a signal ended, and that did not go on, is told when its thread waits again or ends.
 */
static void interrupt(int flags)
{
	struct sigaction action = { .sa_handler = ignore_signal, .sa_flags = flags };
	struct itimerval timer = { .it_interval.tv_usec = 10000, .it_value.tv_usec = 5000 };
	sigset_t alarms;
	pthread_t poster;

	/* Only this thread is interrupted. */
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarms, NULL);
	pthread_create(&poster, NULL, sleep_long, NULL);
	pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	join_thread(poster);
	timer.it_value.tv_usec = 0;
	setitimer(ITIMER_REAL, &timer, NULL);
}

/* Calls of the kernel by itself, so that it knows how each ended. */
static atomic_int word;
static atomic_long woken, timeouts, refused, wakes;

static void *wait_at_word(void *unused)
{
	pthread_setname_np(pthread_self(), "waiter");
	for (int i = 0; !done; i++) {
		const struct timespec *timeout = i % 4 ? NULL : &(struct timespec){ .tv_nsec = 200000 };
		long begun = now();
		long result = syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, timeout, NULL, 0);

		if (result == 0)
			woken++;
		else if (errno == ETIMEDOUT)
			timeouts++;
		else
			refused++;
		if (result == 0 || errno == ETIMEDOUT)
			delay_ns += now() - begun;
	}
	return unused;
}

static void *wake_word(void *unused)
{
	pthread_setname_np(pthread_self(), "waker");
	for (int i = 0; i < 10000; i++) {
		/* Who comes now is refused. */
		word = i % 100 == 0;
		wakes++;
		syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
		if (i % 4 == 1)
			pass_time(100000);
	}
	word = 1;
	done = true;
	wakes++;
	syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, THREADS, NULL, NULL, 0);
	return unused;
}

/* Whether there is such a kind. */
static bool contend_for(const char *kind)
{
	done = false;
	if (!strcmp(kind, "mutex")) {
		contend(hold_mutexes, want_mutexes, MUTEX_THREADS);
	} else if (!strcmp(kind, "pi")) {
		use_pi_mutex();
		contend(hold_mutexes, want_mutexes, MUTEX_THREADS);
	} else if (!strcmp(kind, "rwlock")) {
		contend(hold_rwlocks, want_rwlocks, THREADS);
	} else if (!strcmp(kind, "condvar")) {
		contend(put_all, take_all, THREADS);
	} else if (!strcmp(kind, "semaphore")) {
		contend(post_semaphores, want_semaphores, THREADS);
	} else if (!strcmp(kind, "join")) {
		join();
	} else if (!strcmp(kind, "restart")) {
		interrupt(SA_RESTART);
	} else if (!strcmp(kind, "eintr")) {
		interrupt(0);
	} else if (!strcmp(kind, "word")) {
		contend(wake_word, wait_at_word, THREADS);
	} else {
		return false;
	}
	return true;
}

int main(int count, char **arguments)
{
	char line[16];

	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (!contend_for(count > 1 ? arguments[1] : ""))
			return 2;
		printf("{\"delayNs\": %ld, \"woken\": %ld, \"timeouts\": %ld, \"refused\": %ld, \"wakes\": %ld}\n",
		       delay_ns, woken, timeouts, refused, wakes);
		fflush(stdout);
	}
	return 0;
}
