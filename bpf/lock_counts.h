// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* What is counted of locks: places under their hash, waits by who waits and who holds, and how long locks are held. */
#ifndef __APERTURE_LOCK_COUNTS_H__
#define __APERTURE_LOCK_COUNTS_H__

#include "lock_maps.h"
#include "log2.h"
#include "mix.h"
#include "program.h"
#include "tracepoint_stacks.h"
#include "walk_memo.h"

/*
 * Keeps the place of the scratch of `user` under its hash, which is returned; APERTURE_PLACE_NONE when there is no room. A
 * function of its own.
 */
__attribute__((noinline)) u64 keep_place(u32 user)
{
	struct scratch *scratch = scratch_of(user);

	if (!scratch)
		return APERTURE_PLACE_NONE;
	u32 set = scratch->set;
	struct aperture_lock_place *place = &scratch->place;
	void *places = set ? (void *)&places_b : (void *)&places_a;
	const u64 *comm = (const void *)place->comm;
	u64 hash = mix(mix(mix(1, place->user_stack), place->kernel_stack), (u64)place->program << 32 | place->pid);

	hash = mix(mix(hash, comm[0]), comm[1]);
	if (hash <= APERTURE_PLACE_EARLIER)
		hash += APERTURE_PLACE_EARLIER + 1;
	if (bpf_map_lookup_elem(places, &hash))
		return hash;
	long error = bpf_map_update_elem(places, &hash, place, BPF_NOEXIST);
	if (error == 0)
		note_filled(set, APERTURE_FILLED_PLACES);
	/* Another CPU may have been faster. */
	if (error == 0 || error == -EEXIST)
		return hash;
	count_loss(error == -E2BIG ? APERTURE_LOSS_PLACES_MAP_FULL : APERTURE_LOSS_PLACES_MAP_BUSY);
	return APERTURE_PLACE_NONE;
}

/*
 * The place where the current thread, of process `pid`, called the kernel, at the begin of a call; its user stack is read
 * with `scratch`.
 */
static __always_inline u64 user_place(u64 *ctx, struct scratch *scratch, struct task_struct *task, u32 pid)
{
	struct aperture_lock_place *place = &scratch->place;

	begin_at(&scratch->begin, task, scratch->tid, (struct pt_regs *)ctx[0]);
	u64 known = use_unwinder ? recall_walk(&scratch->begin, scratch->set) : APERTURE_PLACE_NONE;

	if (known != APERTURE_PLACE_NONE)
		return known;
	if (use_unwinder)
		forget_reads();
	place->user_stack = keep_user_stack(ctx, task, pid, scratch->set, SPARE_USER);
	place->kernel_stack = 0;
	place->pid = pid;
	place->program = program_of(task, false);
	__builtin_memcpy(place->comm, scratch->begin.comm, sizeof(place->comm));
	u64 hash = keep_place(SCRATCH_ENTER);
	if (use_unwinder && hash != APERTURE_PLACE_NONE)
		remember_walk(&scratch->begin, scratch->set, hash);
	return hash;
}

static __always_inline u32 bucket_of(u64 ns)
{
	u32 bucket = log2_of(ns);

	return bucket < APERTURE_LOCK_BUCKETS ? bucket : APERTURE_LOCK_BUCKETS - 1;
}

/*
 * Adds `sum` of the scratch of `user` to the row of its key: a wait, of which `max_ns` is the whole, or, where none
 * `ends`, a share of one. A function of its own, as unwind_step is.
 */
__attribute__((noinline)) int add_wait(u32 user)
{
	struct scratch *scratch = scratch_of(user);

	if (!scratch)
		return 0;
	void *counts = scratch->set ? (void *)&counts_b : (void *)&counts_a;
	struct aperture_lock_sum *add = &scratch->sum;
	struct aperture_lock_sum *sum = look_up(counts, scratch->set, &scratch->key);
	u32 bucket = bucket_of(add->max_ns);
	u32 ends = scratch->ends;

	if (ends)
		count_taken(user);
	if (!sum) {
		add->histogram[bucket] = ends;
		long error = bpf_map_update_elem(counts, &scratch->key, add, BPF_NOEXIST);
		add->histogram[bucket] = 0;
		if (error == 0) {
			note_filled(scratch->set, APERTURE_FILLED_COUNTS);
			return 0;
		}
		/* Another CPU may have been faster. */
		if (error == -EEXIST)
			sum = bpf_map_lookup_elem(counts, &scratch->key);
		if (!sum) {
			if (!ends)
				count_loss(APERTURE_LOSS_WAIT_SHARES_MAP_FULL);
			else
				count_loss(error == -E2BIG ? APERTURE_LOSS_COUNTS_MAP_FULL :
							     APERTURE_LOSS_COUNTS_MAP_BUSY);
			return 0;
		}
	}
	if (add->delay_ns)
		__sync_fetch_and_add(&sum->delay_ns, add->delay_ns);
	if (sum->address != add->address) {
		sum->hints |= APERTURE_HINT_SEVERAL_ADDRESSES;
		sum->address = add->address;
	}
	if (~sum->hints & add->hints)
		sum->hints |= add->hints;
	sum->value = add->value;
	if (!ends)
		return 0;
	__sync_fetch_and_add(&sum->histogram[bucket], ends);
	/* Where two end on two CPUs in the same instant the longer one may lose: there is no maximum in one step. */
	if (sum->max_ns < add->max_ns)
		sum->max_ns = add->max_ns;
	return 0;
}

/* Counts that a lock was held for `ns`, and given back at `place`. A function of its own. */
__attribute__((noinline)) int count_hold(u32 set, u64 place, u64 ns, u32 hints)
{
	void *holds = set ? (void *)&holds_b : (void *)&holds_a;
	struct aperture_hold_sum *sum = look_up(holds, set, &place);
	u32 bucket = bucket_of(ns);

	if (!sum) {
		static const struct aperture_hold_sum none;
		long error = bpf_map_update_elem(holds, &place, &none, BPF_NOEXIST);
		if (!error)
			note_filled(set, APERTURE_FILLED_HOLDS);
		if (!error || error == -EEXIST)
			sum = bpf_map_lookup_elem(holds, &place);
		if (!sum) {
			count_loss(error == -E2BIG ? APERTURE_LOSS_HOLDS_MAP_FULL : APERTURE_LOSS_HOLDS_MAP_BUSY);
			return 0;
		}
	}
	__sync_fetch_and_add(&sum->total_ns, ns);
	__sync_fetch_and_add(&sum->histogram[bucket], 1);
	if (sum->max_ns < ns)
		sum->max_ns = ns;
	if (~sum->hints & hints)
		sum->hints |= hints;
	return 0;
}

/* Keeps a wait that was open when the window began, for the agent, which may not have looked yet. */
static __always_inline void keep_ended(const struct aperture_window *window, u64 lock,
				       struct aperture_lock_ended *wait)
{
	struct aperture_contention_key key = { .lock = lock, .tid = (u32)bpf_get_current_pid_tgid() };

	wait->window_ns = window->start_ns;
	if (bpf_map_update_elem(&ended, &key, wait, BPF_ANY))
		count_loss(APERTURE_LOSS_OPEN_MAP_FULL);
}

#endif
