// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* What is kept of each thread, from the begin of a call to its end and to the next. */
#ifndef __APERTURE_SYSCALL_THREAD_H__
#define __APERTURE_SYSCALL_THREAD_H__

#include "kernel.h"
#include "process_filter.h"
#include "program.h"
#include "slow_call.h"
#include "syscall.h"

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
	thread->key.program = program_of(task, false);
	if (sample_every)
		thread->until_sample = first_interval();
	if (!is_wanted(pid))
		thread->wanted = WANTED_NO;
	else
		thread->wanted = pid ? WANTED_YES : WANTED_OUTSIDE_PID_NAMESPACE;
	return thread;
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

#endif
