// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* What is counted in windows: two sets of maps, of which the agent drains one while the other is counted into. */
#ifndef __APERTURE_WINDOW_H__
#define __APERTURE_WINDOW_H__

#include "kernel.h"

#include "aperture.h"
#include "stack.h"

/* Puts the enums into the object's BTF, where the agent compares their names. */
const volatile enum aperture_loss loss_count = APERTURE_LOSS_MAX;
const volatile enum aperture_filled filled_count = APERTURE_FILLED_MAX;

/* The set that is counted into: 0 is a. The other belongs to the agent. */
struct active {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} active SEC(".maps");

struct aperture_window {
	/* When it began, on CLOCK_MONOTONIC: what lasted longer counts for this one from here on. */
	u64 start_ns;
	/* Since when the set is counted into, which is later where another one filled before the window's end. */
	u64 set_ns;
	/* Whether the agent still has to see what was open when it began. */
	u32 looks;
	u32 reserved;
};
_Static_assert(sizeof(struct aperture_window) == 24, "the agent writes this layout");

/* Of each set; written before it becomes the active one. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, struct aperture_window);
} windows SEC(".maps");

/*
 * How many programs count on this CPU now: the agent makes the other set the active one, and waits until it has seen each
 * CPU at 0 once, as who begins later counts into that. The kernel can be asked to wait, too, for all that runs
 * (synchronize_rcu), but takes seconds for it where threads wait and wake in quick succession.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} counting SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, APERTURE_LOSS_MAX);
	__type(key, u32);
	__type(value, u64);
} losses SEC(".maps");

/*
 * How many entries each map of a set got since it was emptied. The agent has it mapped, empties a set early when one of
 * its maps fills, and sets the counts of a set that nobody counts into back to 0.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2 * APERTURE_FILLED_MAX);
	__type(key, u32);
	__type(value, u64);
} filled SEC(".maps");

/* The agent sets max_entries. Preallocated, as the kernel wants it of programs at perf events before 6.1. */
struct stacks {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, struct aperture_stack);
} stacks_a SEC(".maps"), stacks_b SEC(".maps");

/*
 * APERTURE_LOSS_MAX is no loss. A function of its own, not static, as all are here that are called in many places: the
 * verifier takes such a one for what it is, once, and goes on behind a call of it in one way.
 */
__attribute__((noinline)) int count_loss(u32 loss)
{
	u64 *count = bpf_map_lookup_elem(&losses, &loss);

	if (count)
		(*count)++;
	return 0;
}

/* Counts that `stack`, which was just read, has not all of its frames; it is empty where that failed. */
static __always_inline void count_missing_frames(const struct aperture_stack *stack, enum aperture_loss failed,
						 enum aperture_loss truncated)
{
	if (stack->length == 0)
		count_loss(failed);
	else if (stack->length == APERTURE_STACK_DEPTH)
		count_loss(truncated);
}

/* An entry was added to a map, of enum aperture_filled. A function of its own. */
__attribute__((noinline)) int note_filled(u32 set, u32 map)
{
	u32 index = (set ? APERTURE_FILLED_MAX : 0) + map;
	u64 *count = bpf_map_lookup_elem(&filled, &index);

	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}

/*
 * The value of `key` in a map of counts of `set`, to add to; NULL where nothing is left to do, as `first` was put there,
 * or there is no room and the loss is counted.
 */
static __always_inline void *find_counted(void *counts, const void *key, const void *first, u32 set,
					  enum aperture_filled map)
{
	void *value = bpf_map_lookup_elem(counts, key);

	if (value)
		return value;
	long error = bpf_map_update_elem(counts, key, first, BPF_NOEXIST);
	if (error == 0) {
		note_filled(set, map);
		return NULL;
	}
	/* Another CPU may have been faster. */
	if (error == -EEXIST)
		value = bpf_map_lookup_elem(counts, key);
	if (!value)
		count_loss(error == -E2BIG ? APERTURE_LOSS_COUNTS_MAP_FULL : APERTURE_LOSS_COUNTS_MAP_BUSY);
	return value;
}

/* Whether a program keeps its CPU, so that others may interrupt it, but begin and end within it. */
enum counter {
	/* At the begin or the end of a call, where the kernel forbids that another takes the CPU. */
	COUNTER_KEEPS_CPU,
	/* At other places newer kernels do not. */
	COUNTER_ANY,
};

/* What interrupts leaves the count as it was, but who takes the CPU may not: then it is added to in one step. */
static __always_inline void add_counting(s64 programs, enum counter counter)
{
	u32 zero = 0;
	u64 *count = bpf_map_lookup_elem(&counting, &zero);

	if (!count)
		return;
	if (counter == COUNTER_KEEPS_CPU)
		*(volatile u64 *)count += programs;
	else
		__sync_fetch_and_add(count, programs);
}

/*
 * Begins to count, and returns the set: once an event, so that all that is counted of it is in the same one, until
 * end_counting().
 */
static __always_inline u32 begin_counting(enum counter counter)
{
	u32 zero = 0;

	/* Before the set is read. */
	add_counting(1, counter);
	u32 *set = bpf_map_lookup_elem(&active, &zero);
	return set ? *(volatile u32 *)set : 0;
}

static __always_inline void end_counting(enum counter counter)
{
	add_counting(-1, counter);
}

/* The window that is counted into `set`; NULL never, but for the verifier. */
static __always_inline struct aperture_window *window_of(u32 set)
{
	u32 index = set & 1;

	return bpf_map_lookup_elem(&windows, &index);
}

/*
 * The value of `key` in the map NAME_a or NAME_b of `set`. Where a look-up can be of one map only, the kernel makes code
 * for that map of it, without a call by way of a pointer: so the compiler must not make one of the two.
 */
#define look_up(name, set, key)                                    \
	({                                                         \
		void *_value;                                      \
		if (set) {                                         \
			_value = bpf_map_lookup_elem(&name##_b, key); \
			asm volatile("" ::: "memory");             \
		} else {                                           \
			_value = bpf_map_lookup_elem(&name##_a, key); \
		}                                                  \
		_value;                                            \
	})

/* Puts `stack` under the name `hash`; false when there is no room, which is counted. */
static __always_inline bool put_stack(u32 set, u64 hash, const struct aperture_stack *stack)
{
	void *stacks = set ? (void *)&stacks_b : (void *)&stacks_a;

	if (look_up(stacks, set, &hash))
		return true;
	long error = bpf_map_update_elem(stacks, &hash, stack, BPF_NOEXIST);
	if (error == 0)
		note_filled(set, APERTURE_FILLED_STACKS);
	/* Another CPU may have been faster. */
	if (error == 0 || error == -EEXIST)
		return true;
	count_loss(error == -E2BIG ? APERTURE_LOSS_STACKS_MAP_FULL : APERTURE_LOSS_STACKS_MAP_BUSY);
	return false;
}

/* Keeps `stack` under its hash, which is returned; 0 when it is empty or there is no room. */
static __always_inline u64 keep_stack(u32 set, const struct aperture_stack *stack)
{
	u64 hash = hash_stack(stack);

	return hash && put_stack(set, hash, stack) ? hash : 0;
}

/* The same of a spare one. A function of its own. */
__attribute__((noinline)) u64 keep_spare(u32 set, u32 spare)
{
	const struct aperture_stack *stack = spare_of(spare);

	return stack ? keep_stack(set, stack) : 0;
}

#endif
