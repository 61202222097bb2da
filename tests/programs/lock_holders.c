// SPDX-License-Identifier: Apache-2.0
/*
 * Waits for one lock that functions of several kinds hold, and measures by itself whom it waited for. `lock_holders KIND
 * THREADS` says "ready", does so for each line of its input, and says then what lock_account.h has. It is C and C++, where
 * the lock is a std::mutex.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef __cplusplus
#include <mutex>
#endif

#include "lock_account.h"

/* linux/futex.h, which musl's compiler does not find. */
#define FUTEX_WAIT_PRIVATE 128
#define FUTEX_WAKE_PRIVATE 129

static pthread_mutex_t mutex;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static int next_ticket, serving;
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

static void lock_to_read(void)
{
	pthread_rwlock_rdlock(&rwlock);
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

struct plan {
	long flush_ns, add_ns, think_ns;
	int flushes;
	/* Who flushes first waits until so many are about to wait. */
	int queue;
};

static struct plan plan;
static int arrived;

/* The lock is had from here on; returns when that was. */
static inline long take(int function)
{
	long begun = now();

	lock();
	return note_wait(function, begun);
}

static NOINLINE void flush_orders(long ns)
{
	long from = take(FLUSH_ORDERS);

	while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < plan.queue)
		pass_time(100000);
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

static NOINLINE void read_orders(long ns)
{
	long begun = now();

	lock_to_read();
	note_reader(note_wait(READ_ORDERS, begun));
	pass_time(ns);
	note_reader_gone();
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

static void *read_all(void *unused)
{
	pthread_setname_np(pthread_self(), "reader");
	while (!done) {
		read_orders(plan.add_ns);
		pass_time(3 * plan.think_ns);
	}
	return unused;
}

static void *add_once(void *number)
{
	char name[16];

	snprintf(name, sizeof(name), "adder %ld", (long)number);
	pthread_setname_np(pthread_self(), name);
	__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
	add_order(plan.add_ns);
	return NULL;
}

static void *leave(void *unused)
{
	pthread_setname_np(pthread_self(), "leaver");
	leave_with_lock(plan.flush_ns);
	return unused;
}

static void contend_by(void *(*other)(void *), int others)
{
	pthread_t threads[MOST_THREADS + 1];

	done = 0;
	pthread_create(&threads[0], NULL, flush, NULL);
	for (int i = 1; i <= others; i++)
		pthread_create(&threads[i], NULL, other, NULL);
	for (int i = 0; i <= others; i++)
		pthread_join(threads[i], NULL);
}

static void contend(int others)
{
	contend_by(add, others);
}

static void contend_to_read(int others)
{
	contend_by(read_all, others);
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

/* All come while one has the lock, and wait once, until all who came before have had it. */
static void contend_in_queue(int others)
{
	pthread_t threads[MOST_THREADS + 1];
	long before = wait_count;

	arrived = 0;
	plan.queue = others;
	pthread_create(&threads[0], NULL, flush, NULL);
	while (__atomic_load_n(&wait_count, __ATOMIC_SEQ_CST) == before)
		pass_time(100000);
	for (long i = 1; i <= others; i++)
		pthread_create(&threads[i], NULL, add_once, (void *)i);
	for (int i = 0; i <= others; i++)
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

#define MS 1000000L

static const struct kind {
	const char *name;
	struct plan plan;
	void (*contend)(int others);
	void (*lock)(void);
	void (*unlock)(void);
	int hands_over, protocol, robust;
} kinds[] = {
	{ "mutex", { 20 * MS, MS / 10, MS, 12, 0 }, contend, lock_mutex, unlock_mutex, 0, 0, 0 },
	{ "barging", { 3 * MS, MS, 0, 20, 0 }, contend, lock_mutex, unlock_mutex, 0, 0, 0 },
	{ "queue", { 5 * MS, MS, 0, 1, 0 }, contend_in_queue, lock_mutex, unlock_mutex, 0, 0, 0 },
	{ "fair", { 20 * MS, MS / 10, MS, 12, 0 }, contend, lock_ticket, unlock_ticket, 0, 0, 0 },
	{ "rwlock", { 20 * MS, MS / 10, MS, 12, 0 }, contend, lock_rwlock, unlock_rwlock, 1, 0, 0 },
	{ "readers", { 5 * MS, 2 * MS, MS, 12, 0 }, contend_to_read, lock_rwlock, unlock_rwlock, 1, 0, 0 },
	{ "pi", { 20 * MS, MS / 10, MS, 12, 0 }, contend, lock_mutex, unlock_mutex, 1, PTHREAD_PRIO_INHERIT, 0 },
	{ "robust", { 5 * MS, MS / 2, MS / 5, 12, 0 }, contend_robust, lock_mutex, unlock_mutex, 0, 0,
	  PTHREAD_MUTEX_ROBUST },
#ifdef __cplusplus
	{ "std", { 20 * MS, MS / 10, MS, 12, 0 }, contend, lock_std, unlock_std, 0, 0, 0 },
#endif
};

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	}
	return NULL;
}

int main(int count, char **arguments)
{
	const struct kind *kind = count > 2 ? find_kind(arguments[1]) : NULL;
	int threads = kind ? atoi(arguments[2]) : 0;
	char line[16];

	if (threads < 1 || threads > MOST_THREADS)
		return 2;
	plan = kind->plan;
	lock = kind->lock;
	unlock = kind->unlock;
	hands_over = kind->hands_over;
	init_mutex(kind->protocol, kind->robust);
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		kind->contend(threads);
		report();
	}
	return 0;
}
