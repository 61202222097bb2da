// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The unwinder's own maps, and what makes a process another one: exec and exit. */
#include "vmlinux.h"

#include "kernel.h"
#include "pid_namespace.h"
#include "unwind_maps.h"

/* Forgets the current process; where it has samples again, it is read anew. */
static __always_inline void forget_process(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u32 pid = current_pid(task);

	if (pid)
		bpf_map_delete_elem(&unwind_processes, &pid);
}

SEC("raw_tp/sched_process_exec")
int process_exec(struct bpf_raw_tracepoint_args *ctx)
{
	(void)ctx;
	forget_process();
	return 0;
}

SEC("raw_tp/sched_process_exit")
int process_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	(void)ctx;
	/* The last thread. */
	if (BPF_CORE_READ(task, signal, live.counter) <= 0)
		forget_process();
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
