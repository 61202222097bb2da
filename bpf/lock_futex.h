// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What threads do at a futex: who waits there, who wakes, and how a wait is shared out among those who woke during it.
 *
 * A lock with threads that wait is marked as contended, so each of its holders gives it back with a wake, also one that
 * came by and took it before those who wait. So from one wake to the next somebody held it: who woke at the end.
 */
#ifndef __APERTURE_LOCK_FUTEX_H__
#define __APERTURE_LOCK_FUTEX_H__

#include "futex.h"
#include "lock_counts.h"
#include "process_filter.h"

/* Threads hold what has such a hint; what has none of them has only wakers. */
#define HINTS_OF_LOCKS \
	(APERTURE_HINT_PI | APERTURE_HINT_CONTENDED | APERTURE_HINT_WAITER_WAKES | APERTURE_HINT_RWLOCK)

/*
 * Names the futex at `scratch->futex.address` of the current process by what it is in, where others may have that mapped
 * elsewhere. A function of its own, as unwind_frame is.
 */
__attribute__((noinline)) int name_shared(u32 user)
{
	struct scratch *scratch = scratch_of(user);
	struct task_struct *task = (void *)bpf_get_current_task();

	if (!scratch)
		return 0;
	struct vma_search *search = &scratch->search;
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	if (!mm || !find_vma(search, mm, scratch->futex.address) || !search->found.file || !search->found.shared)
		return 0;
	struct file *file = (void *)search->found.file;
	scratch->futex.address += search->found.offset - search->found.start;
	scratch->futex.space = (u64)BPF_CORE_READ(file, f_inode);
	return 0;
}

static __always_inline void name_futex(struct scratch *scratch, enum scratch_user user, u64 word, bool private)
{
	scratch->futex.address = word;
	scratch->futex.space = scratch->tgid;
	if (!private)
		name_shared(user);
}

static __always_inline bool is_same_futex(const struct aperture_futex *one, const struct aperture_futex *other)
{
	return one->address == other->address && one->space == other->space;
}

/* The entry of `scratch->futex`, made if need be; NULL when there is no room. */
static __always_inline struct aperture_futex_state *futex_state(struct scratch *scratch)
{
	struct aperture_futex_state *state = bpf_map_lookup_elem(&futexes, &scratch->futex);

	if (state)
		return state;
	static const struct aperture_futex_state none;
	u64 now = bpf_ktime_get_ns();
	long error = bpf_map_update_elem(&futexes, &scratch->futex, &none, BPF_NOEXIST);
	state = bpf_map_lookup_elem(&futexes, &scratch->futex);
	if (!state)
		count_loss(APERTURE_LOSS_HOLDER_FORGOTTEN);
	/* Not by who found it made meanwhile: for who came before that one's time it would look as if it was made anew. */
	else if (!error)
		state->created_ns = now;
	return state;
}

/*
 * Notes that the current thread waits at `scratch->futex` from now on, which is in `thread->came_ns` then, and expects
 * `value`. Returns the entry; NULL when there is no room.
 */
static __always_inline struct aperture_futex_state *come(struct scratch *scratch, struct aperture_lock_thread *thread,
							 u32 value, u32 hints)
{
	struct aperture_futex_state *state = futex_state(scratch);
	u32 tid = scratch->tid;
	/* When the entry is there, so that it was not made later than its first thread came. */
	u64 now = bpf_ktime_get_ns();

	thread->came_ns = now;
	if (!state)
		return NULL;
	if (state->waiters <= 0) {
		/* Below 0 when the entry was forgotten and made again meanwhile. */
		state->waiters = 0;
		state->contended_ns = now;
	}
	__sync_fetch_and_add(&state->waiters, 1);
	if (state->waiter && state->waiter != tid)
		hints |= APERTURE_HINT_SEVERAL_WAITERS;
	if (!(hints & APERTURE_HINT_CONTENDED)) {
		if (state->waiter && state->value != value)
			hints |= APERTURE_HINT_COUNTER;
		if (state->value != value)
			state->value = value;
	}
	if (state->waiter != tid)
		state->waiter = tid;
	if (~state->hints & hints)
		state->hints |= hints;
	return state;
}

/* The entry of the futex that the thread came to; NULL when it was forgotten meanwhile. The thread waits there no more. */
static __always_inline struct aperture_futex_state *leave(const struct aperture_lock_thread *thread)
{
	struct aperture_futex_state *state = bpf_map_lookup_elem(&futexes, &thread->futex);

	if (!state || state->created_ns > thread->came_ns) {
		count_loss(APERTURE_LOSS_HOLDER_FORGOTTEN);
		return NULL;
	}
	__sync_fetch_and_add(&state->waiters, -1);
	return state;
}

static __always_inline struct aperture_wake *wake_before(struct aperture_futex_state *state, u32 back)
{
	return &state->wakes[(state->wake_count - back) & (APERTURE_LOCK_WAKES - 1)];
}

/* From when on a thread that did not wait has had the lock: after the last wake, or before there was one who waits. */
static __always_inline u64 held_since(struct aperture_futex_state *state)
{
	u64 last = wake_before(state, 1)->at_ns;

	return last > state->contended_ns ? last : state->contended_ns;
}

/*
 * Keeps that `place` wakes here. Two that come at once may write to one entry: there is no ticket in one step before 5.12,
 * and who gives a lock back is alone nearly always. The second then finds it, and it is counted.
 */
static __always_inline void keep_wake(struct aperture_futex_state *state, u64 place, u64 now_ns)
{
	u32 at = *(volatile u32 *)&state->wake_count;
	struct aperture_wake *wake = &state->wakes[at & (APERTURE_LOCK_WAKES - 1)];

	*(volatile u64 *)&wake->at_ns = 0;
	*(volatile u64 *)&wake->place = place;
	*(volatile u64 *)&wake->at_ns = now_ns;
	*(volatile u32 *)&state->wake_count = at + 1;
	if (*(volatile u64 *)&wake->place != place)
		count_loss(APERTURE_LOSS_HOLDER_RACED);
}

/* Counts the share of `holder` alone. */
static __always_inline void count_share(struct scratch *scratch, u32 user, const struct share *share)
{
	u64 whole = scratch->sum.max_ns;

	scratch->key.holder = share->holder;
	scratch->sum.delay_ns = share->ns;
	scratch->ends = 0;
	scratch->sum.max_ns = 0;
	add_wait(user);
	scratch->ends = 1;
	scratch->sum.max_ns = whole;
}

/* Adds `ns` to what the wait has of `holder`. */
static __always_inline void add_share(struct scratch *scratch, u32 user, u64 holder, u64 ns)
{
	struct share *share = &scratch->shares[holder & (SHARES - 1)];

	if (share->holder != holder) {
		if (share->ns)
			count_share(scratch, user, share);
		share->holder = holder;
		share->ns = 0;
	}
	share->ns += ns;
}

/*
 * Shares the time from `from_ns` to `until_ns` of the scratch of `user` out among those who woke at its futex, and
 * counts all but what is left in `shares`. False (0) when the futex was forgotten meanwhile. A function of its own, as
 * unwind_step is.
 */
__attribute__((noinline)) int share_out(u32 user)
{
	struct scratch *scratch = scratch_of(user);
	struct aperture_futex_state *state = scratch ? bpf_map_lookup_elem(&futexes, &scratch->futex) : NULL;

	if (!state)
		return 0;
	u64 until = scratch->until_ns;
	u64 from = scratch->from_ns;
	/* Who held until `until`. */
	u64 holder = scratch->key.holder;
	u32 count = state->wake_count;
	for (u32 i = 1; i <= APERTURE_LOCK_WAKES; i++) {
		struct aperture_wake *wake = &state->wakes[(count - i) & (APERTURE_LOCK_WAKES - 1)];
		u64 at = *(volatile u64 *)&wake->at_ns;
		u64 place = *(volatile u64 *)&wake->place;

		/* It is being written, or came after the end, or out of turn. */
		if (at == 0 || at >= until)
			continue;
		if (at <= from) {
			add_share(scratch, user, holder, until - from);
			return true;
		}
		add_share(scratch, user, holder, until - at);
		until = at;
		holder = place;
	}
	/* Of those before the oldest that is known, nobody knows; of all others the ends were seen. */
	add_share(scratch, user, count >= APERTURE_LOCK_WAKES ? APERTURE_PLACE_EARLIER : holder, until - from);
	return true;
}

#endif
