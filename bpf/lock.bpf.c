// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Who waits for locks, where, how long, and who ended the wait. User space waits at futexes; the kernel's own locks
 * tell of themselves since 5.19.
 */
#include "vmlinux.h"

#include "futex.h"
#include "kernel.h"
#include "lock.h"
#include "process_filter.h"
#include "taken.h"
#include "tracepoint_stacks.h"
#include "window.h"

/* include/trace/events/lock.h */
#define LCB_F_SPIN (1 << 0)
#define LCB_F_READ (1 << 1)
#define LCB_F_WRITE (1 << 2)
#define LCB_F_RT (1 << 3)
#define LCB_F_PERCPU (1 << 4)
#define LCB_F_MUTEX (1 << 5)

/* Who ended a wait. */
struct holder {
	u64 stack;
	u32 pid;
	/* Whether somebody is known to have done it. */
	u32 known;
	char comm[APERTURE_COMM_SIZE];
};

/* A thread that uses futexes. */
struct thread {
	/* 0 while it does not wait. */
	u64 begun_ns;
	/* How long it waited before signals interrupted the wait; 0 when none did. */
	u64 waited_ns;
	u64 address;
	/* Where a signal interrupted it; kept for as long as it is open whether the wait goes on. */
	u64 stack;
	/* The process, in the agent's pid namespace; 0 when it is outside of it. */
	u32 pid;
	/* The only process that can wake it, in the kernel's numbers; 0 when others can, too. */
	u32 private_to;
	bool wanted;
	/* Whether it is in a call that wakes others. */
	bool wakes;
	/* Whether the kernel goes on with the interrupted wait by restart_syscall, unless the program handles signals. */
	bool restarts;
	u8 reserved[5];
	struct holder holder;
};

/*
 * By thread, in the kernel's numbers; the agent sets max_entries. Entries stay while the thread lives: to write into
 * one is far cheaper than to add and to delete one at every wait. Only the thread itself writes to its entry; who
 * wakes it writes `holder`, under the lock of the thread that is woken (pi_lock of try_to_wake_up).
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct thread);
} threads SEC(".maps");

/* A wait for a lock of the kernel. */
struct contention {
	u64 lock;
	u64 begun_ns;
	u64 user_stack;
	u64 kernel_stack;
	u32 flags;
	u32 pid;
};

/* Waits that sleep. The same thread may wait for a second lock before it has the first one (percpu_down_write). */
struct contention_key {
	u64 lock;
	u64 tid;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct contention_key);
	__type(value, struct contention);
} contentions SEC(".maps");

/*
 * Waits that spin, by CPU: they begin and end on the same one, and one that comes with an interrupt ends before what
 * it interrupted goes on. Task, soft interrupt, interrupt, NMI: as deep as the kernel's own queue of spinners.
 */
#define SPIN_DEPTH 4

struct spins {
	u32 depth;
	u32 reserved;
	struct contention at[SPIN_DEPTH];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct spins);
} spins SEC(".maps");

struct counts {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct aperture_lock_key);
	__type(value, struct aperture_lock_sum);
} counts_a SEC(".maps"), counts_b SEC(".maps");

/*
 * A stack while it is read. Each program has its own, as one may interrupt another; `busy` is for kernels before 6.1,
 * where a program may interrupt itself.
 */
enum scratch_user {
	SCRATCH_WAIT,
	SCRATCH_WAKE,
	SCRATCH_CONTENTION,
	SCRATCH_MAX,
};

struct scratch {
	u32 busy;
	u32 reserved;
	struct aperture_stack stack;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_MAX);
	__type(key, u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* To be given back; NULL when it is in use on this CPU. */
static __always_inline struct scratch *take_scratch(enum scratch_user user)
{
	u32 index = user;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &index);

	if (!scratch)
		return NULL;
	if (scratch->busy) {
		count_loss(APERTURE_LOSS_PROGRAM_BUSY);
		return NULL;
	}
	*(volatile u32 *)&scratch->busy = 1;
	return scratch;
}

static __always_inline void give_scratch(struct scratch *scratch)
{
	*(volatile u32 *)&scratch->busy = 0;
}

/* Adds a wait of the current thread to what it is counted with. */
static __always_inline void count_wait(u32 set, struct aperture_lock_key *key, u64 delay_ns)
{
	void *counts = set ? (void *)&counts_b : (void *)&counts_a;
	struct aperture_lock_sum first = { .count = 1, .delay_ns = delay_ns, .max_ns = delay_ns };
	struct aperture_lock_sum *sum;

	count_taken();
	bpf_get_current_comm(key->comm, sizeof(key->comm));
	sum = find_counted(counts, key, &first, set, APERTURE_FILLED_COUNTS);
	if (!sum)
		return;
	__sync_fetch_and_add(&sum->count, 1);
	__sync_fetch_and_add(&sum->delay_ns, delay_ns);
	/* Where two end on two CPUs in the same instant the longer one may lose: there is no maximum in one step. */
	if (sum->max_ns < delay_ns)
		sum->max_ns = delay_ns;
}

static __always_inline void count_futex_wait(struct thread *thread, u32 set, u64 stack,
					     enum aperture_outcome outcome)
{
	struct aperture_lock_key key = {
		.user_stack = stack,
		.pid = thread->pid,
		.lock = APERTURE_LOCK_FUTEX,
		.outcome = outcome,
	};

	if (outcome == APERTURE_OUTCOME_WOKEN && thread->holder.known) {
		key.has_holder = 1;
		key.holder_pid = thread->holder.pid;
		key.holder_stack = thread->holder.stack;
		__builtin_memcpy(key.holder_comm, thread->holder.comm, sizeof(key.holder_comm));
	}
	count_wait(set, &key, thread->waited_ns);
	thread->waited_ns = 0;
}

/* The entry of the current thread, made if need be; NULL when there is no room. */
static __always_inline struct thread *current_thread(struct task_struct *task)
{
	u32 tid = bpf_get_current_pid_tgid();
	struct thread *thread = bpf_map_lookup_elem(&threads, &tid);

	if (thread)
		return thread;
	struct thread fresh = { .pid = current_pid(task) };
	fresh.wanted = is_wanted(fresh.pid);
	long error = bpf_map_update_elem(&threads, &tid, &fresh, BPF_NOEXIST);
	if (error) {
		count_loss(error == -E2BIG ? APERTURE_LOSS_THREADS_MAP_FULL : APERTURE_LOSS_THREADS_MAP_BUSY);
		return NULL;
	}
	return bpf_map_lookup_elem(&threads, &tid);
}

static __always_inline void begin_wait(struct thread *thread)
{
	if (!thread->wanted)
		return;
	if (thread->pid == 0) {
		count_loss(APERTURE_LOSS_OUTSIDE_PID_NAMESPACE);
		return;
	}
	thread->restarts = false;
	thread->holder.known = 0;
	thread->begun_ns = bpf_ktime_get_ns();
}

SEC("raw_tp/sys_enter")
int begin_call(struct bpf_raw_tracepoint_args *ctx)
{
	u64 number = ctx->args[1];

	if (!may_be_futex(number))
		return 0;
	struct task_struct *task = (void *)bpf_get_current_task();
	struct pt_regs *regs = (void *)ctx->args[0];
	u32 abi = abi_of(task, number, false);
	enum futex_call call = futex_call(regs, number, abi);
	struct thread *thread = call == FUTEX_CALL_OTHER ? NULL : current_thread(task);
	if (!thread)
		return 0;
	if (call == FUTEX_CALL_WAKE) {
		thread->wakes = true;
	} else if (call == FUTEX_CALL_WAIT) {
		u64 address = first_argument(regs, abi);

		/* The same wait again is the one that a signal interrupted, called again by the kernel or by libc. */
		if (thread->waited_ns && thread->address != address)
			count_futex_wait(thread, active_set(), thread->stack, APERTURE_OUTCOME_INTERRUPTED);
		thread->address = address;
		thread->private_to = is_private(regs, number, abi) ? bpf_get_current_pid_tgid() >> 32 : 0;
		begin_wait(thread);
	} else if (thread->restarts) {
		/* Else it goes on with another call, like nanosleep. */
		begin_wait(thread);
	}
	return 0;
}

static __always_inline void end_wait(void *ctx, struct thread *thread, long result)
{
	/* Zero only if the clock did not move; it tells waits that go on. */
	thread->waited_ns += bpf_ktime_get_ns() - thread->begun_ns ?: 1;
	thread->begun_ns = 0;
	u32 set = active_set();
	struct scratch *scratch = take_scratch(SCRATCH_WAIT);
	u64 stack = 0;

	if (scratch) {
		struct task_struct *task = (void *)bpf_get_current_task();

		stack = keep_user_stack(ctx, task, thread->pid, set, &scratch->stack);
		give_scratch(scratch);
	}
	if (ended_by_signal(result)) {
		thread->stack = stack;
		thread->restarts = result == -ERESTART_RESTARTBLOCK;
	} else if (result == -ETIMEDOUT) {
		count_futex_wait(thread, set, stack, APERTURE_OUTCOME_TIMEOUT);
	} else {
		count_futex_wait(thread, set, stack, APERTURE_OUTCOME_WOKEN);
	}
}

SEC("raw_tp/sys_exit")
int end_call(struct bpf_raw_tracepoint_args *ctx)
{
	if (!may_be_futex(syscall_number((void *)ctx->args[0])))
		return 0;
	u32 tid = bpf_get_current_pid_tgid();
	struct thread *thread = bpf_map_lookup_elem(&threads, &tid);
	if (!thread)
		return 0;
	thread->wakes = false;
	if (!thread->begun_ns)
		return 0;
	long result = ctx->args[1];
	if (result >= 0 || result == -ETIMEDOUT || ended_by_signal(result)) {
		end_wait(ctx, thread, result);
		return 0;
	}
	/* It did not wait (EAGAIN), or not this time: then the signal was the end of the wait. */
	thread->begun_ns = 0;
	if (thread->waited_ns)
		count_futex_wait(thread, active_set(), thread->stack, APERTURE_OUTCOME_INTERRUPTED);
	return 0;
}

/*
 * Whether the current thread wakes `waiter` at its futex: by a call, or because it ends, which joins and robust mutexes
 * tell. A timer interrupts just anybody, also who wakes somebody else.
 */
static __always_inline bool is_waker(struct task_struct *task, const struct thread *waiter)
{
	u64 id = bpf_get_current_pid_tgid();
	u32 tid = id;

	if (waiter->private_to && waiter->private_to != id >> 32)
		return false;
	struct thread *thread = bpf_map_lookup_elem(&threads, &tid);
	return (thread && thread->wakes) || BPF_CORE_READ(task, flags) & PF_EXITING;
}

/* Whoever makes a waiting thread run again is who ended its wait. */
SEC("raw_tp/sched_waking")
int wake_thread(struct bpf_raw_tracepoint_args *ctx)
{
	u32 tid = BPF_CORE_READ((struct task_struct *)ctx->args[0], pid);
	struct thread *waiter = bpf_map_lookup_elem(&threads, &tid);

	if (!waiter || !waiter->begun_ns)
		return 0;
	waiter->holder.known = 0;
	struct task_struct *task = (void *)bpf_get_current_task();
	if (!is_waker(task, waiter))
		return 0;
	struct scratch *scratch = take_scratch(SCRATCH_WAKE);
	waiter->holder.pid = current_pid(task);
	waiter->holder.stack = 0;
	if (scratch) {
		waiter->holder.stack =
			keep_user_stack(ctx, task, waiter->holder.pid, active_set(), &scratch->stack);
		give_scratch(scratch);
	}
	bpf_get_current_comm(waiter->holder.comm, sizeof(waiter->holder.comm));
	waiter->holder.known = 1;
	return 0;
}

SEC("raw_tp/sched_process_exit")
int end_thread(struct bpf_raw_tracepoint_args *ctx)
{
	u32 tid = BPF_CORE_READ((struct task_struct *)ctx->args[0], pid);
	struct thread *thread = bpf_map_lookup_elem(&threads, &tid);

	if (!thread)
		return 0;
	if (thread->waited_ns)
		count_futex_wait(thread, active_set(), thread->stack, APERTURE_OUTCOME_INTERRUPTED);
	bpf_map_delete_elem(&threads, &tid);
	return 0;
}

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

static __always_inline void begin_spin(const struct contention *contention)
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
static __always_inline bool end_spin(u64 lock, struct contention *contention)
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

static __always_inline void begin_sleep(const struct contention *contention)
{
	struct contention_key key = { .lock = contention->lock, .tid = (u32)bpf_get_current_pid_tgid() };
	long error = bpf_map_update_elem(&contentions, &key, contention, BPF_NOEXIST);

	if (error && error != -EEXIST)
		count_loss(error == -E2BIG ? APERTURE_LOSS_CONTENTIONS_MAP_FULL : APERTURE_LOSS_CONTENTIONS_MAP_BUSY);
}

static __always_inline bool end_sleep(u64 lock, struct contention *contention)
{
	struct contention_key key = { .lock = lock, .tid = (u32)bpf_get_current_pid_tgid() };
	struct contention *found = bpf_map_lookup_elem(&contentions, &key);

	if (!found)
		return false;
	*contention = *found;
	bpf_map_delete_elem(&contentions, &key);
	return true;
}

/* Whether this thread already waits for `lock`: a mutex says so again when it goes from spinning to sleeping. */
static __always_inline bool sleeps_for(u64 lock)
{
	struct contention_key key = { .lock = lock, .tid = (u32)bpf_get_current_pid_tgid() };

	return bpf_map_lookup_elem(&contentions, &key);
}

SEC("raw_tp/contention_begin")
int begin_contention(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct contention contention = { .lock = ctx->args[0], .flags = ctx->args[1] };
	bool spins = only_spins(contention.flags);

	contention.begun_ns = bpf_ktime_get_ns();
	contention.pid = current_pid(task);
	if (!is_wanted(contention.pid) || (!spins && sleeps_for(contention.lock)))
		return 0;
	/* Number 0 of the initial namespace is the idle task: an interrupt may wait for a lock there. */
	if (contention.pid == 0 && pid_namespace) {
		count_loss(APERTURE_LOSS_OUTSIDE_PID_NAMESPACE);
		return 0;
	}
	struct scratch *scratch = take_scratch(SCRATCH_CONTENTION);
	if (!scratch)
		return 0;
	u32 set = active_set();
	/* Now, not when the lock is had: others wait for it then. */
	contention.user_stack = keep_user_stack(ctx, task, contention.pid, set, &scratch->stack);
	contention.kernel_stack = keep_kernel_stack(ctx, set, &scratch->stack);
	give_scratch(scratch);
	if (spins)
		begin_spin(&contention);
	else
		begin_sleep(&contention);
	return 0;
}

SEC("raw_tp/contention_end")
int end_contention(struct bpf_raw_tracepoint_args *ctx)
{
	u64 lock = ctx->args[0];
	int result = ctx->args[1];
	struct contention contention;

	if (!end_spin(lock, &contention) && !end_sleep(lock, &contention))
		return 0;
	struct aperture_lock_key key = {
		.user_stack = contention.user_stack,
		.kernel_stack = contention.kernel_stack,
		.pid = contention.pid,
		.lock = lock_of(contention.flags),
		.outcome = result == 0		? APERTURE_OUTCOME_WOKEN
			   : result == -ETIMEDOUT ? APERTURE_OUTCOME_TIMEOUT
						  : APERTURE_OUTCOME_INTERRUPTED,
	};
	count_wait(active_set(), &key, bpf_ktime_get_ns() - contention.begun_ns);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
