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
/* The caller's frame may be on another stack, which may lie anywhere. */
#define RULE_OTHER_STACK 16
/* The thread waits for the goroutine that it belongs to. */
#define RULE_WAITS_FOR_OWN 32

/* Steps that find a row among the most that a page can have. */
#define SEARCH_STEPS 16

/* Looks in the table for the rule that holds at `address` of a file; negative when its page is not there. */
static __always_inline s32 search_rule(struct unwind_state *state, u32 file, u64 address)
{
	u32 zero = 0;

	state->page_key.file = file;
	state->page_key.page = address >> 16;
	struct aperture_page *page = bpf_map_lookup_elem(&unwind_pages, &state->page_key);
	if (!page) {
		want_page(&state->page_key);
		return -1;
	}
	if (page->window != state->window)
		page->window = state->window;
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

/* The same; stacks have mostly places that others of the window had before. */
static __always_inline s32 find_rule(struct unwind_state *state, u32 file, u64 address)
{
	struct found_rule *found = found_rule_of(file, address);
	s32 rule;

	if (found && found->place == place_of(file, address) && found->window == state->window)
		return found->rule;
	rule = search_rule(state, file, address);
	if (found && rule >= 0) {
		found->place = place_of(file, address);
		found->window = state->window;
		found->rule = rule;
	}
	return rule;
}

/* Going on is no end. */
#define STEP_ON (-1)

/* Functions under way that a process may have uretprobes of: MAX_URETPROBE_DEPTH of kernel/events/uprobes.c. */
#define MAX_RETURNS 64

/* What stood on the stack before a uretprobe put its own address there. */
static __always_inline u64 original_return(struct unwind_state *state, u64 cfa)
{
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

/* The frame above is `cfa`, and it called from next_pc. */
static __always_inline int go_on(struct unwind_state *state, u64 cfa, bool exact)
{
	u64 pc = return_address(state->next_pc);

	if (state->trampoline && pc == state->trampoline) {
		note_other_source(state);
		pc = original_return(state, cfa);
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
		if (!read_word(state, &value, value)) {
			*end = APERTURE_STACK_READ_FAULT;
			return false;
		}
		value += (s64)rule->cfa_add;
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
	return read_word(state, value, base + offset);
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
	if ((rule->cfa & 15) == CFA_GO_STACK ? !find_go_stack(state, rule, &cfa, &end) : !find_cfa(state, rule, &cfa, &end))
		return end;
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
	if (rule->flags & RULE_DERIVED && !follows_call(state->next_pc, false))
		return APERTURE_STACK_NO_RULE;
	if (kind != SAVED_SAME) {
		has_frame = 0;
		if (kind != SAVED_UNDEFINED && find_saved(state, rule->frame_pointer, rule->frame_pointer_offset, cfa, &frame))
			has_frame = 1U << FRAME_POINTER;
	}
	state->registers[FRAME_POINTER] = frame;
	state->known = has_frame | 1U << STACK_POINTER;
	return go_on(state, cfa, rule->flags & (RULE_SIGNAL | RULE_INJECTED));
}

#endif
