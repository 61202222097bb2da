// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Walks along a user stack by the rules of .eh_frame, and by frame pointers where there is none.
 *
 * What is done with a frame is a function of its own, not static: the verifier takes such a one for what it is, once, instead
 * of in each turn of the loop that calls it. So the loop is cheap for the verifiers of all kernels since 5.6, in programs of every
 * type, without tail calls. Such a function can take numbers only (before 5.13), so it finds its state in a map.
 */
#ifndef __APERTURE_UNWIND_H__
#define __APERTURE_UNWIND_H__

#include "unwind_mapping.h"
#include "unwind_rule.h"

/* The frame of one function is smaller; what a frame pointer points to beyond it is no frame. */
#define MAX_FRAME_BYTES (16 << 20)

/* Goes to what the signal interrupted, by what the kernel keeps of it on the stack. A function of its own, as unwind_frame is. */
__attribute__((noinline)) int unwind_over_signal(void)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);

	if (!state)
		return APERTURE_STACK_NO_RULE;
	u64 stack = state->registers[STACK_POINTER];
	state->placed = true;
	note_other_source(state);
	if (!read_signal_frame(stack, state->registers, &state->known, &state->next_pc))
		return APERTURE_STACK_READ_FAULT;
	return go_on(state, state->registers[STACK_POINTER], true);
}

/* Goes by the frame pointer, where nothing else is known. A function of its own, too. */
__attribute__((noinline)) int unwind_by_frame_pointer(void)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);

	if (!state)
		return APERTURE_STACK_NO_RULE;
	if (!state->exact && !(state->seen & SEEN_NO_SIGNAL_RETURN)) {
		if (is_signal_return(state->pc))
			return unwind_over_signal();
		if (state->file && !state->placed)
			unwind_note_seen(state->pc - 1, SEEN_NO_SIGNAL_RETURN);
	}

	u64 frame = state->registers[FRAME_POINTER];
	u64 stack = state->registers[STACK_POINTER];

	/*
	 * What the ABI marks the outermost frame with; in a leaf it may as well be a number, and so it may in code of a JIT, where no
	 * thread begins.
	 */
	if (known(state, FRAME_POINTER) && frame == 0 && !state->exact && state->file)
		return APERTURE_STACK_COMPLETE;
	if (!known(state, FRAME_POINTER) || frame & 7 || frame < stack || frame - stack > MAX_FRAME_BYTES)
		return APERTURE_STACK_NO_RULE;
	if (!read_stack_word(state, &state->next_pc, frame + FRAME_RECORD_RETURN) ||
	    !read_stack_word(state, &state->registers[FRAME_POINTER], frame))
		return APERTURE_STACK_NO_RULE;
	state->known = FRAME_RECORD_KNOWN;
	return go_on(state, frame + FRAME_RECORD_BYTES, false);
}

/* No end, and no step, either. */
#define NO_LEAF (-2)

/*
 * The same of a leaf of a file, if what is on top of its stack is its caller; else NO_LEAF. A function of its own, too, as
 * is what calls it: so neither has more on the stack than it needs.
 */
__attribute__((noinline)) int unwind_from_leaf(void)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);

	if (!state)
		return APERTURE_STACK_NO_RULE;
	if (!find_leaf_caller(state->registers, state->pc, &state->next_pc, &state->saved))
		return NO_LEAF;
	state->known &= 1U << FRAME_POINTER | 1U << STACK_POINTER;
	/* It pushed nothing where the return address is in a register. */
	if (state->saved)
		note_read(state, state->registers[STACK_POINTER]);
	else
		note_other_source(state);
	return go_on(state, state->registers[STACK_POINTER] + state->saved, false);
}

/*
 * Whether the frame pointer is a mere number in a leaf: what it leads to as a return address was left by no call. A function
 * of its own, as unwind_from_leaf is.
 */
__attribute__((noinline)) int unwind_lacks_frame(void)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);

	if (!state)
		return false;
	u64 frame = state->registers[FRAME_POINTER];
	if (frame & 7 || frame < state->registers[STACK_POINTER] ||
	    bpf_probe_read_user(&state->next_pc, sizeof(state->next_pc), (void *)(frame + FRAME_RECORD_RETURN)))
		return true;
	note_other_source(state);
	return !follows_call(state->next_pc, CALL_UNREAD);
}

/* The same where no rule is known: assembly without unwind information, and code of a JIT. */
static __always_inline int step_without_rule(struct unwind_state *state)
{
	/* Code of a JIT mostly keeps frame pointers, what is made by hand does not. */
	int end = state->leaf && (state->file || unwind_lacks_frame()) ? unwind_from_leaf() : NO_LEAF;

	return end == NO_LEAF ? unwind_by_frame_pointer() : end;
}

/* Notes where the code is that `address` is in. */
static __always_inline void note_code(struct unwind_state *state, u64 address)
{
	const struct aperture_mapping *mapping = &state->mapping;
	const struct vma *vma = &state->search.found;
	bool is_read = state->process && holds(mapping, address);

	state->code_start = is_read ? mapping->start : vma->start;
	state->code_bytes = is_read ? mapping->end - mapping->start : vma->end - vma->start;
}

/* Has the rule of a file for `address` in state->rule; false where there is none, and state->rule_end is then why. */
static __always_inline bool rule_at(struct unwind_state *state, u64 address)
{
	if (find_rule(state, address - state->bias))
		return true;
	if (state->rule_end == APERTURE_STACK_NO_PAGE) {
		note_code(state, address);
		forget_mapping(state, address);
	}
	return false;
}

/* Where nobody called from: makecontext() and the like have the entry of a fiber return there. */
static __always_inline int step_from_entry(struct unwind_state *state)
{
	return is_signal_return(state->pc) ? unwind_over_signal() : APERTURE_STACK_COMPLETE;
}

/* It pushes three registers, since 6.11; after its code come copies of instructions that probes are on. */
#define TRAMPOLINE_PUSHED_BYTES 24
#define TRAMPOLINE_BYTES 64

/*
 * Where a function has returned to a uretprobe's own code, which the kernel has in a page of the process: it is still
 * the innermost of them, and nothing but that page's code stands below it on the stack. A function of its own, too.
 */
__attribute__((noinline)) int unwind_over_returned(void)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);

	if (!state)
		return APERTURE_STACK_NO_RULE;
	struct return_instance *returned = state->returns;
	u64 cfa = BPF_CORE_READ(returned, stack) + RETURN_ADDRESS_BYTES;

	note_other_source(state);
	if (cfa - state->registers[STACK_POINTER] > TRAMPOLINE_PUSHED_BYTES)
		return APERTURE_STACK_NO_RULE;
	state->next_pc = state->trampoline;
	return go_on(state, cfa, false);
}

/* Functions start at multiples of this, so that what was put on the stack, and is no return address, is mostly one. */
#define FUNCTION_ALIGNMENT 16

/* Whether no call left the pc of the state on the stack, which is no leaf's. A function of its own, too. */
__attribute__((noinline)) int unwind_is_placed(void)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);

	if (!state)
		return false;
	const struct aperture_mapping *mapping = &state->mapping;
	u64 at = state->pc - 1;
	/* The caller is mostly in the same mapping. */
	bool is_known = state->process && mapping->file && holds(mapping, at);
	struct found_rule *found = is_known ? found_rule_of(state, mapping->file, at - mapping->bias) : NULL;
	if (found && found->seen & SEEN_CALL)
		return false;
	u32 call = unwind_follows_call(state->pc, CALL_UNREAD);
	if (found && call && call != CALL_UNREAD)
		found->seen |= SEEN_CALL;
	return !call;
}

/* One frame up: STEP_ON, or how the walk ended. */
static __always_inline int unwind_step(struct unwind_state *state)
{
	state->seen = 0;
	if (state->exact && state->trampoline && state->pc - state->trampoline < TRAMPOLINE_BYTES)
		return unwind_over_returned();
	state->placed = !state->exact && state->pc % FUNCTION_ALIGNMENT == 0 && unwind_is_placed();
	u64 at = state->exact || state->placed ? state->pc : state->pc - 1;
	if (!find_in_process(state, at)) {
		/* Of a process that is not known it is enough that this is wanted once. */
		if (state->process)
			want_process(state->pid, at);
		if (!unwind_find_vma(at))
			return APERTURE_STACK_NO_MAPPING;
	}
	if (state->file == 0 || state->tableless)
		return state->file && state->placed ? step_from_entry(state) : step_without_rule(state);
	const struct aperture_rule *rule = &state->rule;
	if (!rule_at(state, at))
		return state->rule_end;
	if ((rule->cfa & 15) == CFA_NONE && !state->exact && !state->placed && !(state->seen & SEEN_CALL)) {
		if (unwind_follows_call(state->pc, false)) {
			unwind_note_seen(at, SEEN_CALL);
		} else {
			state->placed = true;
			if (!rule_at(state, state->pc))
				return state->rule_end;
			state->seen = 0;
		}
	}
	if (state->placed && !(rule->flags & (RULE_SIGNAL | RULE_OTHER_STACK)))
		return step_from_entry(state);
	if ((rule->cfa & 15) <= CFA_UNKNOWN)
		return step_without_rule(state);
	int end = step_by_rule(state, rule);
	return rule->flags & RULE_DERIVED && end != STEP_ON ? step_without_rule(state) : end;
}

/* Which of the thread's functions return to uretprobes. */
static __always_inline void find_returns(struct unwind_state *state)
{
	struct task_struct *task = state->task;

	state->trampoline = 0;
	state->returns = NULL;
	/* Not in kernels without uprobes. */
	if (!bpf_core_field_exists(struct task_struct, utask) || !bpf_core_field_exists(struct xol_area, vaddr))
		return;
	struct uprobe_task *probed = BPF_CORE_READ(task, utask);
	if (!probed)
		return;
	state->returns = BPF_CORE_READ(probed, return_instances);
	if (state->returns)
		state->trampoline = BPF_CORE_READ(task, mm, uprobes_state.xol_area, vaddr);
}

/* Begins at the user registers in the state; false (0) when it cannot. A function of its own, as unwind_frame is. */
__attribute__((noinline)) int unwind_begin(u32 pid)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);
	struct aperture_unwind_control *control = bpf_map_lookup_elem(&unwind_control, &zero);
	struct aperture_process *process = bpf_map_lookup_elem(&unwind_processes, &pid);

	if (!state || !control)
		return false;
	state->window = control->window;
	state->pid = pid;
	/* 0 while it is being read, too. */
	state->process = process ? process->id : 0;
	if (!process)
		want_process(pid, user_pc(&state->user));
	else if (process->window != state->window)
		process->window = state->window;
	state->mapping.end = 0;
	state->replaced = false;
	state->is_wanted = false;
	state->read_count = 0;
	state->piece_bytes = 0;
	state->scheduling = false;
	state->waits_for_own = false;
	state->sequence = mapping_sequence();
	state->found_room = found_room(&state->next_pc);
	state->search.found.end = 0;
	state->likely_vma = 0;
	state->exact = true;
	state->leaf = true;
	state->known = ALL_REGISTERS;
	state->pc = user_pc(&state->user);
	load_registers(state->registers, &state->user);
	find_returns(state);
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

/* Notes as the last frame why the walk ended before the thread's entry. */
static __always_inline void mark_cut(struct aperture_stack *stack, u32 end)
{
	u32 last = stack->length;

	if (last >= APERTURE_STACK_DEPTH)
		last = APERTURE_STACK_DEPTH - 1;
	stack->frames[last] = APERTURE_FRAME_FILE | end;
	stack->length = last + 1;
}

/* The parts of a stack. */
enum {
	PART_LEAF,
	PART_REST,
};

/*
 * Puts the frame that the walk is at into a part of its stack, as number `i`, and goes one up: STEP_ON, or how the walk ended.
 * A function of its own, as told above: as all are here that are not static.
 */
__attribute__((noinline)) int unwind_frame(u32 part, u64 i)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);

	if (!state || i >= APERTURE_STACK_DEPTH)
		return APERTURE_STACK_NO_PROCESS;
	/* In the state, as all functions that are under way at once have 512 bytes of stack. */
	state->frame_pc = state->pc;
	state->frame_exact = state->exact;
	state->frame_first = state->leaf;
	state->file = 0;
	int end = unwind_step(state);
	struct aperture_stack *stack = part == PART_LEAF ? &state->stack : &state->rest;
	state->leaf = false;
	/* Readers take one off all but the first, for return addresses point behind the call: not this one. */
	bool first = state->frame_first;
	bool behind = !first && (state->frame_exact || state->placed);
	stack->frames[i] = native_frame(state, state->frame_pc + behind);
	stack->length = i + 1;
	if (end != APERTURE_STACK_NO_MAPPING)
		return end;
	/* What was taken for a return address was none, or would be named by what is mapped there later. */
	if (!first || state->replaced)
		stack->length = i;
	return first && state->process == 0 ? APERTURE_STACK_NO_PROCESS : end;
}

/* Goes on with the walk and fills a part of its stack; how the walk ended, STEP_ON where the part is full. */
__attribute__((noinline)) int unwind_part(u32 part)
{
	for (u32 i = 0; i < APERTURE_STACK_DEPTH; i++) {
		int end = unwind_frame(part, i);
		if (end != STEP_ON)
			return end;
	}
	return STEP_ON;
}

/* Has the page loaded that word `i` of state->rest points into, if that is of the same code. A function of its own, too. */
__attribute__((noinline)) int unwind_want_word(u64 i)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);

	if (!state || i >= APERTURE_STACK_DEPTH)
		return 0;
	u64 word = state->rest.frames[i];
	if (word - state->code_start >= state->code_bytes)
		return 0;
	u32 page = (word - state->bias) >> 16;
	if (page == state->page_key.page)
		return 0;
	state->page_key.page = page;
	if (!bpf_map_lookup_elem(&unwind_pages, &state->page_key))
		want_page(&state->page_key);
	return 0;
}

/* So many times as many words of the stack are looked through as state->rest has frames: 4 KiB. */
#define STACK_PARTS 4

/*
 * Where a page was missed: has all pages loaded of the same code that words further up the stack point into. Most of
 * these are return addresses, and would be missed one a sample, each once the page before it is there. Uses state->rest. A
 * function of its own, as unwind_frame is.
 */
__attribute__((noinline)) int unwind_want_stack(void)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);

	if (!state)
		return 0;
	u64 at = state->registers[STACK_POINTER];
	for (u32 part = 0; part < STACK_PARTS; part++) {
		if (bpf_probe_read_user(state->rest.frames, sizeof(state->rest.frames), (void *)at))
			return 0;
		at += sizeof(state->rest.frames);
		for (u32 i = 0; i < APERTURE_STACK_DEPTH; i++)
			unwind_want_word(i);
	}
	return 0;
}

/* Walks from the state's registers into its stack; how that ended. */
static __always_inline int unwind_walk(u32 pid)
{
	int end;

	if (!unwind_begin(pid))
		return APERTURE_STACK_NO_PROCESS;
	end = unwind_part(PART_LEAF);
	if (end == STEP_ON)
		end = unwind_part(PART_REST);
	return end == STEP_ON ? APERTURE_STACK_DEPTH_REACHED : end;
}

#endif
