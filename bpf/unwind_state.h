// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A walk under way, and what it asks the agent for. */
#ifndef __APERTURE_UNWIND_STATE_H__
#define __APERTURE_UNWIND_STATE_H__

#include "unwind_maps.h"
#include "vma.h"

/*
 * Where the walk has read what it goes by, for walk_memo.h: the words of the thread's memory which together with the first
 * registers make it what it is. More of them are not noted.
 */
#define WALK_READS 64

/* A walk; one a CPU for each object. */
struct unwind_state {
	u64 pc;
	/* By the number that a rule has for them, of this frame: see arch/arch.h. */
	u64 registers[REGISTERS];
	/* Which of them are known: a bit each. */
	u32 known;
	/* The pc is not a return address, which points behind the call. */
	u32 exact;
	/* The first frame, whose registers are all known. */
	u32 leaf;
	/* No call left the pc on the stack: it is that of a trampoline, of makecontext() or where a handler returns to. */
	u32 placed;
	/* Of the frame that the walk goes on from: its pc, and `exact` and `leaf` as they were. */
	u64 frame_pc;
	u32 frame_exact;
	u32 frame_first;
	u32 pid;
	u32 process;
	u32 window;
	/* A walk is under way. */
	u32 busy;
	/* Whose stack it is: the current thread, or one of its process that is in the kernel. */
	struct task_struct *task;
	/* The caller's, while it is being found. */
	u64 next_pc;
	/* Where uretprobes have functions return to, and the innermost one of these that the walk has not passed. */
	u64 trampoline;
	struct return_instance *returns;
	/* The file of this frame's code, 0 for none; less `bias`, its address is one of the file's program headers. */
	u64 bias;
	u32 file;
	u32 tableless;
	/* Where a page was missed: what is mapped of that file there. */
	u64 code_start;
	u64 code_bytes;
	/* The last mapping that was found among those of the process; the next frame is mostly in the same one. */
	struct aperture_mapping mapping;
	/* See mapping_sequence(). */
	u32 sequence;
	u32 vma_identified;
	/* It came by Go's scheduler, which looks for work; and by where that waits for the thread's own goroutine. */
	u32 scheduling;
	u32 waits_for_own;
	/* The walk came by a mapping that is another one by now than the agent has read. */
	u32 replaced;
	/* The last mapping that was looked for in the kernel's own tree, and what it is, where that is known. */
	struct vma_search search;
	u64 vma_bias;
	u32 vma_file;
	u32 vma_tableless;
	u32 vma_known;
	/* Keys of maps, which are here as all functions of a walk together may have 512 bytes of stack. */
	struct aperture_mapping_key mapping_key;
	struct aperture_page_key page_key;
	struct aperture_file_key file_key;
	struct aperture_wanted_file wanted;
	bpf_user_pt_regs_t user;
	/* Of `reads`; more than WALK_READS where the walk went by something else, too. 0 where it came to no end. */
	u32 read_count;
	u64 reads[WALK_READS];
	/* What was walked so far: see APERTURE_STACK_DEEP. */
	struct aperture_stack stack;
	struct aperture_stack rest;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct unwind_state);
} unwind_state SEC(".maps");

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

/* Notes that the walk goes by the word at `address`. */
static __always_inline void note_read(struct unwind_state *state, u64 address)
{
	u32 count = state->read_count;

	state->reads[count & (WALK_READS - 1)] = address;
	state->read_count = count + 1;
}

/* Notes that it goes by more than its words and the pc, stack pointer and frame pointer that it began with. */
static __always_inline void note_other_source(struct unwind_state *state)
{
	state->read_count = WALK_READS + 1;
}

/* The same, where it goes by what `reg` holds and that is none of these. */
static __always_inline void note_register(struct unwind_state *state, u32 reg)
{
	if (reg != STACK_POINTER && reg != FRAME_POINTER)
		note_other_source(state);
}

static __always_inline bool read_word(struct unwind_state *state, u64 *word, u64 address)
{
	note_read(state, address);
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

#endif
