// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* What the program of locks and the agent share; see aperture.h. */
#ifndef __APERTURE_LOCK_H__
#define __APERTURE_LOCK_H__

#include "aperture.h"

/* How a wait ended. */
enum aperture_outcome {
	APERTURE_OUTCOME_WOKEN,
	APERTURE_OUTCOME_TIMEOUT,
	APERTURE_OUTCOME_INTERRUPTED,
	APERTURE_OUTCOME_MAX,
};

/* What was waited for: FUTEX is any lock of user space, the others are the kernel's own. */
enum aperture_lock {
	APERTURE_LOCK_FUTEX,
	APERTURE_LOCK_SPIN,
	APERTURE_LOCK_RWLOCK,
	APERTURE_LOCK_MUTEX,
	APERTURE_LOCK_RWSEM,
	APERTURE_LOCK_PERCPU,
	APERTURE_LOCK_RT,
	APERTURE_LOCK_SEM,
	APERTURE_LOCK_MAX,
};

/* What is known of a futex by the calls at it; bits of `hints`. */
enum aperture_hint {
	/* The kernel knows its owner (FUTEX_LOCK_PI). */
	APERTURE_HINT_PI = 1 << 0,
	/* Who waits says that others do: 2 in glibc, Rust and Go, the highest bit in musl. */
	APERTURE_HINT_CONTENDED = 1 << 1,
	/* It is on the stack of the thread that waits, so that nobody else waits there. */
	APERTURE_HINT_ON_STACK = 1 << 2,
	/* Several processes may share it. */
	APERTURE_HINT_SHARED = 1 << 3,
	/*
	 * A thread that waited here wakes others here, as one does that had the lock; not of what is waited for while it is
	 * 0, as semaphores and condition variables are, whose waiters may wake as well.
	 */
	APERTURE_HINT_WAITER_WAKES = 1 << 4,
	/* The end of a thread wakes here. */
	APERTURE_HINT_THREAD_END = 1 << 5,
	/* More than one thread waited here. */
	APERTURE_HINT_SEVERAL_WAITERS = 1 << 6,
	/* The waits of a row are at more than one address. */
	APERTURE_HINT_SEVERAL_ADDRESSES = 1 << 7,
	/* Who waits expects what those do who would read under a lock of glibc or Rust that several may have at once. */
	APERTURE_HINT_RWLOCK = 1 << 8,
	/* Who waits expects several numbers that say nothing of others who do: they count what has happened. */
	APERTURE_HINT_COUNTER = 1 << 9,
};

/* A thread and where it is. Stacks by their hash; 0 is no stack. */
struct aperture_lock_place {
	u64 user_stack;
	u64 kernel_stack;
	/* The thread's name. */
	char comm[APERTURE_COMM_SIZE];
	/* The process, in the agent's pid namespace. */
	u32 pid;
	/* See program_of(). */
	u32 program;
};
_Static_assert(sizeof(struct aperture_lock_place) == 40, "the agent reads this layout");

/* Names of places that are none: nobody was seen, and all who held it before those that are still known. */
#define APERTURE_PLACE_NONE 0
#define APERTURE_PLACE_EARLIER 1

/* Waits that are counted together: places by their hash. */
struct aperture_lock_key {
	u64 waiter;
	u64 holder;
	/* enum aperture_lock */
	u8 lock;
	/* enum aperture_outcome */
	u8 outcome;
	u8 reserved[6];
};
_Static_assert(sizeof(struct aperture_lock_key) == 24, "the agent reads this layout");

/* 2^40 ns are 18 minutes; what takes longer counts in the last. */
#define APERTURE_LOCK_BUCKETS 40

struct aperture_lock_sum {
	/* What all waits had of this holder, in this window. */
	u64 delay_ns;
	/* The longest of those in the histogram, as a whole. */
	u64 max_ns;
	/* Of the last wait; hints of all. */
	u64 address;
	u32 hints;
	u32 value;
	/* All waits that this holder ended: those that took from 2^i up to 2^(i+1) ns as a whole. */
	u32 histogram[APERTURE_LOCK_BUCKETS];
};
_Static_assert(sizeof(struct aperture_lock_sum) == 192, "the agent reads this layout");

/* By the place where it was given back. */
struct aperture_hold_sum {
	u64 total_ns;
	u64 max_ns;
	u32 hints;
	u32 reserved;
	/* As above. */
	u32 histogram[APERTURE_LOCK_BUCKETS];
};
_Static_assert(sizeof(struct aperture_hold_sum) == 184, "the agent reads this layout");

/* A futex: its address and the process, or where it is in a file that several have mapped. */
struct aperture_futex {
	u64 address;
	u64 space;
};

/* A thread that uses futexes. Only the thread itself writes to it. */
struct aperture_lock_thread {
	/* When the wait that it is in began; 0 while it does not wait. */
	u64 begun_ns;
	/* The futex that it waits at, or waited at last; `word` is where the process has it. */
	struct aperture_futex futex;
	u64 word;
	/* Where that is. */
	u64 place;
	/* A wait that a signal interrupted, for as long as it is open whether it goes on: from when to when; else 0. */
	u64 paused_begun_ns;
	u64 paused_ns;
	/* When it got the lock; 0 when it gave it back, or did not get it. */
	u64 held_ns;
	/* The end of a wait that did not get the lock, as another thread was faster: see end_wait(). */
	u64 tail_ns;
	u64 tail_end_ns;
	u64 tail_holder;
	/* When it came to the futex last, which is later than `begun_ns` where it goes on with a wait. */
	u64 came_ns;
	/* The process, in the agent's pid namespace; 0 when it is outside of it. */
	u32 pid;
	/* The thread, in the process's own, which is how an owner is noted in a mutex. */
	u32 own_tid;
	/* What the word at the address was expected to be. */
	u32 value;
	u32 hints;
	u8 wanted;
	/* Whether the kernel goes on with the interrupted wait by restart_syscall, unless the program handles signals. */
	u8 restarts;
	u8 reserved[6];
};
_Static_assert(sizeof(struct aperture_lock_thread) == 120, "the agent reads this layout");

/* So many wakes are kept of each futex. */
#define APERTURE_LOCK_WAKES 64

struct aperture_wake {
	/* 0 while it is being written. */
	u64 at_ns;
	u64 place;
};

/* What happened at a futex that threads wait at. */
struct aperture_futex_state {
	u64 created_ns;
	/* When the first of those who wait came. */
	u64 contended_ns;
	s32 waiters;
	/* How many wakes there were: the next is at this, modulo APERTURE_LOCK_WAKES. */
	u32 wake_count;
	u32 hints;
	/* A thread that waited, in the kernel's numbers, and what the last one expected; 0 before there was one. */
	u32 waiter;
	u32 value;
	/* Who had it when a wait began: its number in its own pid namespace, 0 where that was not told, and its place. */
	u32 owner;
	u64 owner_ns;
	u64 owner_place;
	struct aperture_wake wakes[APERTURE_LOCK_WAKES];
};
_Static_assert(sizeof(struct aperture_futex_state) == 1080, "the agent reads this layout");

struct aperture_contention_key {
	u64 lock;
	u64 tid;
};

/* A wait for a lock of the kernel. */
struct aperture_contention {
	u64 lock;
	u64 begun_ns;
	u64 place;
	/* Who had the lock then, where the lock tells. */
	u64 holder;
	/* Of include/trace/events/lock.h. */
	u32 flags;
	u32 reserved;
};
_Static_assert(sizeof(struct aperture_contention) == 40, "the agent reads this layout");

/* A wait that was open when the window began, and ended before the agent looked for such. */
struct aperture_lock_ended {
	/* When the window began. */
	u64 window_ns;
	u64 begun_ns;
	/* 0 of a lock of the kernel. */
	struct aperture_futex futex;
	u64 word;
	u64 place;
	u64 holder;
	u32 value;
	u32 hints;
	/* enum aperture_lock */
	u32 lock;
	u32 reserved;
};
_Static_assert(sizeof(struct aperture_lock_ended) == 72, "the agent reads this layout");

#endif
