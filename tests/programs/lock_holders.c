// SPDX-License-Identifier: Apache-2.0
/*
 * Waits for one lock that functions of several kinds hold, and measures by itself whom it waited for. `lock_holders KIND
 * THREADS` says "ready", does so for each line of its input, and prints then
 *
 *     {"delayNs": N, "holders": {"flush_orders": {"delayNs": N, "holds": N, "heldNs": N}, …}}
 *
 * of all until now: how long its threads waited for each function, and how often and how long each held the lock from the
 * moment on in which somebody waited for it. A moment in
 * which nobody ran with it belongs to who had it last, but where that one hands it over, to who gets it. It is C and C++,
 * where the lock is a std::mutex.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#ifdef __cplusplus
#include <mutex>
#endif

/* linux/futex.h, which musl's compiler does not find. */
#define FUTEX_WAIT_PRIVATE 128
#define FUTEX_WAKE_PRIVATE 129

#define NOINLINE __attribute__((noinline))
#define EVENTS 400000
#define MOST_THREADS 64

enum function { FLUSH_ORDERS, ADD_ORDER, LEAVE_WITH_LOCK, FUNCTIONS };
static const char *const names[FUNCTIONS] = { "flush_orders", "add_order", "leave_with_lock" };

struct interval {
	long from, until;
	int function;
};

/* Holds follow each other, as they are noted by who has the lock; waits are in no order. */
static struct interval holds[EVENTS], waits[EVENTS];
static long hold_count, wait_count;
static volatile int done;
static volatile long sink;

static long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000L + time.tv_nsec;
}

/* Sleeps, so that it holds what it holds without taking the CPU from those who wait. */
static NOINLINE void pass_time(long ns)
{
	struct timespec time = { 0, ns };

	while (nanosleep(&time, &time))
		;
	sink = sink + 1;
}

static pthread_mutex_t mutex;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static int next_ticket, serving;
/* Who gives the lock back says who has it next: what that one needs to wake up is its own. */
static int hands_over;

static void lock_mutex(void)
{
	if (pthread_mutex_lock(&mutex) == EOWNERDEAD)
		pthread_mutex_consistent(&mutex);
}

static void unlock_mutex(void)
{
	pthread_mutex_unlock(&mutex);
}

static void lock_rwlock(void)
{
	pthread_rwlock_wrlock(&rwlock);
}

static void unlock_rwlock(void)
{
	pthread_rwlock_unlock(&rwlock);
}

/* Fair: first come, first served. */
static void lock_ticket(void)
{
	int ticket = __atomic_fetch_add(&next_ticket, 1, __ATOMIC_SEQ_CST);

	for (;;) {
		int now_serving = __atomic_load_n(&serving, __ATOMIC_SEQ_CST);
		if (now_serving == ticket)
			return;
		syscall(SYS_futex, &serving, FUTEX_WAIT_PRIVATE, now_serving, NULL, NULL, 0);
	}
}

static void unlock_ticket(void)
{
	__atomic_fetch_add(&serving, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &serving, FUTEX_WAKE_PRIVATE, MOST_THREADS, NULL, NULL, 0);
}

#ifdef __cplusplus
static std::mutex std_mutex;

static void lock_std(void)
{
	std_mutex.lock();
}

static void unlock_std(void)
{
	std_mutex.unlock();
}
#endif

static void (*lock)(void) = lock_mutex;
static void (*unlock)(void) = unlock_mutex;

/* The lock is had from here on; returns when that was. */
static inline long take(int function)
{
	long begun = now();
	long at;

	lock();
	at = now();
	long i = __atomic_fetch_add(&wait_count, 1, __ATOMIC_SEQ_CST);
	if (i >= EVENTS)
		abort();
	waits[i].from = begun;
	waits[i].until = at;
	waits[i].function = function;
	return at;
}

static inline void note_hold(int function, long from)
{
	if (hold_count >= EVENTS)
		abort();
	holds[hold_count].from = from;
	holds[hold_count].function = function;
	holds[hold_count].until = now();
	hold_count++;
}

static NOINLINE void flush_orders(long ns)
{
	long from = take(FLUSH_ORDERS);

	pass_time(ns);
	note_hold(FLUSH_ORDERS, from);
	unlock();
	sink = sink + 1;
}

static NOINLINE void add_order(long ns)
{
	long from = take(ADD_ORDER);

	pass_time(ns);
	note_hold(ADD_ORDER, from);
	unlock();
	sink = sink + 1;
}

static NOINLINE void leave_with_lock(long ns)
{
	long from = take(LEAVE_WITH_LOCK);

	pass_time(ns);
	note_hold(LEAVE_WITH_LOCK, from);
	pthread_exit(NULL);
}

struct plan {
	long flush_ns, add_ns, think_ns;
	int flushes;
};

static struct plan plan;

static void *flush(void *unused)
{
	pthread_setname_np(pthread_self(), "flusher");
	for (int i = 0; i < plan.flushes; i++) {
		flush_orders(plan.flush_ns);
		pass_time(plan.think_ns);
	}
	done = 1;
	return unused;
}

static void *add(void *unused)
{
	pthread_setname_np(pthread_self(), "adder");
	while (!done) {
		add_order(plan.add_ns);
		if (plan.think_ns)
			pass_time(plan.think_ns);
	}
	return unused;
}

static void *leave(void *unused)
{
	pthread_setname_np(pthread_self(), "leaver");
	leave_with_lock(plan.flush_ns);
	return unused;
}

static void contend(void *(*first)(void *), int others)
{
	pthread_t threads[MOST_THREADS + 1];

	done = 0;
	pthread_create(&threads[0], NULL, first, NULL);
	for (int i = 1; i <= others; i++)
		pthread_create(&threads[i], NULL, add, NULL);
	for (int i = 0; i <= others; i++)
		pthread_join(threads[i], NULL);
}

/* One after another takes the lock and ends with it, while the others wait. */
static void contend_robust(int others)
{
	pthread_t threads[MOST_THREADS];

	done = 0;
	for (int i = 0; i < others; i++)
		pthread_create(&threads[i], NULL, add, NULL);
	for (int i = 0; i < plan.flushes; i++) {
		pthread_t thread;
		pthread_create(&thread, NULL, leave, NULL);
		pthread_join(thread, NULL);
	}
	done = 1;
	for (int i = 0; i < others; i++)
		pthread_join(threads[i], NULL);
}

static void init_mutex(int protocol, int robust)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setprotocol(&attributes, protocol);
	pthread_mutexattr_setrobust(&attributes, robust);
	pthread_mutex_init(&mutex, &attributes);
}

static int contend_for(const char *kind, int threads)
{
	struct plan convoy = { 20000000, 100000, 1000000, 12 };
	struct plan barging = { 3000000, 1000000, 0, 20 };
	struct plan robust = { 5000000, 500000, 200000, 12 };

	plan = !strcmp(kind, "barging") ? barging : !strcmp(kind, "robust") ? robust : convoy;
	if (!strcmp(kind, "rwlock")) {
		lock = lock_rwlock;
		unlock = unlock_rwlock;
		hands_over = 1;
	} else if (!strcmp(kind, "fair")) {
		lock = lock_ticket;
		unlock = unlock_ticket;
	} else if (!strcmp(kind, "pi")) {
		init_mutex(PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED);
		hands_over = 1;
	} else if (!strcmp(kind, "robust")) {
		init_mutex(PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST);
		contend_robust(threads);
		return 1;
#ifdef __cplusplus
	} else if (!strcmp(kind, "std")) {
		lock = lock_std;
		unlock = unlock_std;
#endif
	} else if (strcmp(kind, "mutex") && strcmp(kind, "barging")) {
		return 0;
	}
	contend(flush, threads);
	return 1;
}

/* When the lock was the next one's: hold `h` was the last before. */
static long end_of(long h)
{
	return hands_over || h + 1 == hold_count ? holds[h].until : holds[h + 1].from;
}

/* The first hold that ends after `at`. */
static long hold_at(long at)
{
	long low = 0, high = hold_count;

	while (low < high) {
		long middle = (low + high) / 2;
		if (end_of(middle) <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* From when on somebody waited for hold `h`; its end when nobody did. */
static long contended_from(long h)
{
	long first = holds[h].until;

	for (long i = 0; i < wait_count; i++) {
		if (waits[i].until > holds[h].from && waits[i].from < first)
			first = waits[i].from;
	}
	return first > holds[h].from ? first : holds[h].from;
}

static void report(void)
{
	long delays[FUNCTIONS] = { 0 }, counts[FUNCTIONS] = { 0 }, held[FUNCTIONS] = { 0 }, delay = 0;

	for (long i = 0; i < wait_count; i++) {
		long from = waits[i].from;
		delay += waits[i].until - from;
		for (long h = hold_at(from); h < hold_count && from < waits[i].until; h++) {
			long until = end_of(h);
			if (until > waits[i].until)
				until = waits[i].until;
			if (until > from) {
				delays[holds[h].function] += until - from;
				from = until;
			}
		}
	}
	for (long h = 0; h < hold_count; h++) {
		long from = contended_from(h);
		if (from == holds[h].until)
			continue;
		counts[holds[h].function]++;
		held[holds[h].function] += holds[h].until - from;
	}
	printf("{\"delayNs\": %ld, \"holders\": {", delay);
	for (int f = 0; f < FUNCTIONS; f++)
		printf("%s\"%s\": {\"delayNs\": %ld, \"holds\": %ld, \"heldNs\": %ld}", f ? ", " : "", names[f],
		       delays[f], counts[f], held[f]);
	printf("}}\n");
	fflush(stdout);
}

int main(int count, char **arguments)
{
	char line[16];

	pthread_mutex_init(&mutex, NULL);
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (count < 3 || !contend_for(arguments[1], atoi(arguments[2])))
			return 2;
		report();
	}
	return 0;
}
