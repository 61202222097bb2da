// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The stacks of the current thread: they are read, what is missing of them counted, and kept. */
#ifndef __APERTURE_TRACEPOINT_STACKS_H__
#define __APERTURE_TRACEPOINT_STACKS_H__

#include "user_stack.h"
#include "window.h"

/* Keeps the user stack of `task`, the current one, of process `pid`, and returns its name. */
static __always_inline u64 keep_user_stack(void *ctx, struct task_struct *task, u32 pid, u32 set,
					   enum spare_stack spare)
{
	return has_user_stack(task, false) ? collect_user_stack(ctx, pid, set, spare) : 0;
}

/* At a tracepoint its first frames are the program and that; see agent/collectors/tracepoint_frames.ts. */
static __always_inline u64 keep_kernel_stack(void *ctx, u32 set, enum spare_stack spare)
{
	struct aperture_stack *stack = spare_of(spare);

	if (!stack)
		return 0;
	read_stack(ctx, stack, 0);
	count_missing_frames(stack, APERTURE_LOSS_KERNEL_STACK_FAILED, APERTURE_LOSS_KERNEL_STACK_TRUNCATED);
	return keep_spare(set, spare);
}

#endif
