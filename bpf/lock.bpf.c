// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Who waits for locks, where and how long, who held them meanwhile, and how long they are held. User space waits at
 * futexes; the kernel's own locks tell of themselves since 5.19.
 */
#include "vmlinux.h"

/* One for calls, and one for locks of the kernel, which these may wait for. */
#define SPARE_STACKS (SPARE_KERNEL + 1)

#include "kernel.h"
#include "lock.h"
#include "lock_kernel.h"
#include "lock_wait.h"

/* A thread that ends holds fewer robust mutexes; the others' waiters see nobody who wakes them. */
#define ROBUST_MUTEXES 8

/* A call that is about a futex begins. */
static __always_inline void enter(u64 *ctx, struct scratch *scratch, struct task_struct *task, struct pt_regs *regs,
				  u64 number, u32 abi, enum futex_call call)
{
	u64 word = first_argument(regs, abi);

	if (call == FUTEX_CALL_RESTART) {
		u32 tid = scratch->tid;
		struct aperture_lock_thread *thread = bpf_map_lookup_elem(&threads, &tid);
		/* Else it goes on with another call, like nanosleep. */
		if (thread && thread->restarts && thread->paused_ns)
			resume_wait(scratch, thread);
		return;
	}
	name_futex(scratch, SCRATCH_ENTER, word, is_private(regs, number, abi));
	if (call == FUTEX_CALL_WAKE) {
		wake(ctx, scratch, SCRATCH_ENTER, task);
		return;
	}
	u32 hints = hints_of_wait(regs, number, abi, word);
	if (scratch->futex.space != scratch->tgid)
		hints |= APERTURE_HINT_SHARED;
	begin_wait(ctx, scratch, SCRATCH_ENTER, task, word, third_argument(regs), hints);
}

/* The state of the futex at `word`, where somebody waits whom the end of the thread wakes; else NULL. */
static __always_inline struct aperture_futex_state *wake_at_end(struct scratch *scratch, u64 word)
{
	name_futex(scratch, SCRATCH_ENTER, word, false);
	struct aperture_futex_state *state = bpf_map_lookup_elem(&futexes, &scratch->futex);

	if (!state || state->waiters <= 0)
		return NULL;
	return state;
}

/* Who joins the thread waits at `word`. */
static __always_inline void wake_joiner(struct scratch *scratch, u64 word)
{
	struct aperture_futex_state *state = wake_at_end(scratch, word);

	if (!state)
		return;
	keep_wake(state, scratch->waker, bpf_ktime_get_ns());
	if (!(state->hints & APERTURE_HINT_THREAD_END))
		state->hints |= APERTURE_HINT_THREAD_END;
}

/* The robust mutex at `word` is passed on. */
static __always_inline void leave_mutex(struct scratch *scratch, u64 word)
{
	struct aperture_futex_state *state = wake_at_end(scratch, word);

	if (!state)
		return;
	u64 now = bpf_ktime_get_ns();
	u64 held_ns = held_since(state);
	u32 hints = state->hints;
	keep_wake(state, scratch->waker, now);
	if (held_ns < now)
		count_hold(scratch->set, scratch->waker, now - held_ns, hints);
}

/* The thread ends: the kernel wakes who joins it, and passes on the robust mutexes that it has. */
static __always_inline void enter_exit(u64 *ctx, struct scratch *scratch, struct task_struct *task)
{
	u64 word = (u64)BPF_CORE_READ(task, clear_child_tid);
	struct robust_list_head *head = BPF_CORE_READ(task, robust_list);
	struct robust_list_head robust = {};

	if (head && bpf_probe_read_user(&robust, sizeof(robust), head))
		robust.list.next = &head->list;
	bool has_robust = head && robust.list.next != &head->list;
	/* Every process of the C library has a word; to walk the stack of each that ends would be most of what a build costs. */
	bool is_joined = word && wake_at_end(scratch, word);
	if (!is_joined && !has_robust)
		return;
	scratch->waker = user_place(ctx, scratch, task, own_pid(scratch, task));
	if (is_joined)
		wake_joiner(scratch, word);
	if (!has_robust)
		return;
	struct robust_list *entry = robust.list.next;
	for (u32 i = 0; i < ROBUST_MUTEXES; i++) {
		if (entry == &head->list)
			break;
		/* The lowest bit marks one with priority inheritance. */
		u64 address = (u64)entry & ~1ULL;
		leave_mutex(scratch, address + robust.futex_offset);
		if (bpf_probe_read_user(&entry, sizeof(entry), (void *)address))
			break;
	}
}

/* (struct pt_regs *regs, long number) */
SEC("tp_btf/sys_enter")
int begin_call(u64 *ctx)
{
	u64 number = ctx[1];

	if (!may_be_futex(number))
		return 0;
	struct task_struct *task = trusted_task();
	struct pt_regs *regs = (void *)ctx[0];
	u32 abi = abi_of(task, number, is_task_trusted());
	enum futex_call call = futex_call(regs, number, abi);
	struct scratch *scratch = call == FUTEX_CALL_OTHER ? NULL : take_scratch_of(task, SCRATCH_ENTER);
	if (!scratch)
		return 0;
	if (call == FUTEX_CALL_EXIT)
		enter_exit(ctx, scratch, task);
	else
		enter(ctx, scratch, task, regs, number, abi, call);
	give_scratch(scratch, SCRATCH_ENTER);
	return 0;
}

/* (struct pt_regs *regs, long result) */
SEC("tp_btf/sys_exit")
int end_call(u64 *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];
	u64 number = syscall_number(regs);

	/* Those that wake have nothing to say at their end, but are half of all. */
	if (!may_be_futex(number) || (number == NR_FUTEX && (second_argument(regs, 0) & FUTEX_CMD_MASK) == FUTEX_WAKE))
		return 0;
	u32 tid = bpf_get_current_pid_tgid();
	struct aperture_lock_thread *thread = bpf_map_lookup_elem(&threads, &tid);
	if (!thread || !thread->begun_ns)
		return 0;
	struct scratch *scratch = take_scratch(SCRATCH_EXIT);
	if (!scratch)
		return 0;
	end_wait(scratch, SCRATCH_EXIT, thread, ctx[1]);
	give_scratch(scratch, SCRATCH_EXIT);
	return 0;
}

/* There is no thread with this number any more; what is left open of its last wait is counted. */
static __always_inline void forget_thread(u32 tid)
{
	struct aperture_lock_thread *thread = bpf_map_lookup_elem(&threads, &tid);

	if (!thread)
		return;
	struct scratch *scratch = take_scratch(SCRATCH_THREAD_END);
	if (scratch) {
		/* It was killed while it waited. */
		if (thread->begun_ns)
			end_wait(scratch, SCRATCH_THREAD_END, thread, -EINTR);
		settle(scratch, SCRATCH_THREAD_END, thread);
		give_scratch(scratch, SCRATCH_THREAD_END);
	}
	bpf_map_delete_elem(&threads, &tid);
}

SEC("raw_tp/sched_process_exit")
int end_thread(struct bpf_raw_tracepoint_args *ctx)
{
	forget_thread(BPF_CORE_READ((struct task_struct *)ctx->args[0], pid));
	return 0;
}

/*
 * (struct task_struct *task, pid_t before, struct linux_binprm *program): a thread that is not its process's first gets that
 * one's number, and its own is free for others.
 */
SEC("raw_tp/sched_process_exec")
int end_program(struct bpf_raw_tracepoint_args *ctx)
{
	forget_thread(ctx->args[1]);
	return 0;
}

SEC("raw_tp/contention_begin")
int begin_contention(struct bpf_raw_tracepoint_args *ctx)
{
	contend(ctx, ctx->args[0], ctx->args[1]);
	return 0;
}

SEC("raw_tp/contention_end")
int end_contention(struct bpf_raw_tracepoint_args *ctx)
{
	end_contend(ctx->args[0], ctx->args[1]);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
