// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Where CPU time goes: counts the samples of a perf event by process, thread name and stacks. */
#include "vmlinux.h"

#include "aperture.h"
#include "kernel.h"
#include "process_filter.h"
#include "program.h"
#include "python.h"
#include "taken.h"
#include "tracepoint_stacks.h"
#include "window.h"

/* No walk is known again here. */
const volatile bool notes_reads = false;

/*
 * A sample while it is made; one a CPU, as the kernel runs no perf_event program inside another. It holds all that
 * the last step needs, so that the steps may be programs of their own.
 */
struct sample {
	struct aperture_cpu_key key;
	/* Which of the two map sets, read once, so that counts and stacks of a sample are in the same one. */
	u32 set;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct sample);
} scratch SEC(".maps");

/* The agent sets max_entries of these by rate and window. Preallocated: the kernel forbids else before 6.1. */
struct counts {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct aperture_cpu_key);
	__type(value, u64);
} counts_a SEC(".maps"), counts_b SEC(".maps");

/* The process's number in the agent's namespace; 0 when this sample is not wanted. */
static __always_inline u32 wanted_pid(struct task_struct *task)
{
	/* The idle task, which exclude_idle keeps away already on the CPUs' own clock. */
	if (bpf_get_current_pid_tgid() >> 32 == 0)
		return 0;
	u32 pid = current_pid(task);
	if (!is_wanted(pid))
		return 0;
	if (pid == 0)
		count_loss(APERTURE_LOSS_OUTSIDE_PID_NAMESPACE);
	return pid;
}

static __always_inline struct sample *begin_sample(struct task_struct *task, u32 pid)
{
	u32 zero = 0;
	struct sample *sample = bpf_map_lookup_elem(&scratch, &zero);

	if (!sample)
		return NULL;
	/* First, so that what is taken is in a set that is still to be drained. */
	sample->set = begin_counting(COUNTER_ANY);
	count_taken();
	sample->key.pid = pid;
	sample->key.program = program_of(task, is_task_trusted());
	bpf_get_current_comm(sample->key.comm, sizeof(sample->key.comm));
	sample->key.user_stack = 0;
	sample->key.kernel_stack = 0;
	sample->key.python_stack = 0;
	return sample;
}

static __always_inline void collect_stacks(struct bpf_perf_event_data *ctx, struct task_struct *task,
					   struct sample *sample)
{
	if (!in_user_mode(&ctx->regs))
		sample->key.kernel_stack = keep_kernel_stack(ctx, sample->set, SPARE_KERNEL);
	if (has_user_stack(task, is_task_trusted())) {
		sample->key.user_stack =
			collect_interrupted_user_stack(ctx, sample->key.pid, sample->set, SPARE_USER);
		sample->key.python_stack = keep_python_stack(sample->key.pid, sample->set);
	}
}

static __always_inline void count_sample(struct sample *sample)
{
	void *counts = sample->set ? (void *)&counts_b : (void *)&counts_a;
	const u64 one = 1;

	u64 *count = find_counted(counts, &sample->key, &one, sample->set, APERTURE_FILLED_COUNTS);
	if (count)
		__sync_fetch_and_add(count, 1);
}

SEC("perf_event")
int sample_cpu(struct bpf_perf_event_data *ctx)
{
	struct task_struct *task = trusted_task();
	u32 pid = wanted_pid(task);
	struct sample *sample = pid ? begin_sample(task, pid) : NULL;

	if (!sample)
		return 0;
	collect_stacks(ctx, task, sample);
	count_sample(sample);
	end_counting(COUNTER_ANY);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
