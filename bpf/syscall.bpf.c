// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Which system calls are made, by whom, how long they take and how they fail: counts all, with stacks of some. */
#include "vmlinux.h"

#include "aperture.h"
#include "kernel.h"
#include "log2.h"
#include "process_filter.h"
#include "read_source.h"
#include "slow_call.h"
#include "syscall.h"
#include "syscall_abi.h"
#include "tracepoint_stacks.h"
#include "window.h"

/* Calls that take as long keep their stack; 0 is none of them. */
const volatile u64 slow_ns = 0;
/* Of the others one in so many does; 0 is none. */
const volatile u32 sample_every = 0;
/* Whether threads hold their state themselves; else it is in a hash map. */
const volatile bool task_storage = true;

enum phase {
	PHASE_IDLE,
	PHASE_IN_CALL,
	/* A signal ended the call. Whether the program sees that, or the call goes on, is not known yet. */
	PHASE_INTERRUPTED,
};

enum wanted {
	WANTED_UNKNOWN,
	WANTED_YES,
	WANTED_NO,
	WANTED_OUTSIDE_PID_NAMESPACE,
};

/* Only the thread itself reads and writes it. */
struct thread {
	/* Of the call that it is in, or was in last; `comm` and `cpu` are set when it ends. */
	struct aperture_syscall_key key;
	u64 start_ns;
	/* Of an interrupted call. */
	u64 end_ns;
	s32 result;
	/* Its first argument: the descriptor, where it has one. */
	u32 argument;
	/* Calls until one keeps its stack. */
	u32 until_sample;
	u32 phase;
	u32 wanted;
	u32 reserved;
	/* Of the call that it is in; kept where calls can be slow. */
	struct call_parts parts;
};

/* Linux has it for these programs since 5.12; the agent does without where it is missing. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread);
} threads SEC(".maps");

/* Instead of it: by the address of the task, which unlike its number stays the same over an exec of another thread. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, struct thread);
} threads_by_task SEC(".maps");

/*
 * The agent sets max_entries of these seven. What is not used of those in sets takes no memory: these programs run where
 * calls begin and end, where memory can be had.
 */
struct calls {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct aperture_syscall_key);
	__type(value, struct aperture_syscall_value);
} calls_a SEC(".maps"), calls_b SEC(".maps");

struct errors {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct aperture_syscall_key);
	__type(value, u64);
} errors_a SEC(".maps"), errors_b SEC(".maps");

struct samples {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct aperture_syscall_sample_key);
	__type(value, struct aperture_syscall_sample);
} samples_a SEC(".maps"), samples_b SEC(".maps");

/* By thread, in the kernel's numbers. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct aperture_open_call);
} ended SEC(".maps");

/* One a CPU, as no program of this object interrupts another. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct aperture_stack);
} scratch SEC(".maps");

static __always_inline u32 random_interval(void)
{
	return 1 + bpf_get_prandom_u32() % (2 * sample_every - 1);
}

/*
 * Until the first sample of a new thread. The intervals between two are spread evenly from 1 to 2 * sample_every - 1;
 * from any call of a long sequence on the next sample is as far as the smaller of two such. So the first calls of a
 * thread are no more and no less likely to be sampled than others.
 */
static __always_inline u32 first_interval(void)
{
	u32 one = random_interval();
	u32 other = random_interval();

	return one < other ? one : other;
}

static __always_inline struct task_struct *current_task(void)
{
	return task_storage ? bpf_get_current_task_btf() : (void *)bpf_get_current_task();
}

static __always_inline struct thread *find_thread(struct task_struct *task)
{
	u64 address = (u64)task;

	if (task_storage)
		return bpf_task_storage_get(&threads, task, NULL, 0);
	return bpf_map_lookup_elem(&threads_by_task, &address);
}

static __always_inline struct thread *new_thread(struct task_struct *task)
{
	struct thread zero = {};
	u64 address = (u64)task;

	if (task_storage)
		return bpf_task_storage_get(&threads, task, &zero, BPF_LOCAL_STORAGE_GET_F_CREATE);
	bpf_map_update_elem(&threads_by_task, &address, &zero, BPF_NOEXIST);
	return bpf_map_lookup_elem(&threads_by_task, &address);
}

/*
 * Whether only another process is watched, where that can be told from the kernel's own number of it, before anything
 * else is done. Without a target nearly all threads are wanted, and each knows by itself.
 */
static __always_inline bool is_other_process(void)
{
	return target_pid && !pid_namespace && target_pid != bpf_get_current_pid_tgid() >> 32;
}

static __noinline struct thread *begin_thread(void)
{
	struct task_struct *task = current_task();
	struct thread *thread = new_thread(task);

	if (!thread)
		return NULL;
	u32 pid = current_pid(task);
	thread->key.pid = pid;
	if (sample_every)
		thread->until_sample = first_interval();
	if (!is_wanted(pid))
		thread->wanted = WANTED_NO;
	else
		thread->wanted = pid ? WANTED_YES : WANTED_OUTSIDE_PID_NAMESPACE;
	return thread;
}

static __noinline int begin_value(struct aperture_syscall_key *key, u32 set)
{
	struct aperture_syscall_value value = { .min_ns = ~0ULL };
	long error;

	if (!key)
		return 0;
	error = set ? bpf_map_update_elem(&calls_b, key, &value, BPF_NOEXIST) :
		      bpf_map_update_elem(&calls_a, key, &value, BPF_NOEXIST);
	if (error)
		count_loss(error == -E2BIG ? APERTURE_LOSS_SYSCALLS_MAP_FULL : APERTURE_LOSS_SYSCALLS_MAP_BUSY);
	else
		note_filled(set, APERTURE_FILLED_COUNTS);
	return error;
}

/* Counts a call that took `ns`, `in_window` of them in this window. */
static __always_inline void count_call(struct aperture_syscall_key *key, u64 ns, u64 in_window, u32 set)
{
	void *calls = set ? (void *)&calls_b : (void *)&calls_a;
	struct aperture_syscall_value *value = bpf_map_lookup_elem(calls, key);

	if (!value) {
		if (begin_value(key, set))
			return;
		value = bpf_map_lookup_elem(calls, key);
		if (!value)
			return;
	}
	u32 bucket = log2_of(ns);
	value->total_ns += in_window;
	if (ns < value->min_ns)
		value->min_ns = ns;
	if (ns > value->max_ns)
		value->max_ns = ns;
	if (bucket >= APERTURE_SYSCALL_BUCKETS)
		bucket = APERTURE_SYSCALL_BUCKETS - 1;
	value->histogram[bucket]++;
}

static __noinline int count_error(struct aperture_syscall_key *key, u32 error_number, u32 set)
{
	void *errors = set ? (void *)&errors_b : (void *)&errors_a;
	const u64 one = 1;

	if (!key)
		return 0;
	key->error = error_number;
	u64 *count = bpf_map_lookup_elem(errors, key);
	long error = 0;
	if (count) {
		(*count)++;
	} else {
		error = bpf_map_update_elem(errors, key, &one, BPF_NOEXIST);
		if (!error)
			note_filled(set, APERTURE_FILLED_ERRORS);
	}
	key->error = 0;
	if (error)
		count_loss(error == -E2BIG ? APERTURE_LOSS_SYSCALL_ERRORS_MAP_FULL :
					     APERTURE_LOSS_SYSCALL_ERRORS_MAP_BUSY);
	return 0;
}

static __always_inline void read_comm(struct task_struct *task, struct aperture_syscall_key *key)
{
	if (task_storage) {
		const u64 *comm = (void *)__builtin_preserve_access_index(&task->comm);
		key->comm[0] = comm[0];
		key->comm[1] = comm[1];
	} else {
		bpf_get_current_comm(key->comm, sizeof(key->comm));
	}
}

/* How many calls this one stands for in the profile of stacks; 0 keeps no stack. */
static __always_inline u32 sample_weight(struct thread *thread, u64 ns)
{
	if (slow_ns && ns >= slow_ns)
		return 1;
	if (!sample_every || --thread->until_sample)
		return 0;
	thread->until_sample = random_interval();
	return sample_every;
}

/* Counts a call that just ended with its stack; the thread has none any more where `has_stack` is false. */
static __always_inline void keep_sample(void *ctx, struct task_struct *task, struct thread *thread,
					struct aperture_syscall_sample sample, u32 set, bool has_stack)
{
	void *samples = set ? (void *)&samples_b : (void *)&samples_a;
	u32 zero = 0;
	struct aperture_stack *stack = bpf_map_lookup_elem(&scratch, &zero);
	struct aperture_syscall_sample_key key = {
		.comm = { thread->key.comm[0], thread->key.comm[1] },
		.pid = thread->key.pid,
		.call = thread->key.call,
	};

	if (stack && has_stack)
		key.user_stack = keep_user_stack(ctx, task, thread->key.pid, set, stack);
	struct aperture_syscall_sample *counted =
		find_counted(samples, &key, &sample, set, APERTURE_FILLED_SAMPLES);
	if (!counted)
		return;
	__sync_fetch_and_add(&counted->latency_ns, sample.latency_ns);
	__sync_fetch_and_add(&counted->count, sample.count);
}

/* A call as the agent sees it that looks at what is open. */
static __always_inline void describe_open(struct aperture_open_call *open, struct task_struct *task,
					  const struct thread *thread)
{
	open->start_ns = thread->start_ns;
	open->end_ns = thread->phase == PHASE_INTERRUPTED ? thread->end_ns : 0;
	open->key = thread->key;
	open->tid = BPF_CORE_READ(task, pid);
	open->window_ns = 0;
	open->reserved = 0;
}

/* Keeps a call that was open when the window began, for the agent, which may not have looked yet. */
static __always_inline void keep_ended(struct task_struct *task, const struct thread *thread,
				       const struct aperture_window *window)
{
	struct aperture_open_call open;

	if (thread->start_ns >= window->start_ns || !*(volatile u32 *)&window->looks)
		return;
	describe_open(&open, task, thread);
	open.window_ns = window->start_ns;
	if (bpf_map_update_elem(&ended, &open.tid, &open, BPF_ANY))
		count_loss(APERTURE_LOSS_OPEN_MAP_FULL);
}

/* Counts a call of `ns` that is over as slow; only calls on a descriptor have an object. */
static __noinline int keep_slow(struct task_struct *task, struct thread *thread, u64 ns, u32 set)
{
	struct aperture_slow_key key = {
		.comm = { thread->key.comm[0], thread->key.comm[1] },
		.pid = thread->key.pid,
		.call = thread->key.call,
	};
	u32 abi = thread->key.call >> APERTURE_CALL_ABI_SHIFT & 0xff;

	if (takes_descriptor(thread->key.call & 0xffff, abi))
		key.object = keep_object(task, thread->argument, set);
	count_slow(&key, &thread->parts, thread->start_ns, ns, set);
	return 0;
}

/* Counts the thread's call, which was over at `end_ns`. */
static __always_inline void finish(void *ctx, struct task_struct *task, struct thread *thread, u64 end_ns, long result,
				   bool has_stack)
{
	u32 set = active_set();
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
		keep_slow(task, thread, ns, set);
	count_call(&thread->key, ns, in_window, set);
	if (result < 0 && result >= -MAX_ERRNO)
		count_error(&thread->key, -result, set);
	if (weight) {
		struct aperture_syscall_sample sample = { .latency_ns = in_window * weight, .count = weight };
		keep_sample(ctx, task, thread, sample, set, has_stack);
	}
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
		finish(ctx, task, thread, thread->end_ns, 0, false);
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
			finish(ctx, task, thread, thread->end_ns, 0, false);
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
	finish(ctx, task, thread, now, result, true);
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
	       true);
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
		finish(ctx, task, thread, thread->end_ns, 0, false);
	else if (thread->phase == PHASE_IN_CALL)
		finish(ctx, task, thread, now, 0, false);
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
