// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Waits for locks of the kernel, which tell of themselves since 5.19, and who had those that tell their owner. */
#ifndef __APERTURE_LOCK_KERNEL_H__
#define __APERTURE_LOCK_KERNEL_H__

#include "lock_counts.h"
#include "process_filter.h"

/* include/trace/events/lock.h */
#define LCB_F_SPIN (1 << 0)
#define LCB_F_READ (1 << 1)
#define LCB_F_WRITE (1 << 2)
#define LCB_F_RT (1 << 3)
#define LCB_F_PERCPU (1 << 4)
#define LCB_F_MUTEX (1 << 5)

/* The marks in the owner of a mutex (kernel/locking/mutex.h), and in that of a semaphore (kernel/locking/rwsem.c). */
#define OWNER_MARKS 7ULL
/* The owner is one of those who read, or was the last of them. */
#define RWSEM_READER_OWNED 1ULL

/*
 * Waits that spin, by CPU: they begin and end on the same one, and one that comes with an interrupt ends before what
 * it interrupted goes on. Task, soft interrupt, interrupt, NMI: as deep as the kernel's own queue of spinners.
 */
#define SPIN_DEPTH 4

struct spins {
	u32 depth;
	u32 reserved;
	struct aperture_contention at[SPIN_DEPTH];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct spins);
} spins SEC(".maps");

/* A mutex spins for a while before it sleeps, and says so. */
static __always_inline bool only_spins(u32 flags)
{
	return (flags & (LCB_F_SPIN | LCB_F_MUTEX)) == LCB_F_SPIN;
}

static __always_inline enum aperture_lock lock_of(u32 flags)
{
	if (flags & LCB_F_MUTEX)
		return APERTURE_LOCK_MUTEX;
	if (flags & LCB_F_RT)
		return APERTURE_LOCK_RT;
	if (flags & LCB_F_PERCPU)
		return APERTURE_LOCK_PERCPU;
	if (flags & LCB_F_SPIN)
		return flags & (LCB_F_READ | LCB_F_WRITE) ? APERTURE_LOCK_RWLOCK : APERTURE_LOCK_SPIN;
	return flags & (LCB_F_READ | LCB_F_WRITE) ? APERTURE_LOCK_RWSEM : APERTURE_LOCK_SEM;
}

static __always_inline void begin_spin(const struct aperture_contention *contention)
{
	u32 zero = 0;
	struct spins *all = bpf_map_lookup_elem(&spins, &zero);

	if (!all)
		return;
	u32 depth = all->depth;
	if (depth >= SPIN_DEPTH) {
		/* Ends were missed. */
		count_loss(APERTURE_LOSS_CONTENTIONS_MAP_FULL);
		depth = 0;
	}
	all->at[depth & (SPIN_DEPTH - 1)] = *contention;
	all->depth = depth + 1;
}

/* Takes the wait for `lock` off those of this CPU, and with it those within it whose end was missed. */
static __always_inline bool end_spin(u64 lock, struct aperture_contention *contention)
{
	u32 zero = 0;
	struct spins *all = bpf_map_lookup_elem(&spins, &zero);

	if (!all)
		return false;
#pragma unroll
	for (int i = SPIN_DEPTH - 1; i >= 0; i--) {
		if ((u32)i < all->depth && all->at[i].lock == lock) {
			*contention = all->at[i];
			all->depth = i;
			return true;
		}
	}
	return false;
}

static __always_inline void begin_sleep(const struct aperture_contention *contention)
{
	struct aperture_contention_key key = { .lock = contention->lock, .tid = (u32)bpf_get_current_pid_tgid() };
	long error = bpf_map_update_elem(&contentions, &key, contention, BPF_NOEXIST);

	if (error && error != -EEXIST)
		count_loss(error == -E2BIG ? APERTURE_LOSS_CONTENTIONS_MAP_FULL : APERTURE_LOSS_CONTENTIONS_MAP_BUSY);
}

/* Whether this thread already waits for `lock`: a mutex says so again when it goes from spinning to sleeping. */
static __always_inline bool sleeps_for(u64 lock)
{
	struct aperture_contention_key key = { .lock = lock, .tid = (u32)bpf_get_current_pid_tgid() };

	return bpf_map_lookup_elem(&contentions, &key);
}

/* The task that has the lock; NULL when it does not tell, or several have it. */
static __always_inline struct task_struct *owner_of(u64 lock, u32 flags)
{
	u64 owner = 0;

	if (lock_of(flags) == APERTURE_LOCK_MUTEX && bpf_core_field_exists(struct mutex, owner))
		owner = BPF_CORE_READ((struct mutex *)lock, owner.counter);
	else if (lock_of(flags) == APERTURE_LOCK_RWSEM && bpf_core_field_exists(struct rw_semaphore, owner))
		owner = BPF_CORE_READ((struct rw_semaphore *)lock, owner.counter);
	if (lock_of(flags) == APERTURE_LOCK_RWSEM && owner & RWSEM_READER_OWNED)
		return NULL;
	return (void *)(owner & ~OWNER_MARKS);
}

/*
 * Keeps the user stack of `owner`, of process `pid`, that has the lock; 0 where that cannot be told. It is one that does
 * not change, as who has a lock of the kernel is in there: be it on a CPU or not. Of other processes than the current one
 * no program can read memory that does not sleep.
 */
static __always_inline u64 owner_stack(struct task_struct *owner, u32 pid, u32 set, u64 lock, u32 flags)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	if (!has_user_stack(owner, false) || BPF_CORE_READ(owner, mm) != BPF_CORE_READ(task, mm))
		return 0;
	u64 stack = collect_stack_of(owner, pid, set);
	/* It has given the lock back meanwhile, and may have left the kernel. */
	return owner_of(lock, flags) == owner ? stack : 0;
}

/* The place of the thread that has the lock; where that is a thread of another process, without its stack. */
static __always_inline u64 owner_place(struct scratch *scratch, u64 lock, u32 flags)
{
	struct task_struct *owner = owner_of(lock, flags);
	struct aperture_lock_place *place = &scratch->place;

	if (!owner)
		return APERTURE_PLACE_NONE;
	place->pid = pid_namespace ? pid_in_namespace(owner, pid_namespace) : (u32)BPF_CORE_READ(owner, tgid);
	place->user_stack = owner_stack(owner, place->pid, scratch->set, lock, flags);
	place->kernel_stack = 0;
	place->program = program_of(owner, false);
	__builtin_memset(place->comm, 0, sizeof(place->comm));
	BPF_CORE_READ_STR_INTO(&place->comm, owner, comm);
	/* What was freed meanwhile and is no task any more. */
	if (!place->pid && !place->comm[0])
		return APERTURE_PLACE_NONE;
	return keep_place(SCRATCH_CONTENTION);
}

/* The current thread begins to wait for `lock`. */
static __always_inline void contend(void *ctx, u64 lock, u32 flags)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct aperture_contention contention = { .lock = lock, .flags = flags };
	bool spins = only_spins(flags);
	u32 pid = current_pid(task);

	contention.begun_ns = bpf_ktime_get_ns();
	if (!is_wanted(pid) || (!spins && sleeps_for(lock)))
		return;
	/* Number 0 of the initial namespace is the idle task: an interrupt may wait for a lock there. */
	if (pid == 0 && pid_namespace) {
		count_loss(APERTURE_LOSS_OUTSIDE_PID_NAMESPACE);
		return;
	}
	struct scratch *scratch = take_scratch(SCRATCH_CONTENTION);
	if (!scratch)
		return;
	struct aperture_lock_place *place = &scratch->place;
	contention.holder = owner_place(scratch, lock, flags);
	/* Now, not when the lock is had: others wait for it then. */
	place->user_stack = keep_user_stack(ctx, task, pid, scratch->set, SPARE_KERNEL);
	place->kernel_stack = keep_kernel_stack(ctx, scratch->set, SPARE_KERNEL);
	place->pid = pid;
	place->program = program_of(task, false);
	bpf_get_current_comm(place->comm, sizeof(place->comm));
	contention.place = keep_place(SCRATCH_CONTENTION);
	give_scratch(scratch, SCRATCH_CONTENTION);
	if (spins)
		begin_spin(&contention);
	else
		begin_sleep(&contention);
}

/* Keeps a wait for the agent, when it was open at the begin of the window and the agent has still to see that. */
static __always_inline void keep_open_contention(const struct aperture_window *window,
						 const struct aperture_contention *contention)
{
	if (contention->begun_ns >= window->start_ns || !*(volatile u32 *)&window->looks)
		return;
	struct aperture_lock_ended wait = {
		.begun_ns = contention->begun_ns,
		.place = contention->place,
		.holder = contention->holder,
		.lock = lock_of(contention->flags),
	};
	keep_ended(window, contention->lock, &wait);
}

/* Takes the thread's wait for `lock` out of the map, after what the agent has to see of it is kept. */
static __always_inline bool end_sleep(u64 lock, const struct aperture_window *window,
				      struct aperture_contention *contention)
{
	struct aperture_contention_key key = { .lock = lock, .tid = (u32)bpf_get_current_pid_tgid() };
	struct aperture_contention *found = bpf_map_lookup_elem(&contentions, &key);

	if (!found)
		return false;
	*contention = *found;
	keep_open_contention(window, contention);
	bpf_map_delete_elem(&contentions, &key);
	return true;
}

/* The current thread's wait for `lock` ends with `result`: counts it into `set`. */
static __always_inline void count_contended(u64 lock, int result, u32 set)
{
	u64 now = bpf_ktime_get_ns();
	const struct aperture_window *window = window_of(set);
	struct aperture_contention contention;

	if (!window || (!end_spin(lock, &contention) && !end_sleep(lock, window, &contention)))
		return;
	struct scratch *scratch = claim_scratch(SCRATCH_CONTENTION_END);
	if (!scratch)
		return;
	u64 from = contention.begun_ns > window->start_ns ? contention.begun_ns : window->start_ns;
	scratch->set = set;
	scratch->key.waiter = contention.place;
	scratch->key.holder = result == 0 ? contention.holder : APERTURE_PLACE_NONE;
	scratch->key.lock = lock_of(contention.flags);
	scratch->key.outcome = result == 0		? APERTURE_OUTCOME_WOKEN
			       : result == -ETIMEDOUT ? APERTURE_OUTCOME_TIMEOUT
						      : APERTURE_OUTCOME_INTERRUPTED;
	scratch->ends = 1;
	scratch->sum.max_ns = now - contention.begun_ns;
	scratch->sum.delay_ns = now > from ? now - from : 0;
	scratch->sum.address = lock;
	scratch->sum.hints = 0;
	scratch->sum.value = 0;
	add_wait(SCRATCH_CONTENTION_END);
	release_scratch(scratch);
}

static __always_inline void end_contend(u64 lock, int result)
{
	u32 set = begin_counting(COUNTER_ANY);

	count_contended(lock, result, set);
	end_counting(COUNTER_ANY);
}

#endif
