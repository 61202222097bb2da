// SPDX-License-Identifier: GPL-2.0 OR MIT
/* What programs at tracepoints need: whether the current process is to be watched, and where it is. */
#ifndef __APERTURE_WATCHED_H__
#define __APERTURE_WATCHED_H__

#include "user_stack.h"
#include "window.h"

/* Only this process is watched; 0 is all. */
const volatile u32 target_pid = 0;
/* This process is not watched; 0 leaves out none. */
const volatile u32 excluded_pid = 0;
/* Inode of the agent's pid namespace; 0 is the initial one, whose numbers need no search. */
const volatile u32 pid_namespace = 0;

/* The number of the current process in the agent's namespace; 0 when it is outside of it. */
static __always_inline u32 own_pid(struct task_struct *task)
{
	return pid_namespace ? pid_in_namespace(task, pid_namespace) : bpf_get_current_pid_tgid() >> 32;
}

/* Whether the process of number `pid` is to be watched. */
static __always_inline bool is_wanted(u32 pid)
{
	if (target_pid)
		return pid == target_pid;
	return pid == 0 || pid != excluded_pid;
}

/* Reads the user stack of the current task, of process `pid`, into `stack`, and returns its name. */
static __always_inline u64 keep_user_stack(void *ctx, struct task_struct *task, u32 pid, u32 set,
					   struct aperture_stack *stack)
{
	stack->length = 0;
	if (!has_user_stack(task))
		return 0;
	if (!collect_user_stack(ctx, pid, stack))
		count_loss(APERTURE_LOSS_USER_STACK_FAILED);
	else if (stack->length == APERTURE_STACK_DEPTH)
		count_loss(APERTURE_LOSS_USER_STACK_TRUNCATED);
	return keep_stack(set, stack);
}

/* Its first frames are the program and the tracepoint; see agent/collectors/tracepoint_frames.ts. */
static __always_inline u64 keep_kernel_stack(void *ctx, u32 set, struct aperture_stack *stack)
{
	if (!read_stack(ctx, stack, 0))
		count_loss(APERTURE_LOSS_KERNEL_STACK_FAILED);
	else if (stack->length == APERTURE_STACK_DEPTH)
		count_loss(APERTURE_LOSS_KERNEL_STACK_TRUNCATED);
	return keep_stack(set, stack);
}

#endif
