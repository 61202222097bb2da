// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Who has a lock of user space when a wait for it begins, where its memory tells: the word of a futex with priority
 * inheritance, and glibc's mutexes. It is who the wait is for as long as nobody wakes there.
 */
#ifndef __APERTURE_LOCK_OWNER_H__
#define __APERTURE_LOCK_OWNER_H__

#include "lock_futex.h"

/* linux/futex.h: the part of the word with priority inheritance that is a thread. */
#define FUTEX_TID_MASK 0x3fffffff

/* The begin of glibc's pthread_mutex_t, on all 64-bit machines. `lock` is the word that is waited at. */
struct glibc_mutex {
	u32 lock;
	u32 count;
	u32 owner;
	/* The owner, and those who wait at a condition variable with it. */
	u32 users;
	u32 kind;
};

/* What other libraries have behind such a word is seldom both. */
#define GLIBC_MOST_USERS 65536
#define GLIBC_KINDS 0x3ff

/* At one futex nobody looks again before so long. */
#define OWNER_INTERVAL_NS 1000000
/* Of processes with more threads than the product the newer ones are not found. */
#define OWNER_THREADS 16
#define OWNER_TURNS 32
/* After a look, which takes microseconds, a CPU has none for so many times as long, however many locks are contended. */
#define OWNER_REST 100
/* At most; a look that took long was mostly interrupted. */
#define OWNER_MOST_REST_NS 50000000

/* What has such hints may tell its owner. */
static __always_inline bool may_tell_owner(u32 hints)
{
	return hints & (APERTURE_HINT_PI | APERTURE_HINT_CONTENDED) && !(hints & APERTURE_HINT_RWLOCK);
}

/* The owner's number in its own pid namespace, by what is at `word`; 0 where that tells none. */
static __always_inline u32 owner_number(u64 word, u32 hints)
{
	struct glibc_mutex mutex = {};

	if (hints & APERTURE_HINT_PI) {
		bpf_probe_read_user(&mutex.lock, sizeof(mutex.lock), (void *)word);
		return mutex.lock & FUTEX_TID_MASK;
	}
	if (bpf_probe_read_user(&mutex, sizeof(mutex), (void *)word))
		return 0;
	if (mutex.users - 1 >= GLIBC_MOST_USERS || mutex.kind & ~GLIBC_KINDS)
		return 0;
	return mutex.owner;
}

/* What threads of the current process are a list of. */
static __always_inline void *threads_of(struct task_struct *task)
{
	return (void *)BPF_CORE_READ(task, signal) + bpf_core_field_offset(struct signal_struct, thread_head);
}

/*
 * Looks through OWNER_THREADS more of the list, from its entry scratch->owner on, for the thread with scratch->number; true at
 * that, which is in scratch->owner then, and at the end of the list, where that is 0. A function of its own.
 */
__attribute__((noinline)) int find_among_threads(u32 user)
{
	struct scratch *scratch = scratch_of(user);
	struct task_struct *task = (void *)bpf_get_current_task();

	if (!scratch)
		return true;
	void *head = threads_of(task);
	struct list_head *entry = (void *)scratch->owner;
	for (u32 i = 0; i < OWNER_THREADS; i++) {
		u32 own = 0;

		entry = BPF_CORE_READ(entry, next);
		if (!entry || entry == head) {
			scratch->owner = 0;
			return true;
		}
		struct task_struct *thread = (void *)entry - bpf_core_field_offset(struct task_struct, thread_node);
		bpf_probe_read_kernel(&own, sizeof(own), (void *)BPF_CORE_READ(thread, thread_pid) + scratch->number_at);
		if (own == scratch->number) {
			scratch->owner = (u64)thread;
			return true;
		}
	}
	scratch->owner = (u64)entry;
	return false;
}

/* The thread with `number`, in its own pid namespace, of the process of `task`, the current one; NULL where there is none. */
static __always_inline struct task_struct *thread_of(struct scratch *scratch, u32 user, struct task_struct *task, u32 number)
{
	u32 level = BPF_CORE_READ(task, thread_pid, level);

	scratch->number = number;
	scratch->number_at = bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid) +
			     bpf_core_field_offset(struct upid, nr);
	scratch->owner = (u64)threads_of(task);
	for (u32 i = 0; i < OWNER_TURNS; i++) {
		if (find_among_threads(user))
			return (void *)scratch->owner;
	}
	return NULL;
}

/*
 * Whether scratch->owner is on no CPU, and how often it has left one, in scratch->owner_switches. A function of its own, as
 * unwind_frame is, and not a part of note_owner: what it has on the stack is missing to the walk.
 */
__attribute__((noinline)) int look_at_owner(u32 user)
{
	struct scratch *scratch = scratch_of(user);

	if (!scratch)
		return false;
	struct task_struct *owner = (void *)scratch->owner;
	scratch->owner_switches = BPF_CORE_READ(owner, nvcsw) + BPF_CORE_READ(owner, nivcsw);
	return !BPF_CORE_READ(owner, on_cpu) && has_user_stack(owner, false);
}

/* Keeps the stack of scratch->owner, a thread of the current process; 0 where it runs, so that it has none to keep. */
static __always_inline u64 resting_stack(struct scratch *scratch, u32 user)
{
	if (!look_at_owner(user))
		return 0;
	u64 switches = scratch->owner_switches;
	u64 stack = collect_stack_of((void *)scratch->owner, scratch->place.pid, scratch->set);
	/* Where it has run meanwhile the walk was along what changed. */
	return look_at_owner(user) && scratch->owner_switches == switches ? stack : 0;
}

/*
 * Has in scratch->owner who has the lock at `scratch->futex`, another thread, and fills in of its place what is the current
 * process's; false (0) where nobody is known. A function of its own, as unwind_frame is, and not a part of note_owner, as
 * what it has on the stack is missing to the walk that comes after.
 */
__attribute__((noinline)) int find_owner(u32 user)
{
	struct scratch *scratch = scratch_of(user);
	struct task_struct *task = (void *)bpf_get_current_task();
	struct aperture_futex_state *state = scratch ? bpf_map_lookup_elem(&futexes, &scratch->futex) : NULL;

	if (!state)
		return false;
	u32 number = owner_number(scratch->word, state->hints);
	struct task_struct *owner = number ? thread_of(scratch, user, task, number) : NULL;
	state->owner = owner && owner != task ? number : 0;
	/* Of a lock that does not tell, too: it is not asked again and again. */
	state->owner_ns = scratch->from_ns;
	scratch->owner = (u64)owner;
	if (!owner || owner == task)
		return false;
	scratch->place.pid = pid_namespace ? pid_in_namespace(task, pid_namespace) : scratch->tgid;
	scratch->place.program = program_of(task, false);
	return true;
}

static __always_inline void rest_from_look(struct scratch *scratch)
{
	u64 rest = (bpf_ktime_get_ns() - scratch->from_ns) * OWNER_REST;

	scratch->look_ns = scratch->from_ns + (rest < OWNER_MOST_REST_NS ? rest : OWNER_MOST_REST_NS);
}

/*
 * Notes who has the lock at `scratch->futex`, which the current process has at `scratch->word`, now at `scratch->from_ns`.
 * A function of its own, as unwind_frame is.
 */
__attribute__((noinline)) int note_owner(u32 user)
{
	struct scratch *scratch = scratch_of(user);

	if (!scratch || scratch->from_ns < scratch->look_ns)
		return 0;
	bool found = find_owner(user);
	rest_from_look(scratch);
	if (!found)
		return 0;
	struct aperture_lock_place *place = &scratch->place;
	place->user_stack = resting_stack(scratch, user);
	place->kernel_stack = 0;
	__builtin_memset(place->comm, 0, sizeof(place->comm));
	struct task_struct *owner = (void *)scratch->owner;
	BPF_CORE_READ_STR_INTO(&place->comm, owner, comm);
	struct aperture_futex_state *state = bpf_map_lookup_elem(&futexes, &scratch->futex);
	if (state)
		state->owner_place = keep_place(user);
	rest_from_look(scratch);
	return 0;
}

/* Who has had the lock since the last wake, as it was seen when a wait began; APERTURE_PLACE_NONE where nobody was. */
static __always_inline u64 known_owner(struct aperture_futex_state *state)
{
	u64 seen_ns = state->owner_ns;

	/* Before there were waiters nobody has to wake who gives it back. */
	if (!state->owner || seen_ns < state->contended_ns || wake_before(state, 1)->at_ns >= seen_ns)
		return APERTURE_PLACE_NONE;
	return state->owner_place;
}

#endif
