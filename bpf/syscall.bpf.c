// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Which system calls are made, by whom, how long they take and how they fail: counts all, with stacks of some. */
#include "vmlinux.h"

/* No program of this object that reads a stack interrupts another. */
#define SPARE_STACKS (SPARE_USER + 1)

#include "aperture.h"
#include "kernel.h"
#include "read_source.h"
#include "syscall_abi.h"
#include "syscall_counts.h"
#include "syscall_open.h"

/* No walk is known again here. */
const volatile bool notes_reads = false;

/*
 * Counts the current thread's call of `ns` that is over as slow; only calls on a descriptor have an object. A function of its
 * own, as unwind_frame is.
 */
__attribute__((noinline)) int keep_slow(u64 ns, u32 set)
{
	struct task_struct *task = current_task();
	struct thread *thread = find_thread(task);

	if (!thread)
		return 0;
	struct aperture_slow_key key = {
		.comm = { thread->key.comm[0], thread->key.comm[1] },
		.pid = thread->key.pid,
		.call = thread->key.call,
		.program = thread->key.program,
	};
	u32 abi = thread->key.call >> APERTURE_CALL_ABI_SHIFT & 0xff;

	if (takes_descriptor(thread->key.call & 0xffff, abi))
		key.object = keep_object(task, thread->argument, set);
	count_slow(&key, &thread->parts, thread->start_ns, ns, set);
	return 0;
}

/* Counts the thread's call, which was over at `end_ns`. */
static __always_inline void finish(void *ctx, struct task_struct *task, struct thread *thread, u64 end_ns, long result,
				   bool has_stack, enum counter counter)
{
	u32 set = begin_counting(counter);
	const struct aperture_window *window = window_of(set);
	u64 start_ns = thread->start_ns;
	u64 ns = end_ns > start_ns ? end_ns - start_ns : 0;
	u64 in_window = ns;
	u32 weight = sample_weight(thread, ns);

	thread->key.cpu = bpf_get_smp_processor_id();
	read_comm(task, &thread->key);
	if (window && start_ns < window->start_ns) {
		in_window = end_ns > window->start_ns ? end_ns - window->start_ns : 0;
		keep_ended(task, thread, window);
	}
	thread->phase = PHASE_IDLE;
	if (slow_ns && ns >= slow_ns)
		keep_slow(ns, set);
	count_call(&thread->key, ns, in_window, result < 0 && result >= -MAX_ERRNO ? -result : 0, set);
	if (weight) {
		struct aperture_syscall_sample sample = { .latency_ns = in_window * weight, .count = weight };
		keep_sample(ctx, task, thread, sample, set, has_stack);
	}
	end_counting(counter);
}

static __always_inline u64 lasted(const struct thread *thread, u64 end_ns)
{
	return end_ns > thread->start_ns ? end_ns - thread->start_ns : 0;
}

static __always_inline void enter_call(void *ctx, struct pt_regs *regs, u64 number)
{
	if (is_other_process())
		return;
	struct task_struct *task = current_task();
	struct thread *thread = find_thread(task);
	if (!thread) {
		thread = begin_thread();
		if (!thread) {
			count_loss(APERTURE_LOSS_SYSCALL_THREADS_FULL);
			return;
		}
	}
	if (thread->wanted != WANTED_YES) {
		if (thread->wanted == WANTED_OUTSIDE_PID_NAMESPACE)
			count_loss(APERTURE_LOSS_OUTSIDE_PID_NAMESPACE);
		return;
	}
	u32 call = call_of(task, number, task_storage);
	if (thread->phase == PHASE_INTERRUPTED) {
		u32 before = thread->key.call;
		if (call == before || is_restart(call & 0xffff, before >> APERTURE_CALL_ABI_SHIFT)) {
			/* The kernel itself restarts the call, which the program sees as one: its time goes on. */
			thread->phase = PHASE_IN_CALL;
			return;
		}
		finish(ctx, task, thread, thread->end_ns, 0, false, COUNTER_KEEPS_CPU);
	} else if (thread->phase == PHASE_IN_CALL) {
		count_loss(APERTURE_LOSS_SYSCALL_END_MISSED);
	}
	thread->key.call = call;
	thread->argument = first_argument(regs, call >> APERTURE_CALL_ABI_SHIFT);
	thread->phase = PHASE_IN_CALL;
	/* As late as can be, so that the time is the call's and not ours. */
	thread->start_ns = bpf_ktime_get_ns();
}

static __always_inline void exit_call(void *ctx, struct pt_regs *regs, long result)
{
	u64 now = bpf_ktime_get_ns();

	if (is_other_process())
		return;
	struct task_struct *task = current_task();
	/* No thread: it was born in this call, or was in it already when we began. */
	struct thread *thread = find_thread(task);
	if (!thread || thread->wanted != WANTED_YES)
		return;
	if (thread->phase != PHASE_IN_CALL) {
		/* The call ended before it began: seccomp refused it, as the kernel asks that before it tells us. */
		if (thread->phase == PHASE_INTERRUPTED)
			finish(ctx, task, thread, thread->end_ns, 0, false, COUNTER_KEEPS_CPU);
		thread->key.call = call_of(task, syscall_number(regs), task_storage);
		thread->start_ns = now;
		thread->argument = first_argument(regs, thread->key.call >> APERTURE_CALL_ABI_SHIFT);
	}
	u32 call = thread->key.call;
	u32 abi = call >> APERTURE_CALL_ABI_SHIFT;
	u64 ns = lasted(thread, now);
	if (result < 0) {
		if (is_sigreturn(call & 0xffff, abi)) {
			result = 0;
		} else if (is_interrupted(result)) {
			thread->phase = PHASE_INTERRUPTED;
			thread->end_ns = now;
			thread->result = result;
			return;
		}
	}
	if (slow_ns && ns >= slow_ns && is_read(call & 0xffff, abi))
		thread->key.call |= source_of(task, thread->argument) << APERTURE_CALL_SOURCE_SHIFT;
	finish(ctx, task, thread, now, result, true, COUNTER_KEEPS_CPU);
}

/* A signal's handler is about to run, so that an interrupted call is over. */
static __always_inline void end_interrupted(void *ctx, const struct k_sigaction *action)
{
	if (is_other_process())
		return;
	struct task_struct *task = current_task();
	struct thread *thread = find_thread(task);
	/* Default actions, 0 and 1, have no handler: the thread stops or ends, or the call goes on. */
	if (!thread || thread->phase != PHASE_INTERRUPTED || (u64)action->sa.sa_handler <= 1)
		return;
	finish(ctx, task, thread, thread->end_ns, becomes_eintr(thread->result, action) ? -EINTR : 0,
	       true, COUNTER_ANY);
}

/* A call that its thread does not come back from: exit itself, and what a deadly signal interrupted. */
static __always_inline void end_thread(void *ctx)
{
	if (is_other_process())
		return;
	u64 now = bpf_ktime_get_ns();
	struct task_struct *task = current_task();
	struct thread *thread = find_thread(task);
	if (!thread)
		return;
	if (thread->phase == PHASE_INTERRUPTED)
		finish(ctx, task, thread, thread->end_ns, 0, false, COUNTER_ANY);
	else if (thread->phase == PHASE_IN_CALL)
		finish(ctx, task, thread, now, 0, false, COUNTER_ANY);
	if (!task_storage) {
		u64 address = (u64)task;
		bpf_map_delete_elem(&threads_by_task, &address);
	}
}

/* (struct pt_regs *regs, long number) */
SEC("tp_btf/sys_enter")
int on_sys_enter(u64 *ctx)
{
	enter_call(ctx, (struct pt_regs *)ctx[0], ctx[1]);
	return 0;
}

/* (struct pt_regs *regs, long result) */
SEC("tp_btf/sys_exit")
int on_sys_exit(u64 *ctx)
{
	exit_call(ctx, (struct pt_regs *)ctx[0], ctx[1]);
	return 0;
}

/* (int signal, struct kernel_siginfo *info, struct k_sigaction *action) */
SEC("tp_btf/signal_deliver")
int on_signal_deliver(u64 *ctx)
{
	end_interrupted(ctx, (struct k_sigaction *)ctx[2]);
	return 0;
}

/* The call that a thread is in, where what it does is kept; NULL where it is in none. */
static __always_inline struct thread *thread_in_call(struct task_struct *task)
{
	struct thread *thread = find_thread(task);

	return thread && thread->phase == PHASE_IN_CALL ? thread : NULL;
}

/* (bool preempted, struct task_struct *before, struct task_struct *after) */
SEC("tp_btf/sched_switch")
int on_switch(u64 *ctx)
{
	struct task_struct *before = (struct task_struct *)ctx[1];
	struct task_struct *after = (struct task_struct *)ctx[2];
	struct thread *thread = thread_in_call(before);
	u64 now = 0;

	if (thread) {
		now = bpf_ktime_get_ns();
		leave_cpu(&thread->parts, thread->start_ns, now);
	}
	thread = thread_in_call(after);
	if (thread)
		come_to_cpu(&thread->parts, thread->start_ns, now ?: bpf_ktime_get_ns());
	return 0;
}

SEC("raw_tp/contention_begin")
int on_contention_begin(struct bpf_raw_tracepoint_args *ctx)
{
	struct thread *thread = thread_in_call(current_task());

	if (thread)
		begin_lock(&thread->parts, thread->start_ns, ctx->args[0], bpf_ktime_get_ns());
	return 0;
}

SEC("raw_tp/contention_end")
int on_contention_end(struct bpf_raw_tracepoint_args *ctx)
{
	struct thread *thread = thread_in_call(current_task());

	if (thread)
		end_lock(&thread->parts, thread->start_ns, ctx->args[0], bpf_ktime_get_ns());
	return 0;
}

/* (struct task_struct *task, pid_t before, struct linux_binprm *program) */
SEC("tp_btf/sched_process_exec")
int on_process_exec(u64 *ctx)
{
	struct task_struct *task = current_task();
	struct thread *thread = find_thread(task);

	(void)ctx;
	if (thread)
		thread->key.program = program_of(task, false);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int on_process_exit(u64 *ctx)
{
	end_thread(ctx);
	return 0;
}

/*
 * Tells the agent of a thread's call that is open: as it is, while the thread goes on. One that ends meanwhile is kept by
 * the thread, so that it is seen once at least.
 */
SEC("iter/task")
int tell_open(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task)
		return 0;
	struct thread *thread = find_thread(task);
	if (!thread || thread->wanted != WANTED_YES || thread->phase == PHASE_IDLE)
		return 0;
	struct aperture_open_call open;
	u32 abi = thread->key.call >> APERTURE_CALL_ABI_SHIFT;
	describe_open(&open, task, thread);
	bpf_probe_read_kernel(open.key.comm, sizeof(open.key.comm), task->comm);
	if (is_read(thread->key.call & 0xffff, abi))
		open.key.call |= source_of(task, thread->argument) << APERTURE_CALL_SOURCE_SHIFT;
	bpf_seq_write(ctx->meta->seq, &open, sizeof(open));
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
