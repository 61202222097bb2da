// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* One step of a walk by the rule that the unwind information of a file has for the place. */
#ifndef __APERTURE_UNWIND_RULE_H__
#define __APERTURE_UNWIND_RULE_H__

#include "unwind_found.h"
#include "unwind_go.h"

/* Kinds of agent/unwind/rules.ts. */
enum {
	CFA_NONE,
	CFA_UNKNOWN,
	CFA_REGISTER,
	CFA_DEREF,
	CFA_INDEXED,
	CFA_PLT,
	CFA_GO_STACK,
};

enum {
	SAVED_SAME,
	SAVED_AT_CFA,
	SAVED_AT_REGISTER,
	SAVED_UNDEFINED,
	SAVED_IN_REGISTER,
	SAVED_IS_CFA,
};

#define RULE_SIGNAL 1
/* Nobody vouches for it but the code itself. */
#define RULE_DERIVED 2
/* Go's scheduler. */
#define RULE_SCHEDULER 4
/* Nothing called it, so that the caller's pc is exact. */
#define RULE_INJECTED 8
/* The caller's frame may be on another stack, which may lie anywhere, and what returns there was put there by no call. */
#define RULE_OTHER_STACK 16
/* The thread waits for the goroutine that it belongs to. */
#define RULE_WAITS_FOR_OWN 32

/* Steps that find a row among the most that a page can have. */
#define SEARCH_STEPS 16

/* Looks in the table for the rule that holds at `address` of the state's file; negative when its page is not there. */
static __always_inline s32 search_table(struct unwind_state *state, u64 address)
{
	u32 zero = 0;

	state->page_key.file = state->file;
	state->page_key.page = address >> 16;
	struct found_page *found = found_page_of(state);
	struct aperture_page *page = found ? &found->page : NULL;
	if (!found || page->window != state->window || found->key.file != state->page_key.file ||
	    found->key.page != state->page_key.page) {
		page = bpf_map_lookup_elem(&unwind_pages, &state->page_key);
		if (!page) {
			state->is_wanted = want_page(&state->page_key);
			return -1;
		}
		if (page->window != state->window)
			page->window = state->window;
		if (found) {
			found->key = state->page_key;
			found->page = *page;
		}
	}
	u32 chunk = page->chunk;
	u32 at = page->first;
	u32 count = page->count;
	if (count == 0)
		return CFA_NONE;
	void *map = bpf_map_lookup_elem(&unwind_chunks, &chunk);
	if (!map)
		return -1;
	struct aperture_row *rows = bpf_map_lookup_elem(map, &zero);
	if (!rows)
		return -1;
	u32 low = address & 0xffff;
	for (u32 i = 0; i < SEARCH_STEPS && count > 1; i++) {
		u32 half = count >> 1;
		if (rows[(at + half) & (APERTURE_CHUNK_ROWS - 1)].low <= low)
			at += half;
		count -= half;
	}
	return rows[at & (APERTURE_CHUNK_ROWS - 1)].rule;
}

/*
 * Has the rule that holds at `address` of the state's file in state->rule; false (0) where there is none, and state->rule_end
 * is then why. A function of its own, as unwind_frame is: what is seldom run is not between what always is.
 */
__attribute__((noinline)) int unwind_search_rule(u64 address)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);

	if (!state)
		return false;
	s32 index = search_table(state, address);
	const struct aperture_rule *rule = index < 0 ? NULL : bpf_map_lookup_elem(&unwind_rules, &index);
	state->rule_end = index < 0 ? APERTURE_STACK_NO_PAGE : APERTURE_STACK_NO_RULE;
	if (!rule)
		return false;
	state->rule = *rule;
	state->seen = 0;
	struct found_rules *found = found_rules_of(state, state->file, address);
	if (found) {
		found->rules[1] = found->rules[0];
		found->rules[0].place = place_of(state->file, address);
		found->rules[0].rule = *rule;
		found->rules[0].window = state->window;
		found->rules[0].seen = 0;
	}
	return true;
}

/* The same; stacks have mostly places that others of the window had before. */
static __always_inline bool find_rule(struct unwind_state *state, u64 address)
{
	const struct found_rule *found = found_rule_of(state, state->file, address);

	if (!found)
		return unwind_search_rule(address);
	state->rule = found->rule;
	state->seen = found->seen;
	return true;
}

/* What unwind_follows_call() says of code that cannot be read, where that is to be told from a call. */
#define CALL_UNREAD 2

/* Going on is no end. */
#define STEP_ON (-1)

/* Functions under way that a process may have uretprobes of: MAX_URETPROBE_DEPTH of kernel/events/uprobes.c. */
#define MAX_RETURNS 64

/*
 * What stood on the stack before a uretprobe put its own address there. A function of its own, as unwind_search_rule is: so
 * are all that few frames need.
 */
__attribute__((noinline)) u64 unwind_original_return(u64 cfa)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);

	if (!state)
		return 0;
	for (u32 i = 0; i < MAX_RETURNS && state->returns; i++) {
		struct return_instance *instance = state->returns;
		u64 place = BPF_CORE_READ(instance, stack) + RETURN_ADDRESS_BYTES;
		if (place > cfa)
			break;
		state->returns = BPF_CORE_READ(instance, next);
		u64 address = BPF_CORE_READ(instance, orig_ret_vaddr);
		/* Where several probes take the same one the first of them has it. */
		if (place == cfa && address != state->trampoline)
			return address;
	}
	return state->trampoline;
}

/* See follows_call(). */
__attribute__((noinline)) int unwind_follows_call(u64 pc, u32 unread)
{
	return follows_call(pc, unread);
}

/* Whether a function may return to `pc`: behind a call, or where a signal's handler does. */
__attribute__((noinline)) int unwind_may_return_to(u64 pc)
{
	return follows_call(pc, false) || is_signal_return(pc);
}

/* See find_go_stack(), of which this has the results in state->cfa and state->rule_end. */
__attribute__((noinline)) int unwind_find_go_stack(void)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);
	u64 cfa = 0;
	int end = 0;

	if (!state)
		return false;
	bool found = find_go_stack(state, &state->rule, &cfa, &end);
	state->cfa = cfa;
	state->rule_end = end;
	return found;
}

/* The frame above is `cfa`, and it called from next_pc. */
static __always_inline int go_on(struct unwind_state *state, u64 cfa, bool exact)
{
	u64 pc = return_address(state->next_pc);

	if (state->trampoline && pc == state->trampoline) {
		note_other_source(state);
		pc = unwind_original_return(cfa);
	}
	if (pc == 0)
		return APERTURE_STACK_COMPLETE;
	if (pc >= USER_END)
		return APERTURE_STACK_BAD_FRAME;
	state->registers[STACK_POINTER] = cfa;
	state->pc = pc;
	state->exact = exact;
	return STEP_ON;
}

/* The canonical frame address; false when it cannot be had, and *end is then why. */
static __always_inline bool find_cfa(struct unwind_state *state, const struct aperture_rule *rule, u64 *cfa, int *end)
{
	u32 kind = rule->cfa & 15;
	u32 reg = rule->cfa >> 4;
	u64 value = value_of(state, reg);

	if (!known(state, reg)) {
		*end = APERTURE_STACK_NO_REGISTER;
		return false;
	}
	note_register(state, reg);
	if (kind == CFA_INDEXED)
		value = value * 8 + state->registers[STACK_POINTER];
	if (kind == CFA_PLT)
		value = state->registers[STACK_POINTER] + plt_pushed_bytes(state->pc, rule->cfa_add);
	value += (s64)rule->cfa_offset;
	if (kind == CFA_DEREF || kind == CFA_INDEXED) {
		if (!read_word(state, &state->saved, value)) {
			*end = APERTURE_STACK_READ_FAULT;
			return false;
		}
		value = state->saved + (s64)rule->cfa_add;
	}
	*cfa = value;
	return true;
}

/* What the caller has in a register, or its pc; false when that cannot be known. */
static __always_inline bool find_saved(struct unwind_state *state, u8 how, s64 offset, u64 cfa, u64 *value)
{
	u32 kind = how & 15;
	u32 reg = how >> 4;
	u64 base = kind == SAVED_AT_CFA || kind == SAVED_IS_CFA ? cfa : value_of(state, reg);

	if (kind == SAVED_AT_REGISTER || kind == SAVED_IN_REGISTER) {
		if (!known(state, reg))
			return false;
		note_register(state, reg);
	}
	if (kind == SAVED_IN_REGISTER || kind == SAVED_IS_CFA) {
		*value = base + offset;
		return true;
	}
	return read_stack_word(state, value, base + offset);
}

static __always_inline int step_by_rule(struct unwind_state *state, const struct aperture_rule *rule)
{
	u64 cfa = 0;
	int end = APERTURE_STACK_READ_FAULT;
	bool signal = rule->flags & RULE_SIGNAL;
	u32 kind = rule->frame_pointer & 15;
	u64 frame = state->registers[FRAME_POINTER];
	u32 has_frame = state->known & 1U << FRAME_POINTER;

	state->waits_for_own |= rule->flags & RULE_WAITS_FOR_OWN;
	state->scheduling |= rule->flags & RULE_SCHEDULER && !state->waits_for_own;
	/* The kernel put it there. */
	state->placed |= signal && !state->exact;
	if ((rule->return_address & 15) == SAVED_UNDEFINED)
		return APERTURE_STACK_COMPLETE;
	if ((rule->cfa & 15) == CFA_GO_STACK) {
		if (!unwind_find_go_stack())
			return state->rule_end;
		cfa = state->cfa;
	} else if (!find_cfa(state, rule, &cfa, &end)) {
		return end;
	}
	/* A handler may run on a stack of its own, too. */
	if (!(rule->flags & (RULE_SIGNAL | RULE_OTHER_STACK)) &&
	    !is_caller_frame(cfa, state->registers[STACK_POINTER], state->exact))
		return APERTURE_STACK_BAD_FRAME;
	if ((rule->return_address & 15) == SAVED_SAME) {
		note_other_source(state);
		if (!unsaved_return_address(state->registers, state->known, &state->next_pc))
			return APERTURE_STACK_NO_REGISTER;
	} else if (!find_saved(state, rule->return_address, rule->return_address_offset, cfa, &state->next_pc)) {
		return APERTURE_STACK_READ_FAULT;
	}
	if (rule->flags & RULE_DERIVED && !unwind_may_return_to(state->next_pc))
		return APERTURE_STACK_NO_RULE;
	if (kind != SAVED_SAME) {
		has_frame = 0;
		if (kind != SAVED_UNDEFINED &&
		    find_saved(state, rule->frame_pointer, rule->frame_pointer_offset, cfa, &state->saved)) {
			has_frame = 1U << FRAME_POINTER;
			frame = state->saved;
		}
	}
	state->registers[FRAME_POINTER] = frame;
	state->known = has_frame | 1U << STACK_POINTER;
	return go_on(state, cfa, rule->flags & (RULE_SIGNAL | RULE_INJECTED));
}

#endif
