// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Calls that have not ended when a window does, as the agent sees them. */
#ifndef __APERTURE_SYSCALL_OPEN_H__
#define __APERTURE_SYSCALL_OPEN_H__

#include "syscall_thread.h"
#include "window.h"

/* By thread, in the kernel's numbers; the agent sets max_entries. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct aperture_open_call);
} ended SEC(".maps");

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

#endif
