// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Where Go's runtime left the stack of a goroutine for that of the thread. */
#ifndef __APERTURE_UNWIND_GO_H__
#define __APERTURE_UNWIND_GO_H__

#include "unwind_state.h"

/* Members of Go's struct g that are where they always were: g.m, g.sched.sp, and g.sched.g, which is g itself. */
#define GO_MACHINE 48
#define GO_SAVED_STACK 56
#define GO_SAVED_SELF 72

/*
 * The goroutine that called, where the thread has none any more, but does not look for another one yet: mcall() keeps
 * it at `place` of the thread's stack. 0: it is another function's, or runs again already, on another thread.
 */
static __always_inline u64 set_aside(struct unwind_state *state, u64 place)
{
	u64 *word = &state->next_pc;
	u64 goroutine;

	if (state->scheduling || !read_word(state, word, place))
		return 0;
	goroutine = *word;
	if (!read_word(state, word, goroutine + GO_SAVED_SELF) || *word != goroutine)
		return 0;
	return read_word(state, word, goroutine + GO_MACHINE) && *word == 0 ? goroutine : 0;
}

/*
 * The frame above one that went on on the thread's own stack: on the goroutine's, as the runtime left that. While the
 * function has not changed over yet, or has changed back, its frame is an ordinary one. False when it cannot be had, and
 * *end is then why.
 */
static __always_inline bool find_go_stack(struct unwind_state *state, const struct aperture_rule *rule, u64 *cfa, int *end)
{
	/* Not of the stack, which is short. */
	u64 *word = &state->next_pc;
	u64 running, goroutine;

	*end = APERTURE_STACK_READ_FAULT;
	if (!read_word(state, word, user_thread_id(state->task) + (s64)rule->cfa_offset))
		return false;
	running = *word;
	if (!read_word(state, word, running + GO_MACHINE) ||
	    !read_word(state, word, *word + rule->frame_pointer_offset))
		return false;
	goroutine = *word;
	if (running == goroutine) {
		*cfa = state->registers[STACK_POINTER] + 8 * ((u64)(rule->cfa >> 4) + 1);
		return true;
	}
	if (!goroutine)
		goroutine = set_aside(state, state->registers[STACK_POINTER]);
	/* The thread runs the scheduler, and nobody's goroutine. */
	if (!goroutine) {
		*end = APERTURE_STACK_COMPLETE;
		return false;
	}
	if (!read_word(state, word, goroutine + GO_SAVED_STACK) || !*word)
		return false;
	/* Whatever its address is, it is a caller's frame: the two stacks are anywhere. */
	state->registers[STACK_POINTER] = 0;
	*cfa = *word + (s64)rule->cfa_add;
	return true;
}

#endif
