// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Walks along a user stack by the rules of .eh_frame, and by frame pointers where there is none.
 *
 * One step is a function of its own, not static: the verifier takes such a one for what it is, once, instead of in each
 * turn of the loop that calls it. So the loop is cheap for the verifiers of all kernels since 5.6, in programs of every
 * type, without tail calls. Such a function can take numbers only (before 5.13), so it finds its state in a map.
 */
#ifndef __APERTURE_UNWIND_H__
#define __APERTURE_UNWIND_H__

#include "unwind_mapping.h"
#include "unwind_rule.h"

/* The frame of one function is smaller; what a frame pointer points to beyond it is no frame. */
#define MAX_FRAME_BYTES (16 << 20)

/* Goes to what the signal interrupted, by what the kernel keeps of it on the stack. */
static __always_inline int step_over_signal(struct unwind_state *state)
{
	u64 stack = state->registers[STACK_POINTER];

	if (!read_signal_frame(stack, state->registers, &state->known, &state->next_pc))
		return APERTURE_STACK_READ_FAULT;
	return go_on(state, state->registers[STACK_POINTER], true);
}

static __always_inline int step_by_frame_pointer(struct unwind_state *state)
{
	if (!state->exact && is_signal_return(state->pc))
		return step_over_signal(state);

	u64 frame = state->registers[FRAME_POINTER];
	u64 stack = state->registers[STACK_POINTER];

	/* What the ABI marks the outermost frame with; in a leaf it may as well be a number. */
	if (known(state, FRAME_POINTER) && frame == 0 && !state->exact)
		return APERTURE_STACK_COMPLETE;
	if (!known(state, FRAME_POINTER) || frame & 7 || frame < stack || frame - stack > MAX_FRAME_BYTES)
		return APERTURE_STACK_NO_RULE;
	if (!read_word(&state->next_pc, frame + FRAME_RECORD_RETURN) || !read_word(&state->registers[FRAME_POINTER], frame))
		return APERTURE_STACK_NO_RULE;
	state->known = FRAME_RECORD_KNOWN;
	return go_on(state, frame + FRAME_RECORD_BYTES, false);
}

/* One frame up: STEP_ON, or how the walk ended. */
__attribute__((noinline)) int unwind_step(void)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);

	if (!state)
		return APERTURE_STACK_NO_PROCESS;
	u64 at = state->exact ? state->pc : state->pc - 1;
	if (!find_in_process(state, at)) {
		/* Of a process that is not known it is enough that this is wanted once. */
		if (state->process)
			want_process(state->pid, at);
		if (!unwind_find_vma(at))
			return APERTURE_STACK_NO_MAPPING;
	}
	if (state->file == 0 || state->tableless)
		return step_by_frame_pointer(state);
	s32 index = find_rule(state, state->file, at - state->bias);
	if (index < 0)
		return APERTURE_STACK_NO_PAGE;
	struct aperture_rule *rule = bpf_map_lookup_elem(&unwind_rules, &index);
	if (!rule)
		return APERTURE_STACK_NO_RULE;
	if ((rule->cfa & 15) <= CFA_UNKNOWN)
		return step_by_frame_pointer(state);
	return step_by_rule(state, rule);
}

/* Begins at the user registers in state->user. */
static __always_inline bool unwind_begin(struct unwind_state *state, u32 pid)
{
	u32 zero = 0;
	struct aperture_unwind_control *control = bpf_map_lookup_elem(&unwind_control, &zero);
	struct aperture_process *process = bpf_map_lookup_elem(&unwind_processes, &pid);

	if (!control)
		return false;
	state->window = control->window;
	state->pid = pid;
	/* 0 while it is being read, too. */
	state->process = process ? process->id : 0;
	if (!process)
		want_process(pid, user_pc(&state->user));
	else if (process->window != state->window)
		process->window = state->window;
	state->search.found.end = 0;
	state->exact = true;
	state->known = ALL_REGISTERS;
	state->pc = user_pc(&state->user);
	load_registers(state->registers, &state->user);
	return true;
}

/* See APERTURE_FRAME_FILE. */
static __always_inline u64 native_frame(const struct unwind_state *state, u64 pc)
{
	u64 address = pc - state->bias;

	if (state->file == 0 || state->file >= APERTURE_FRAME_FILES || address >> APERTURE_FRAME_FILE_SHIFT)
		return pc;
	return APERTURE_FRAME_FILE | (u64)state->file << APERTURE_FRAME_FILE_SHIFT | address;
}

/*
 * Walks from the state's registers into its stack; how that ended. A function of its own, too: that of Linux 6.1,
 * for one, would else verify all that follows the walk once for each turn that may be the last.
 */
__attribute__((noinline)) int unwind_walk(u32 pid)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);
	struct aperture_stack *stack;

	if (!state)
		return APERTURE_STACK_NO_PROCESS;
	stack = &state->stack;
	stack->length = 0;
	if (!unwind_begin(state, pid))
		return APERTURE_STACK_NO_PROCESS;
	for (u32 i = 0; i < APERTURE_STACK_DEPTH; i++) {
		/* Readers take one off all but the first, for return addresses point behind the call: not this one. */
		u64 pc = i > 0 && state->exact ? state->pc + 1 : state->pc;
		state->file = 0;
		int end = unwind_step();
		stack->frames[i] = native_frame(state, pc);
		stack->length = i + 1;
		if (end == STEP_ON)
			continue;
		if (end == APERTURE_STACK_NO_MAPPING) {
			/* What was taken for a return address was none, or nothing is known of the leaf. */
			if (i > 0 || state->process == 0)
				stack->length = i;
			if (stack->length == 0)
				return APERTURE_STACK_NO_PROCESS;
		}
		return end;
	}
	return APERTURE_STACK_DEPTH_REACHED;
}

#endif
