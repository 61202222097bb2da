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

/*
 * So many bytes of the stack are read at once, which is some frames: a read for each word costs more than the copy. A
 * power of two.
 */
#define STACK_PIECE 1024
/* Whether it is: a test compares these walks with those that read each word. */
const volatile bool use_pieces = true;
/* Registers are mostly saved next to the return address, towards the leaf: so many bytes of them. */
#define SAVED_BYTES 56

/* A walk; one a CPU for each object. What each frame needs is first, in as few lines of memory as that takes. */
struct unwind_state {
	/* By the number that a rule has for them, of this frame: see arch/arch.h. */
	u64 registers[REGISTERS];
	u64 pc;
	/* The caller's, while it is being found; and what else is read then. */
	u64 next_pc;
	u64 saved;
	/* Of the frame that the walk goes on from: its pc, and `exact` and `leaf` as they were. */
	u64 frame_pc;
	u32 frame_exact;
	u32 frame_first;
	/* Which of the registers are known: a bit each. */
	u32 known;
	/* The pc is not a return address, which points behind the call. */
	u32 exact;
	/* The first frame, whose registers are all known. */
	u32 leaf;
	/* No call left the pc on the stack: it is that of a trampoline, of makecontext() or where a handler returns to. */
	u32 placed;
	/* The file of this frame's code, 0 for none; less `bias`, its address is one of the file's program headers. */
	u64 bias;
	u32 file;
	u32 tableless;
	/* Of this frame's place; or why there is none. */
	struct aperture_rule rule;
	u32 rule_end;
	/* What was seen before in the code of this frame's place, of which walks of this window have found the rule. */
	u32 seen;
	/* See found_room(). */
	u32 found_room;
	u32 process;
	u32 window;
	/* It came by Go's scheduler, which looks for work; and by where that waits for the thread's own goroutine. */
	u32 scheduling;
	u32 waits_for_own;
	/* Of `reads`; more than WALK_READS where the walk went by something else, too. 0 where it came to no end. */
	u32 read_count;
	/* The piece of the stack that was read last: where it is, and how much. */
	u64 piece_from;
	u64 piece_bytes;
	/* Where uretprobes have functions return to, and the innermost one of these that the walk has not passed. */
	u64 trampoline;
	struct return_instance *returns;
	/* The last mapping that was found among those of the process; the next frame is mostly in the same one. */
	struct aperture_mapping mapping;
	/* See mapping_sequence(). */
	u32 sequence;
	u32 pid;
	/* Whose stack it is: the current thread, or one of its process that is in the kernel. */
	struct task_struct *task;
	u64 piece[STACK_PIECE / sizeof(u64)];
	/* What was walked so far: see APERTURE_STACK_DEEP. */
	struct aperture_stack stack;
	/* A walk is under way. */
	u32 busy;
	/* Of the frame that comes from another stack: see unwind_find_go_stack(). */
	u64 cfa;
	/* Where a page was missed: whether it is wanted anew, and what is mapped of that file there. */
	u32 is_wanted;
	u64 code_start;
	u64 code_bytes;
	/* The walk came by a mapping that is another one by now than the agent has read. */
	u32 replaced;
	/* The last mapping that was looked for in the kernel's own tree, and what it is, where that is known. */
	u32 vma_identified;
	u32 vma_file;
	u32 vma_tableless;
	u64 vma_bias;
	u32 vma_known;
	struct vma_search search;
	/* Of a vm_area_struct that may be that of the mapping which is looked for next; 0: none is known. */
	u64 likely_vma;
	/* Keys of maps, which are here as all functions of a walk together may have 512 bytes of stack. */
	struct aperture_mapping_key mapping_key;
	struct aperture_page_key page_key;
	struct aperture_file_key file_key;
	struct aperture_wanted_file wanted;
	bpf_user_pt_regs_t user;
	u64 reads[WALK_READS];
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

/* False where it was wanted before, and the agent has not looked since. */
static __always_inline bool want_page(const struct aperture_page_key *key)
{
	const u32 one = 1;

	if (bpf_map_update_elem(&unwind_wanted_pages, key, &one, BPF_NOEXIST))
		return false;
	note_want();
	return true;
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

/* Whether walks note what they go by, which is a store into another line of memory for each word: walk_memo.h needs it. */
extern const volatile bool notes_reads;

/* Notes that the walk goes by the word at `address`. */
static __always_inline void note_read(struct unwind_state *state, u64 address)
{
	u32 count = state->read_count;

	if (!notes_reads)
		return;
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

/*
 * Reads the piece of the stack that has the whole word at `address`: from this frame's end towards the leaf on, where it is
 * as near. It is all of one page, so that it can be read where that word can be. False (0) where that is not. A function of
 * its own, as unwind_frame is.
 */
__attribute__((noinline)) int unwind_read_piece(u64 address)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);

	if (!state)
		return false;
	u64 page = address & ~(PAGE_BYTES - 1);
	u64 from = state->registers[STACK_POINTER] & ~(sizeof(u64) - 1);
	if (address - from > STACK_PIECE - sizeof(u64))
		from = address - SAVED_BYTES;
	if (from < page)
		from = page;
	u64 bytes = page + PAGE_BYTES - from;
	if (bytes > STACK_PIECE)
		bytes = STACK_PIECE;
	state->piece_from = from;
	state->piece_bytes = bytes;
	if (bpf_probe_read_user(state->piece, bytes, (void *)from) == 0)
		return true;
	state->piece_bytes = 0;
	return false;
}

/* The same of a word of the stack, whose neighbours are wanted next. */
static __always_inline bool read_stack_word(struct unwind_state *state, u64 *word, u64 address)
{
	if (!use_pieces || address & (sizeof(u64) - 1))
		return read_word(state, word, address);
	note_read(state, address);
	if (address - state->piece_from >= state->piece_bytes && !unwind_read_piece(address))
		return false;
	*word = state->piece[(address - state->piece_from) / sizeof(u64) & (STACK_PIECE / sizeof(u64) - 1)];
	return true;
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
