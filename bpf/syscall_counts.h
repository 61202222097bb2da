// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* What is counted of calls that ended: times, errors, and the stacks of some. */
#ifndef __APERTURE_SYSCALL_COUNTS_H__
#define __APERTURE_SYSCALL_COUNTS_H__

#include "log2.h"
#include "syscall_thread.h"
#include "tracepoint_stacks.h"
#include "window.h"

/*
 * The agent sets max_entries of these six. What is not used of those in sets takes no memory: these programs run where
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

/* Counts a call that failed in another way than the first of its entry that did. */
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

/* Counts a call that took `ns`, `in_window` of them in this window, and failed with `error` where that is not 0. */
static __always_inline void count_call(struct aperture_syscall_key *key, u64 ns, u64 in_window, u32 error, u32 set)
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
	if (!error)
		return;
	if (!value->error)
		value->error = error;
	if (value->error == error)
		value->failed++;
	else
		count_error(key, error, set);
}

/* Counts a call that just ended with its stack; the thread has none any more where `has_stack` is false. */
static __always_inline void keep_sample(void *ctx, struct task_struct *task, struct thread *thread,
					struct aperture_syscall_sample sample, u32 set, bool has_stack)
{
	void *samples = set ? (void *)&samples_b : (void *)&samples_a;
	struct aperture_syscall_sample_key key = {
		.comm = { thread->key.comm[0], thread->key.comm[1] },
		.pid = thread->key.pid,
		.call = thread->key.call,
		.program = thread->key.program,
	};

	if (has_stack)
		key.user_stack = keep_user_stack(ctx, task, thread->key.pid, set, SPARE_USER);
	struct aperture_syscall_sample *counted =
		find_counted(samples, &key, &sample, set, APERTURE_FILLED_SAMPLES);
	if (!counted)
		return;
	__sync_fetch_and_add(&counted->latency_ns, sample.latency_ns);
	__sync_fetch_and_add(&counted->count, sample.count);
}

#endif
