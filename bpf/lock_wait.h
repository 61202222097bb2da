// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A thread's wait at a futex, from its call to its return. */
#ifndef __APERTURE_LOCK_WAIT_H__
#define __APERTURE_LOCK_WAIT_H__

#include "lock_owner.h"

/* So many of the newest wakes may have come after the waiter went on. */
#define NEWEST_WAKES 4

/* The number of `task` in its own pid namespace. */
static __always_inline u32 own_tid(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	void *numbers = __builtin_preserve_access_index(&pid->numbers);
	struct upid *upid = numbers + BPF_CORE_READ(pid, level) * bpf_core_type_size(struct upid);

	return BPF_CORE_READ(upid, nr);
}

/* The process of `task`, the current one, in the agent's pid namespace: current_pid() without a helper. */
static __always_inline u32 own_pid(const struct scratch *scratch, struct task_struct *task)
{
	return pid_namespace ? pid_in_namespace(task, pid_namespace) : scratch->tgid;
}

/* Makes the entry of the current thread; false (0) when there is no room. A function of its own, as unwind_frame is. */
__attribute__((noinline)) int make_thread(u32 user)
{
	const struct scratch *scratch = scratch_of(user);
	struct task_struct *task = (void *)bpf_get_current_task();

	if (!scratch)
		return false;
	u32 tid = scratch->tid;
	struct aperture_lock_thread fresh = { .pid = own_pid(scratch, task), .own_tid = own_tid(task) };
	fresh.wanted = is_wanted(fresh.pid);
	long error = bpf_map_update_elem(&threads, &tid, &fresh, BPF_NOEXIST);
	if (error)
		count_loss(error == -E2BIG ? APERTURE_LOSS_THREADS_MAP_FULL : APERTURE_LOSS_THREADS_MAP_BUSY);
	return !error;
}

/* The entry of the current thread, made if need be; NULL when there is no room. */
static __always_inline struct aperture_lock_thread *current_thread(const struct scratch *scratch, u32 user)
{
	u32 tid = scratch->tid;
	struct aperture_lock_thread *thread = bpf_map_lookup_elem(&threads, &tid);

	if (thread || !make_thread(user))
		return thread;
	return bpf_map_lookup_elem(&threads, &tid);
}

/* Sets what all rows of the thread's wait have in common: it lasted from `begun_ns` to `end_ns`, and ended so. */
static __always_inline void describe_wait(struct scratch *scratch, const struct aperture_lock_thread *thread,
					  u64 begun_ns, u64 end_ns, enum aperture_outcome outcome)
{
	const struct aperture_window *window = window_of(scratch->set);

	scratch->key.waiter = thread->place;
	scratch->key.holder = APERTURE_PLACE_NONE;
	scratch->key.lock = APERTURE_LOCK_FUTEX;
	scratch->key.outcome = outcome;
	scratch->ends = 1;
	/* Zero only if the clock did not move. */
	scratch->sum.max_ns = end_ns - begun_ns;
	scratch->sum.address = thread->word;
	scratch->sum.hints = thread->hints;
	scratch->sum.value = thread->value;
	scratch->futex = thread->futex;
	scratch->from_ns = window && window->start_ns > begun_ns ? window->start_ns : begun_ns;
	if (scratch->from_ns > end_ns)
		scratch->from_ns = end_ns;
	scratch->until_ns = end_ns;
}

/* Keeps the wait for the agent, when it was open at the begin of the window and the agent has still to see that. */
static __always_inline void keep_open(struct scratch *scratch, const struct aperture_lock_thread *thread, u64 begun_ns)
{
	const struct aperture_window *window = window_of(scratch->set);

	if (!window || begun_ns >= window->start_ns || !*(volatile u32 *)&window->looks)
		return;
	struct aperture_lock_ended wait = {
		.begun_ns = begun_ns,
		.futex = thread->futex,
		.word = thread->word,
		.place = thread->place,
		.value = thread->value,
		.hints = thread->hints,
		.lock = APERTURE_LOCK_FUTEX,
	};
	keep_ended(window, 0, &wait);
}

/* Counts the wait that was described, all of it with the one holder. */
static __always_inline void count_whole(struct scratch *scratch, u32 user)
{
	scratch->sum.delay_ns = scratch->until_ns - scratch->from_ns;
	add_wait(user);
}

/* Counts the wait that was described, shared out among those who woke during it. */
static __always_inline void count_shares(struct scratch *scratch, u32 user)
{
	u64 ender = scratch->key.holder;

	for (u32 i = 0; i < SHARES; i++)
		scratch->shares[i].ns = 0;
	if (!share_out(user)) {
		count_whole(scratch, user);
		return;
	}
	u32 own = ender & (SHARES - 1);
	for (u32 i = 0; i < SHARES; i++) {
		struct share *share = &scratch->shares[i];
		if (share->ns && !(i == own && share->holder == ender))
			count_share(scratch, user, share);
	}
	scratch->key.holder = ender;
	scratch->sum.delay_ns = scratch->shares[own].holder == ender ? scratch->shares[own].ns : 0;
	add_wait(user);
}

/* Counts a wait that a signal ended, which did not go on. */
static __always_inline void count_interrupted(struct scratch *scratch, u32 user, struct aperture_lock_thread *thread)
{
	describe_wait(scratch, thread, thread->paused_begun_ns, thread->paused_ns, APERTURE_OUTCOME_INTERRUPTED);
	count_whole(scratch, user);
	thread->paused_ns = 0;
}

/* Counts the end of a wait that did not get the lock after all, with the holder that woke the thread. */
static __always_inline void count_tail(struct scratch *scratch, u32 user, struct aperture_lock_thread *thread)
{
	describe_wait(scratch, thread, thread->tail_ns, thread->tail_end_ns, APERTURE_OUTCOME_WOKEN);
	scratch->key.holder = thread->tail_holder;
	scratch->ends = 0;
	scratch->sum.max_ns = 0;
	count_whole(scratch, user);
	thread->tail_ns = 0;
}

/* What is left open of the thread's last wait is no more than that. */
static __always_inline void settle(struct scratch *scratch, u32 user, struct aperture_lock_thread *thread)
{
	if (thread->paused_ns)
		count_interrupted(scratch, user, thread);
	if (thread->tail_ns)
		count_tail(scratch, user, thread);
}

/* Goes on with the wait that a signal interrupted, as if it had begun so much later. */
static __always_inline void resume_wait(struct scratch *scratch, struct aperture_lock_thread *thread)
{
	scratch->futex = thread->futex;
	come(scratch, thread, thread->value, thread->hints);
	u64 begun = thread->paused_begun_ns + (thread->came_ns - thread->paused_ns);
	thread->restarts = false;
	/* That paused_begun_ns stays tells that a signal has interrupted it. */
	thread->paused_ns = 0;
	thread->begun_ns = begun;
}

/* Begins a wait at `scratch->futex`, which the process has at `word`. */
static __always_inline void begin_wait(u64 *ctx, struct scratch *scratch, u32 user, struct task_struct *task,
				       u64 word, u32 value, u32 hints)
{
	struct aperture_lock_thread *thread = current_thread(scratch, user);

	if (!thread || !thread->wanted)
		return;
	if (thread->pid == 0) {
		count_loss(APERTURE_LOSS_OUTSIDE_PID_NAMESPACE);
		return;
	}
	/* The end of its last wait was missed. */
	if (thread->begun_ns) {
		leave(thread);
		thread->begun_ns = 0;
	}
	struct aperture_futex futex = scratch->futex;
	bool again = is_same_futex(&thread->futex, &futex);
	/* The same wait again is the one that a signal interrupted, called again by the kernel or by libc. */
	if (again && thread->paused_ns) {
		resume_wait(scratch, thread);
		return;
	}
	u64 tail = again ? thread->tail_ns : 0;
	if (tail)
		thread->tail_ns = 0;
	settle(scratch, user, thread);
	thread->futex = futex;
	thread->word = word;
	thread->value = value;
	thread->hints = hints;
	thread->restarts = false;
	thread->held_ns = 0;
	thread->paused_begun_ns = 0;
	if (!tail)
		thread->tail_end_ns = 0;
	thread->place = user_place(ctx, scratch, task, thread->pid);
	scratch->futex = futex;
	/* As late as can be, so that the time is the wait's and not ours. */
	struct aperture_futex_state *state = come(scratch, thread, value, hints);
	u64 now = thread->came_ns;
	if (state && may_tell_owner(hints | state->hints) && now - state->owner_ns > OWNER_INTERVAL_NS) {
		scratch->word = word;
		scratch->from_ns = now;
		note_owner(user);
	}
	/* Whose lock another thread took first has waited all the time, for that one. */
	thread->begun_ns = tail ?: now;
}

/* Whether the lock is somebody else's, when its waiter goes on: that one came by and was faster. */
static __always_inline bool is_taken(const struct aperture_lock_thread *thread)
{
	u32 word = 0;

	return thread->hints & APERTURE_HINT_CONTENDED &&
	       bpf_probe_read_user(&word, sizeof(word), (void *)thread->word) == 0 && word != 0;
}

/* The thread was woken at `now`; `state` is that of the futex. */
static __always_inline void count_woken(struct scratch *scratch, u32 user, struct aperture_lock_thread *thread,
					struct aperture_futex_state *state, u64 now)
{
	u64 wake_ns = 0;
	u64 before_ns = 0;

	scratch->sum.hints |= state->hints;
	for (u32 i = 1; i <= NEWEST_WAKES; i++) {
		struct aperture_wake *wake = wake_before(state, i);
		u64 at = *(volatile u64 *)&wake->at_ns;
		if (at == 0 || at > now || at <= scratch->from_ns)
			continue;
		scratch->key.holder = wake->place;
		wake_ns = at;
		before_ns = wake_before(state, i + 1)->at_ns;
		break;
	}
	bool is_lock = scratch->sum.hints & HINTS_OF_LOCKS;
	if (is_lock && wake_ns && is_taken(thread)) {
		thread->tail_end_ns = now;
		thread->tail_holder = scratch->key.holder;
		thread->tail_ns = wake_ns;
		scratch->until_ns = wake_ns;
	} else if (is_lock) {
		thread->held_ns = now;
	}
	if (is_lock && before_ns > scratch->from_ns)
		count_shares(scratch, user);
	else
		count_whole(scratch, user);
}

/* The thread did not wait at all (EAGAIN), or not this time: then what was before is all there is of its wait. */
static __always_inline void end_refused(struct scratch *scratch, u32 user, struct aperture_lock_thread *thread,
					u64 begun, u64 now)
{
	if (thread->paused_begun_ns) {
		thread->paused_ns = now;
		thread->paused_begun_ns = begun;
		count_interrupted(scratch, user, thread);
	} else if (thread->tail_end_ns) {
		thread->tail_ns = begun;
		count_tail(scratch, user, thread);
	}
	/* The lock was free a moment ago, and its waiter tries again. */
	if (!is_taken(thread) && thread->hints & APERTURE_HINT_CONTENDED)
		thread->held_ns = now;
}

/* The thread's wait ended with `result`. */
static __always_inline void end_wait(struct scratch *scratch, u32 user, struct aperture_lock_thread *thread,
				     long result)
{
	u64 now = bpf_ktime_get_ns();
	u64 begun = thread->begun_ns;
	struct aperture_futex_state *state = leave(thread);

	keep_open(scratch, thread, begun);
	thread->begun_ns = 0;
	if (ended_by_signal(result)) {
		thread->paused_begun_ns = begun;
		thread->restarts = result == -ERESTART_RESTARTBLOCK;
		thread->paused_ns = now;
	} else if (result < 0 && result != -ETIMEDOUT) {
		end_refused(scratch, user, thread, begun, now);
	} else {
		bool woken = result >= 0;
		describe_wait(scratch, thread, begun, now,
			      woken ? APERTURE_OUTCOME_WOKEN : APERTURE_OUTCOME_TIMEOUT);
		if (woken && state) {
			count_woken(scratch, user, thread, state, now);
		} else if (state) {
			scratch->sum.hints |= state->hints;
			if (scratch->sum.hints & HINTS_OF_LOCKS) {
				scratch->key.holder = known_owner(state);
				count_shares(scratch, user);
			} else {
				count_whole(scratch, user);
			}
		} else {
			count_whole(scratch, user);
		}
	}
}

/* The current thread wakes others at `scratch->futex`. */
static __always_inline void wake(u64 *ctx, struct scratch *scratch, u32 user, struct task_struct *task)
{
	u32 tid = scratch->tid;
	struct aperture_futex_state *state = bpf_map_lookup_elem(&futexes, &scratch->futex);

	if (!state)
		return;
	struct aperture_lock_thread *thread = bpf_map_lookup_elem(&threads, &tid);
	bool waited = thread && is_same_futex(&thread->futex, &scratch->futex);
	u64 held_ns = waited ? thread->held_ns : 0;
	bool waiters = state->waiters > 0;
	if (!waiters && !held_ns)
		return;
	u64 now = bpf_ktime_get_ns();
	if (waited) {
		thread->held_ns = 0;
		if (thread->tail_ns) {
			struct aperture_futex futex = scratch->futex;
			count_tail(scratch, user, thread);
			scratch->futex = futex;
		}
		if (thread->value && !(state->hints & APERTURE_HINT_WAITER_WAKES))
			state->hints |= APERTURE_HINT_WAITER_WAKES;
	}
	u64 place = user_place(ctx, scratch, task, own_pid(scratch, task));
	u32 hints = state->hints;
	/* Who had it together with others has not always given it back with a wake, and may have it another time. */
	if (hints & APERTURE_HINT_RWLOCK ? held_ns < held_since(state) : !held_ns && hints & HINTS_OF_LOCKS)
		held_ns = held_since(state);
	if (waiters)
		keep_wake(state, place, now);
	if (held_ns && held_ns < now)
		count_hold(scratch->set, place, now - held_ns, hints);
}

#endif
