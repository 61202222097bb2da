// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Walks along a user stack by the rules of .eh_frame, and by frame pointers where there is none.
 *
 * One step is a function of its own, not static: the verifier takes such a one for what it is, once, instead of in each
 * turn of the loop that calls it. So the loop is cheap for the verifiers of all kernels since 5.6, in programs of every
 * type, without tail calls. Such a function can take numbers only (before 5.13), so it finds its state in a map.
 */
#ifndef __APERTURE_UNWIND_H__
#define __APERTURE_UNWIND_H__

#include "unwind_maps.h"
#include "vma.h"

#include <bpf/bpf_endian.h>

/* Kinds of agent/unwind/rules.ts. */
enum {
	CFA_NONE,
	CFA_UNKNOWN,
	CFA_REGISTER,
	CFA_DEREF,
	CFA_INDEXED,
	CFA_PLT,
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

/* DWARF numbers of amd64. */
#define FRAME_POINTER 6
#define STACK_POINTER 7
#define REGISTERS 16
#define ALL_REGISTERS 0xffff

/* Of struct ucontext: what the interrupted code had, after 40 bytes of its own (struct sigcontext, 64 bits). */
#define UCONTEXT_BP 120
#define UCONTEXT_SP 160
#define UCONTEXT_IP 168

/* Steps that find a row among the most that a page can have. */
#define SEARCH_STEPS 16
/* The frame of one function is smaller; what a frame pointer points to beyond it is no frame. */
#define MAX_FRAME_BYTES (16 << 20)
/* The upper end of user space with five levels of page tables. */
#define USER_END (1ULL << 56)

/* A walk; one a CPU for each object. */
struct unwind_state {
	u64 pc;
	/* By DWARF number, of this frame. */
	u64 registers[REGISTERS];
	/* Which of them are known: a bit each. */
	u32 known;
	/* The pc is not a return address, which points behind the call. */
	u32 exact;
	u32 pid;
	u32 process;
	u32 window;
	/* A walk is under way. */
	u32 busy;
	/* The caller's, while it is being found. */
	u64 next_pc;
	/* The file of this frame's code, 0 for none; less `bias`, its address is one of the file's program headers. */
	u64 bias;
	u32 file;
	u32 tableless;
	/* The last mapping that was looked for in the kernel's own tree, and what it is, where that is known. */
	struct vma_search search;
	u64 vma_bias;
	u32 vma_file;
	u32 vma_tableless;
	u32 vma_known;
	struct aperture_wanted_file wanted;
	bpf_user_pt_regs_t user;
	/* What was walked so far. */
	struct aperture_stack stack;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct unwind_state);
} unwind_state SEC(".maps");

/* Going on is no end. */
#define STEP_ON (-1)

static __always_inline void note_want(void)
{
	u32 zero = 0;
	struct aperture_unwind_control *control = bpf_map_lookup_elem(&unwind_control, &zero);

	/* Two at once may add one: that it is another number is all that matters. */
	if (control)
		*(volatile u32 *)&control->wants = control->wants + 1;
}

static __always_inline void want_process(u32 pid, u64 pc)
{
	if (bpf_map_update_elem(&unwind_wanted_processes, &pid, &pc, BPF_NOEXIST) == 0)
		note_want();
}

static __always_inline void want_page(const struct aperture_page_key *key)
{
	const u32 one = 1;

	if (bpf_map_update_elem(&unwind_wanted_pages, key, &one, BPF_NOEXIST) == 0)
		note_want();
}

/* Puts `file` on the list, with its path: its process may be gone when that is read. */
static __always_inline void want_file(struct unwind_state *state, const struct aperture_file_key *key, u64 address)
{
	struct aperture_wanted_file *wanted = &state->wanted;
	struct file *file = (void *)state->search.found.file;

	if (bpf_map_lookup_elem(&unwind_wanted_files, key))
		return;
	wanted->address = address;
	wanted->pid = state->pid;
	read_path(wanted, file);
	if (bpf_map_update_elem(&unwind_wanted_files, key, wanted, BPF_NOEXIST) == 0)
		note_want();
}

static __always_inline bool read_word(u64 *word, u64 address)
{
	return bpf_probe_read_user(word, sizeof(*word), (void *)address) == 0;
}

static __always_inline bool known(const struct unwind_state *state, u32 reg)
{
	return state->known >> (reg & (REGISTERS - 1)) & 1;
}

static __always_inline u64 value_of(const struct unwind_state *state, u32 reg)
{
	return state->registers[reg & (REGISTERS - 1)];
}

/* The rule that holds at `address` of a file; negative when its page is not there. */
static __always_inline s32 find_rule(const struct unwind_state *state, u32 file, u64 address)
{
	struct aperture_page_key key = { .file = file, .page = address >> 16 };
	struct aperture_page *page = bpf_map_lookup_elem(&unwind_pages, &key);
	u32 zero = 0;

	if (!page) {
		want_page(&key);
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

/* The frame above is `cfa`, and it called from next_pc. */
static __always_inline int go_on(struct unwind_state *state, u64 cfa, bool exact)
{
	if (state->next_pc == 0)
		return APERTURE_STACK_COMPLETE;
	if (state->next_pc >= USER_END)
		return APERTURE_STACK_BAD_FRAME;
	state->registers[STACK_POINTER] = cfa;
	state->pc = state->next_pc;
	state->exact = exact;
	return STEP_ON;
}

/*
 * Whether a handler returns here, by the code itself: `mov $15, %rax; syscall`, which debuggers know it by, too. glibc
 * has a rule for its own; musl and Go have none.
 */
static __always_inline bool is_signal_return(u64 pc)
{
	u64 code = 0;
	u8 last = 0;

	return read_word(&code, pc) && code == 0x0f0000000fc0c748ULL &&
	       bpf_probe_read_user(&last, sizeof(last), (void *)(pc + sizeof(code))) == 0 && last == 0x05;
}

/* To what the signal interrupted, by what the kernel keeps on the stack: struct ucontext of asm-generic/ucontext.h. */
static __always_inline int step_over_signal(struct unwind_state *state)
{
	u64 context = state->registers[STACK_POINTER];
	u64 stack = 0;

	if (!read_word(&state->next_pc, context + UCONTEXT_IP) || !read_word(&stack, context + UCONTEXT_SP) ||
	    !read_word(&state->registers[FRAME_POINTER], context + UCONTEXT_BP))
		return APERTURE_STACK_READ_FAULT;
	state->known = 1 << FRAME_POINTER | 1 << STACK_POINTER;
	return go_on(state, stack, true);
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
	if (!read_word(&state->next_pc, frame + 8) || !read_word(&state->registers[FRAME_POINTER], frame))
		return APERTURE_STACK_NO_RULE;
	state->known = 1 << FRAME_POINTER | 1 << STACK_POINTER;
	return go_on(state, frame + 16, false);
}

/* The canonical frame address; false when it cannot be had, and *end is then why. */
static __always_inline bool find_cfa(const struct unwind_state *state, const struct aperture_rule *rule, u64 *cfa,
				     int *end)
{
	u32 kind = rule->cfa & 15;
	u32 reg = rule->cfa >> 4;
	u64 value = value_of(state, reg);

	if (!known(state, reg)) {
		*end = APERTURE_STACK_NO_REGISTER;
		return false;
	}
	if (kind == CFA_INDEXED)
		value = value * 8 + state->registers[STACK_POINTER];
	if (kind == CFA_PLT)
		value = state->registers[STACK_POINTER] + ((state->pc & 15) >= (u64)rule->cfa_add ? 8 : 0);
	value += (s64)rule->cfa_offset;
	if (kind == CFA_DEREF || kind == CFA_INDEXED) {
		if (!read_word(&value, value)) {
			*end = APERTURE_STACK_READ_FAULT;
			return false;
		}
		value += (s64)rule->cfa_add;
	}
	*cfa = value;
	return true;
}

/* What the caller has in a register, or its pc; false when that cannot be known. */
static __always_inline bool find_saved(const struct unwind_state *state, u8 how, s64 offset, u64 cfa, u64 *value)
{
	u32 kind = how & 15;
	u32 reg = how >> 4;
	u64 base = kind == SAVED_AT_CFA || kind == SAVED_IS_CFA ? cfa : value_of(state, reg);

	if ((kind == SAVED_AT_REGISTER || kind == SAVED_IN_REGISTER) && !known(state, reg))
		return false;
	if (kind == SAVED_IN_REGISTER || kind == SAVED_IS_CFA) {
		*value = base + offset;
		return true;
	}
	return read_word(value, base + offset);
}

static __always_inline int step_by_rule(struct unwind_state *state, const struct aperture_rule *rule)
{
	u64 cfa = 0;
	int end = APERTURE_STACK_READ_FAULT;
	bool signal = rule->flags & RULE_SIGNAL;
	u32 kind = rule->frame_pointer & 15;
	u64 frame = state->registers[FRAME_POINTER];
	u32 has_frame = state->known & 1 << FRAME_POINTER;

	if ((rule->return_address & 15) == SAVED_UNDEFINED)
		return APERTURE_STACK_COMPLETE;
	if (!find_cfa(state, rule, &cfa, &end))
		return end;
	/* A handler may run on a stack of its own. */
	if (!signal && cfa <= state->registers[STACK_POINTER])
		return APERTURE_STACK_BAD_FRAME;
	if (!find_saved(state, rule->return_address, rule->return_address_offset, cfa, &state->next_pc))
		return APERTURE_STACK_READ_FAULT;
	if (kind != SAVED_SAME) {
		has_frame = 0;
		if (kind != SAVED_UNDEFINED && find_saved(state, rule->frame_pointer, rule->frame_pointer_offset, cfa, &frame))
			has_frame = 1 << FRAME_POINTER;
	}
	state->registers[FRAME_POINTER] = frame;
	state->known = has_frame | 1 << STACK_POINTER;
	return go_on(state, cfa, signal);
}

/* What is mapped at `address` in a process that the agent has read. */
static __always_inline bool find_in_process(struct unwind_state *state, u64 address)
{
	struct aperture_mapping_key key = {
		.prefix_bits = 96, .process = state->process, .address = bpf_cpu_to_be64(address)
	};
	struct aperture_mapping *mapping = state->process ? bpf_map_lookup_elem(&unwind_mappings, &key) : NULL;

	if (!mapping)
		return false;
	state->bias = mapping->bias;
	state->file = mapping->file;
	state->tableless = mapping->tableless;
	return true;
}

/* What the mapping in state->search is of. */
static __always_inline void identify_vma(struct unwind_state *state, struct mm_struct *mm, u64 address)
{
	struct vma *vma = &state->search.found;
	struct aperture_file_key key = {};

	state->vma_known = true;
	state->vma_file = 0;
	state->vma_tableless = false;
	state->vma_bias = vma->start;
	if (vma->file == 0) {
#if defined(__TARGET_ARCH_x86)
		u32 zero = 0;
		struct aperture_unwind_control *control = bpf_map_lookup_elem(&unwind_control, &zero);
		if (control && vma->start == (u64)BPF_CORE_READ(mm, context.vdso))
			state->vma_file = control->vdso;
#endif
		return;
	}
	read_file_key(&key, (struct file *)vma->file);
	struct aperture_file *file = bpf_map_lookup_elem(&unwind_files, &key);
	if (!file) {
		state->vma_known = false;
		want_file(state, &key, address);
		return;
	}
	for (u32 i = 0; i < APERTURE_SEGMENTS; i++) {
		struct aperture_segment *segment = &file->segments[i];
		/* The kernel maps whole pages. */
		u64 first = segment->offset & ~(PAGE_BYTES - 1);
		u64 end = (segment->offset + segment->size + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
		if (segment->size == 0 || vma->offset < first || vma->offset >= end)
			continue;
		state->vma_file = file->file;
		state->vma_tableless = file->tableless;
		state->vma_bias = vma->start - (vma->offset - segment->offset + segment->address);
		return;
	}
}

/*
 * What is mapped at `address` by the kernel's own account; false (0) when that is not known. A function of its own, as
 * unwind_step is.
 */
__attribute__((noinline)) int unwind_find_vma(u64 address)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);

	if (!state)
		return false;
	struct vma *vma = &state->search.found;
	if (address < vma->start || address >= vma->end) {
		struct task_struct *task = (void *)bpf_get_current_task();
		struct mm_struct *mm = BPF_CORE_READ(task, mm);
		if (!mm || !find_vma(&state->search, mm, address)) {
			vma->end = 0;
			return false;
		}
		identify_vma(state, mm, address);
	}
	if (!state->vma_known)
		return false;
	state->bias = state->vma_bias;
	state->file = state->vma_file;
	state->tableless = state->vma_tableless;
	return true;
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
	bpf_user_pt_regs_t *user = &state->user;

	if (!control)
		return false;
	state->window = control->window;
	state->pid = pid;
	/* 0 while it is being read, too. */
	state->process = process ? process->id : 0;
	if (!process)
		want_process(pid, user->ip);
	else if (process->window != state->window)
		process->window = state->window;
	state->search.found.end = 0;
	state->exact = true;
	state->known = ALL_REGISTERS;
	state->pc = user->ip;
	state->registers[0] = user->ax;
	state->registers[1] = user->dx;
	state->registers[2] = user->cx;
	state->registers[3] = user->bx;
	state->registers[4] = user->si;
	state->registers[5] = user->di;
	state->registers[FRAME_POINTER] = user->bp;
	state->registers[STACK_POINTER] = user->sp;
	state->registers[8] = user->r8;
	state->registers[9] = user->r9;
	state->registers[10] = user->r10;
	state->registers[11] = user->r11;
	state->registers[12] = user->r12;
	state->registers[13] = user->r13;
	state->registers[14] = user->r14;
	state->registers[15] = user->r15;
	return true;
}

/* See APERTURE_WORD_FILE. */
static __always_inline u64 frame_word(const struct unwind_state *state, u64 pc)
{
	u64 address = pc - state->bias;

	if (state->file == 0 || state->file >= APERTURE_WORD_FILES || address >> APERTURE_WORD_FILE_SHIFT)
		return pc;
	return APERTURE_WORD_FILE | (u64)state->file << APERTURE_WORD_FILE_SHIFT | address;
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
		stack->addresses[i] = frame_word(state, pc);
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
