// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The maps of the program of locks, and what is read into while a program runs. */
#ifndef __APERTURE_LOCK_MAPS_H__
#define __APERTURE_LOCK_MAPS_H__

#include "kernel.h"
#include "lock.h"
#include "stack.h"
#include "vma.h"
#include "walk_memo.h"
#include "window.h"

/*
 * By thread, in the kernel's numbers; the agent sets max_entries of all hash maps here. Entries stay while the thread
 * lives: to write into one is far cheaper than to add and to delete one at every wait.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct aperture_lock_thread);
} threads SEC(".maps");

/* Those that nobody used for longest make room for others. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct aperture_futex);
	__type(value, struct aperture_futex_state);
} futexes SEC(".maps");

/* Waits for locks of the kernel that sleep. A thread may wait for two at once (percpu_down_write). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct aperture_contention_key);
	__type(value, struct aperture_contention);
} contentions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct aperture_contention_key);
	__type(value, struct aperture_lock_ended);
} ended SEC(".maps");

struct places {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, struct aperture_lock_place);
} places_a SEC(".maps"), places_b SEC(".maps");

struct counts {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct aperture_lock_key);
	__type(value, struct aperture_lock_sum);
} counts_a SEC(".maps"), counts_b SEC(".maps");

/* By the place where the lock was given back. */
struct holds {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, struct aperture_hold_sum);
} holds_a SEC(".maps"), holds_b SEC(".maps");

/* Holders whose shares of one wait are summed before they are counted. */
#define SHARES 8

struct share {
	u64 holder;
	u64 ns;
};

/*
 * What a program works with while it runs. Each has its own, as one may interrupt another; `busy` is for kernels before
 * 6.1, where a program may interrupt itself.
 */
enum scratch_user {
	SCRATCH_ENTER,
	SCRATCH_EXIT,
	SCRATCH_THREAD_END,
	SCRATCH_CONTENTION,
	SCRATCH_CONTENTION_END,
	SCRATCH_MAX,
};

struct scratch {
	u32 busy;
	u32 set;
	/* The current thread and its process, in the kernel's numbers; of programs at calls. */
	u32 tid;
	u32 tgid;
	struct aperture_lock_place place;
	/* Where the thread called. */
	struct walk_begin begin;
	/* What a wait is counted by, and with. */
	struct aperture_lock_key key;
	struct aperture_lock_sum sum;
	/* How many waits end with it: one, or none where it is a share of one. */
	u32 ends;
	/* Of a wait that is being shared out: at which futex, from when to when. */
	struct aperture_futex futex;
	u64 from_ns;
	u64 until_ns;
	/* Where the process has that futex. */
	u64 word;
	/* Of the struct task_struct of who has the lock there, and how often that had left its CPU before its stack was walked. */
	u64 owner;
	u64 owner_switches;
	/* While that is looked for among the threads: its number, and where in a struct pid that is. */
	u32 number;
	u32 number_at;
	/* On this CPU nobody looks for an owner before. */
	u64 look_ns;
	/* Who wakes by its end. */
	u64 waker;
	struct share shares[SHARES];
	struct vma_search search;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_MAX);
	__type(key, u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/*
 * What was to be counted by each user of a scratch: together as much as all counts and the losses of the maps of counts
 * add up to. Nobody but the user adds to its own on a CPU, so that it needs not be done in one step.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_MAX);
	__type(key, u32);
	__type(value, u64);
} taken SEC(".maps");

static __always_inline void count_taken(u32 user)
{
	u64 *count = bpf_map_lookup_elem(&taken, &user);

	if (count)
		(*count)++;
}

static __always_inline struct scratch *scratch_of(u32 user)
{
	u32 index = user;

	return bpf_map_lookup_elem(&scratches, &index);
}

static __always_inline enum counter counter_of(enum scratch_user user)
{
	return user == SCRATCH_ENTER || user == SCRATCH_EXIT ? COUNTER_KEEPS_CPU : COUNTER_ANY;
}

/* Takes it until it is released, by a program that counts already; NULL when it is in use on this CPU. */
static __always_inline struct scratch *claim_scratch(enum scratch_user user)
{
	struct scratch *scratch = scratch_of(user);

	if (!scratch)
		return NULL;
	if (scratch->busy) {
		count_loss(APERTURE_LOSS_PROGRAM_BUSY);
		return NULL;
	}
	*(volatile u32 *)&scratch->busy = 1;
	return scratch;
}

/* Takes it, and begins to count, until it is given back; NULL when it is in use on this CPU. */
static __always_inline struct scratch *take_scratch(enum scratch_user user)
{
	struct scratch *scratch = claim_scratch(user);

	if (scratch)
		scratch->set = begin_counting(counter_of(user));
	return scratch;
}

/* The same for a program at a call of `task`, the current one, which is trusted_task(). */
static __always_inline struct scratch *take_scratch_of(struct task_struct *task, enum scratch_user user)
{
	struct scratch *scratch = take_scratch(user);
	u64 numbers;

	if (!scratch)
		return NULL;
	/* Each call of a helper counts here: this code runs at each call that is about a futex. */
	if (is_task_trusted()) {
		scratch->tid = task->pid;
		scratch->tgid = task->tgid;
	} else {
		numbers = bpf_get_current_pid_tgid();
		scratch->tid = numbers;
		scratch->tgid = numbers >> 32;
	}
	return scratch;
}

static __always_inline void release_scratch(struct scratch *scratch)
{
	*(volatile u32 *)&scratch->busy = 0;
}

/* Of `user`, who took it. */
static __always_inline void give_scratch(struct scratch *scratch, enum scratch_user user)
{
	end_counting(counter_of(user));
	release_scratch(scratch);
}

#endif
