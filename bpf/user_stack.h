// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * How the user stack of a sample comes to be: the place where an unwinder goes. What it needs it finds in the
 * sample's context and fills `stack`; what follows, `count_sample`, reads only the scratch, so that it can as well
 * run in a program that was tail-called.
 */
#ifndef __APERTURE_USER_STACK_H__
#define __APERTURE_USER_STACK_H__

#include "stack.h"

/* False when not even the leaf is known. */
static __always_inline bool collect_user_stack(struct bpf_perf_event_data *ctx, struct aperture_stack *stack)
{
	return read_stack(ctx, stack, BPF_F_USER_STACK);
}

#endif
