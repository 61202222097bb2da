// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The user stack of the current thread, in programs of every type: by the unwinder, or, where that is not loaded, by the
 * kernel's helper, which goes by frame pointers alone.
 */
#ifndef __APERTURE_USER_STACK_H__
#define __APERTURE_USER_STACK_H__

#include "stack.h"
#include "unwind.h"

/* Whether the agent has filled in what the unwinder goes by. */
const volatile bool use_unwinder = false;
/* Puts the enum into the object's BTF, where the agent compares its names. */
const volatile enum aperture_stack_end stack_end_count = APERTURE_STACK_END_MAX;

/* How many walks ended how: see enum aperture_stack_end. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, APERTURE_STACK_END_MAX);
	__type(key, u32);
	__type(value, u64);
} stack_ends SEC(".maps");

static __always_inline void count_stack_end(u32 end)
{
	u64 *count = bpf_map_lookup_elem(&stack_ends, &end);

	if (count)
		(*count)++;
}

/*
 * Walks from the registers that `state->user` was filled with. The helper would invent callers in code without frame
 * pointers: where there is an unwinder only the leaf is taken of it.
 */
static __always_inline void walk_user_stack(void *ctx, struct unwind_state *state, u32 pid,
					    struct aperture_stack *stack)
{
	u32 end = APERTURE_STACK_HELPER;

	stack->length = 0;
	if (state && !in_64_bit_mode(&state->user)) {
		end = APERTURE_STACK_OTHER_ABI;
		state->stack.length = 1;
		state->stack.frames[0] = user_pc(&state->user);
	} else if (state) {
		end = unwind_walk(pid);
	}
	if (state) {
		if (end != APERTURE_STACK_COMPLETE) {
			mark_cut(&state->stack, end);
			state->read_count = 0;
		}
		/* In one piece: a copy by words would be a long loop for the verifier. */
		bpf_probe_read_kernel(stack, sizeof(*stack), &state->stack);
		state->busy = false;
	} else {
		read_stack(ctx, stack, BPF_F_USER_STACK);
		if (use_unwinder && stack->length > 0) {
			stack->length = 1;
			mark_cut(stack, end);
		}
	}
	count_stack_end(end);
}

/* NULL where a walk is not to be: with no unwinder, or in an interrupt of another program of this object that walks. */
static __always_inline struct unwind_state *begin_walk(void)
{
	u32 zero = 0;
	struct unwind_state *state = use_unwinder ? bpf_map_lookup_elem(&unwind_state, &zero) : NULL;

	if (!state || state->busy)
		return NULL;
	state->busy = true;
	return state;
}

static __always_inline struct unwind_state *give_up(struct unwind_state *state)
{
	state->busy = false;
	return NULL;
}

/*
 * Reads the stack with which the current thread of process `pid` (in the agent's namespace) came into the kernel; for
 * tracepoints.
 */
static __always_inline void collect_user_stack(void *ctx, u32 pid, struct aperture_stack *stack)
{
	struct unwind_state *state = begin_walk();

	if (state && !read_user_registers(&state->user))
		state = give_up(state);
	walk_user_stack(ctx, state, pid, stack);
}

/* Reads the same where a perf event interrupted the thread: in user code, or after it came into the kernel. */
static __always_inline void collect_interrupted_user_stack(struct bpf_perf_event_data *ctx, u32 pid,
							   struct aperture_stack *stack)
{
	struct unwind_state *state = begin_walk();

	if (state && in_user_mode(&ctx->regs))
		copy_registers(&state->user, &ctx->regs);
	else if (state && !read_user_registers(&state->user))
		state = give_up(state);
	walk_user_stack(ctx, state, pid, stack);
}

#endif
