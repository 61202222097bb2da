// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The user stack of the current thread, in programs of every type: by the unwinder, or, where that is not loaded, by the
 * kernel's helper, which goes by frame pointers alone.
 */
#ifndef __APERTURE_USER_STACK_H__
#define __APERTURE_USER_STACK_H__

#include "mix.h"
#include "unwind.h"
#include "window.h"

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

/* Keeps the stack of the state, in two entries where one cannot hold it. A function of its own, as unwind_frame is. */
__attribute__((noinline)) u64 keep_walked_stack(u32 set)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);
	u64 hash;

	if (!state)
		return 0;
	if (!state->rest.length)
		return keep_stack(set, &state->stack);
	state->stack.kind = APERTURE_STACK_DEEP;
	state->rest.kind = APERTURE_STACK_REST;
	hash = mix(hash_stack(&state->stack), hash_stack(&state->rest)) ?: 1;
	/* The rest first: who finds the leaf's part finds all of it. */
	return put_stack(set, ~hash, &state->rest) && put_stack(set, hash, &state->stack) ? hash : 0;
}

/*
 * Walks from the registers that the state's `user` was filled with, and keeps the stack. A function of its own, as
 * unwind_frame is.
 */
__attribute__((noinline)) u64 keep_walk(u32 pid, u32 set)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);
	u32 end = APERTURE_STACK_OTHER_ABI;
	u64 hash;

	if (!state)
		return 0;
	state->stack.length = 0;
	state->stack.kind = APERTURE_STACK_NATIVE;
	state->rest.length = 0;
	if (in_64_bit_mode(&state->user)) {
		end = unwind_walk(pid);
	} else {
		state->stack.length = 1;
		state->stack.frames[0] = user_pc(&state->user);
	}
	/* Else others have looked through their stacks for the same page, which are mostly like this one. */
	if (end == APERTURE_STACK_NO_PAGE && state->is_wanted && !state->rest.length)
		unwind_want_stack();
	if (end != APERTURE_STACK_COMPLETE) {
		mark_cut(state->stack.length < APERTURE_STACK_DEPTH ? &state->stack : &state->rest, end);
		state->read_count = 0;
	}
	if (end == APERTURE_STACK_DEPTH_REACHED)
		count_loss(APERTURE_LOSS_USER_STACK_TRUNCATED);
	hash = keep_walked_stack(set);
	state->busy = false;
	count_stack_end(end);
	return hash;
}

/*
 * Keeps the stack that the kernel's helper reads, into a spare one. It would invent callers in code without frame pointers:
 * where there is an unwinder only the leaf is taken of it.
 */
static __always_inline u64 keep_helper_stack(void *ctx, u32 set, enum spare_stack spare)
{
	struct aperture_stack *stack = spare_of(spare);

	if (!stack)
		return 0;
	stack->kind = APERTURE_STACK_NATIVE;
	read_stack(ctx, stack, BPF_F_USER_STACK);
	count_missing_frames(stack, APERTURE_LOSS_USER_STACK_FAILED, APERTURE_LOSS_USER_STACK_TRUNCATED);
	if (use_unwinder && stack->length > 0) {
		stack->length = 1;
		mark_cut(stack, APERTURE_STACK_HELPER);
	}
	count_stack_end(APERTURE_STACK_HELPER);
	return keep_spare(set, spare);
}

/*
 * The state for a walk along the stack of `task`; NULL where there is to be none: with no unwinder, or in an interrupt of
 * another program of this object that walks.
 */
static __always_inline struct unwind_state *begin_walk(struct task_struct *task)
{
	u32 zero = 0;
	struct unwind_state *state = use_unwinder ? bpf_map_lookup_elem(&unwind_state, &zero) : NULL;

	if (!state || state->busy)
		return NULL;
	state->busy = true;
	state->task = task;
	return state;
}

static __always_inline struct unwind_state *give_up(struct unwind_state *state)
{
	state->busy = false;
	return NULL;
}

/*
 * Keeps the stack with which the current thread of process `pid` (in the agent's namespace) came into the kernel, for
 * tracepoints; its name. `spare` is for the helper's.
 */
static __always_inline u64 collect_user_stack(void *ctx, u32 pid, u32 set, enum spare_stack spare)
{
	struct unwind_state *state = begin_walk((void *)bpf_get_current_task());

	if (state && !read_user_registers(&state->user))
		state = give_up(state);
	return state ? keep_walk(pid, set) : keep_helper_stack(ctx, set, spare);
}

/*
 * Keeps the stack with which `task`, another thread of the current process `pid`, came into the kernel, where it still is;
 * 0 where there is no unwinder.
 */
static __always_inline u64 collect_stack_of(struct task_struct *task, u32 pid, u32 set)
{
	struct unwind_state *state = begin_walk(task);

	if (state && !read_registers_of(task, &state->next_pc, &state->user))
		state = give_up(state);
	return state ? keep_walk(pid, set) : 0;
}

/* Keeps the same where a perf event interrupted the thread: in user code, or after it came into the kernel. */
static __always_inline u64 collect_interrupted_user_stack(struct bpf_perf_event_data *ctx, u32 pid, u32 set,
							  enum spare_stack spare)
{
	struct unwind_state *state = begin_walk((void *)bpf_get_current_task());

	if (state && in_user_mode(&ctx->regs))
		copy_registers(&state->user, &ctx->regs);
	else if (state && !read_user_registers(&state->user))
		state = give_up(state);
	return state ? keep_walk(pid, set) : keep_helper_stack(ctx, set, spare);
}

#endif
