// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Walks that are known again. A thread that locks and unlocks comes to the same few places over and over. What a walk
 * finds there follows from its first registers and from the words of the thread's memory that it reads, so where these are
 * what they were, so is the stack: to read the words alone is far cheaper than to find the rules again.
 *
 * A walk is known as long as its set is counted into, as is what it was counted by. Code that is replaced meanwhile, under
 * the same return addresses, is taken for what it was.
 */
#ifndef __APERTURE_WALK_MEMO_H__
#define __APERTURE_WALK_MEMO_H__

#include "mix.h"
#include "user_stack.h"
#include "window.h"

const volatile bool notes_reads = true;

/*
 * So many walks are known on each CPU; a power of two. Each may be at two places: where two that come in turn had to be at
 * one, neither would ever be known.
 */
#define WALK_MEMOS 64

/*
 * Their words are close together, on the stack: where so many bytes have them all, they are read at once, which is far
 * cheaper than word by word. A power of two.
 */
#define WALK_SPAN 2048

/* Where a thread came into the kernel. */
struct walk_begin {
	u64 comm[APERTURE_COMM_SIZE / sizeof(u64)];
	u64 pc;
	u64 stack;
	u64 frame;
	u32 thread;
	/* The second argument, which is what is done at a futex: the same function may call for several things. */
	u32 operation;
};

struct walk_memo {
	struct walk_begin begin;
	/* Since when the set is counted into that this is of; 0 when there is nothing. */
	u64 set_ns;
	/* What the place is called in it. */
	u64 place;
	/* The words that the walk read, by their hash: as they were, and as they are now. */
	u64 words;
	u64 words_now;
	u64 read_count;
	/* What has them all: from where on, and so many bytes; 0 where that are too many. */
	u64 from;
	u64 span;
	/* Where in that each word is, in words: a line or two of memory, where `reads` are four times as many. */
	u16 offsets[WALK_READS];
	u64 reads[WALK_READS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WALK_MEMOS);
	__type(key, u32);
	__type(value, struct walk_memo);
} walk_memos SEC(".maps");

struct walk_span {
	u64 words[WALK_SPAN / sizeof(u64)];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct walk_span);
} walk_spans SEC(".maps");

/*
 * Finds out what has all words of a memo: they are above the stack pointer. Without branches by what the words are, of
 * which each doubles what the verifier looks at. A function of its own, as unwind_frame is.
 */
__attribute__((noinline)) int measure_span(u32 index)
{
	struct walk_memo *memo = bpf_map_lookup_elem(&walk_memos, &index);
	u64 bits = 0;

	if (!memo)
		return false;
	memo->from = memo->begin.stack;
	for (u32 i = 0; i < WALK_READS; i++) {
		if (i >= memo->read_count)
			break;
		u64 offset = memo->reads[i] - memo->from;
		memo->offsets[i] = offset / sizeof(u64);
		bits |= offset;
	}
	memo->span = 0;
	/* Together they have all bits of the highest, and no more bits than that. */
	if (bits < WALK_SPAN && !(bits & (sizeof(u64) - 1)))
		memo->span = bits + sizeof(u64);
	return true;
}

/* Hashes the words of a memo as they are now. A function of its own, as unwind_frame is. */
__attribute__((noinline)) int read_walk_words(u32 index)
{
	u32 zero = 0;
	struct walk_memo *memo = bpf_map_lookup_elem(&walk_memos, &index);
	struct walk_span *span = bpf_map_lookup_elem(&walk_spans, &zero);
	u64 hash = 0;

	if (!memo || !span)
		return false;
	u64 bytes = memo->span;
	u64 from = memo->from;
	if (bytes && (bytes > sizeof(span->words) || bpf_probe_read_user(span->words, bytes, (void *)from)))
		return false;
	u32 count = memo->read_count;
	if (bytes) {
		for (u32 i = 0; i < WALK_READS; i++) {
			if (i >= count)
				break;
			hash = mix(hash, span->words[memo->offsets[i] & (WALK_SPAN / sizeof(u64) - 1)]);
		}
	} else {
		for (u32 i = 0; i < WALK_READS; i++) {
			u64 word = 0;

			if (i >= count)
				break;
			if (bpf_probe_read_user(&word, sizeof(word), (void *)memo->reads[i]))
				return false;
			hash = mix(hash, word);
		}
	}
	memo->words_now = hash;
	return true;
}

/* Fills in where `task`, which is trusted_task() and has the number `tid`, came into the kernel with `regs`. */
static __always_inline void begin_at(struct walk_begin *begin, struct task_struct *task, u32 tid, struct pt_regs *regs)
{
	begin->pc = instruction_pointer(regs);
	begin->stack = stack_pointer(regs);
	begin->frame = frame_pointer(regs);
	begin->thread = tid;
	begin->operation = second_argument(regs, APERTURE_ABI_NATIVE);
	if (is_task_trusted()) {
		const u64 *comm = (void *)__builtin_preserve_access_index(&task->comm);
		begin->comm[0] = comm[0];
		begin->comm[1] = comm[1];
	} else {
		/* In one piece, which is cheaper than the helper for it. */
		BPF_CORE_READ_INTO(&begin->comm, task, comm);
	}
}

static __always_inline bool is_same_begin(const struct walk_begin *one, const struct walk_begin *other)
{
	return one->pc == other->pc && one->stack == other->stack && one->frame == other->frame &&
	       one->thread == other->thread && one->operation == other->operation &&
	       one->comm[0] == other->comm[0] && one->comm[1] == other->comm[1];
}

/* Where a walk that begins so is on this CPU, or beside it. */
static __always_inline u32 memo_index(const struct walk_begin *begin)
{
	u64 call = (u64)begin->operation << 32 | begin->thread;

	return mix(mix(mix(0, begin->pc), begin->stack), call) & (WALK_MEMOS - 1);
}

static __always_inline struct walk_memo *memo_beside(u32 *index)
{
	*index ^= 1;
	return bpf_map_lookup_elem(&walk_memos, index);
}

/* The place of a walk that would begin so and is known as long as `set` is counted into; 0 when none is. */
static __always_inline u64 recall_walk(const struct walk_begin *begin, u32 set)
{
	u32 index = memo_index(begin);
	struct walk_memo *memo = bpf_map_lookup_elem(&walk_memos, &index);
	const struct aperture_window *window = window_of(set);

	if (memo && !is_same_begin(&memo->begin, begin))
		memo = memo_beside(&index);
	if (!memo || !window || memo->set_ns != window->set_ns || !is_same_begin(&memo->begin, begin))
		return 0;
	if (!read_walk_words(index) || memo->words_now != memo->words)
		return 0;
	count_stack_end(APERTURE_STACK_COMPLETE);
	return memo->place;
}

/* Before a walk, so that what is left of an earlier one is not taken for it. */
static __always_inline void forget_reads(void)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);

	if (state)
		state->read_count = 0;
}

/* Keeps that the walk which was just made from `begin` has the name `place` as long as `set` is counted into. */
static __always_inline void remember_walk(const struct walk_begin *begin, u32 set, u64 place)
{
	u32 zero = 0;
	u32 index = memo_index(begin);
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);
	struct walk_memo *memo = bpf_map_lookup_elem(&walk_memos, &index);
	const struct aperture_window *window = window_of(set);

	if (!state || !memo || !window || state->read_count == 0 || state->read_count > WALK_READS)
		return;
	/* Another one that is known now stays. */
	if (memo->set_ns == window->set_ns && !is_same_begin(&memo->begin, begin)) {
		memo = memo_beside(&index);
		if (!memo)
			return;
	}
	memo->set_ns = 0;
	memo->begin = *begin;
	memo->read_count = state->read_count;
	bpf_probe_read_kernel(memo->reads, sizeof(memo->reads), state->reads);
	if (!measure_span(index) || !read_walk_words(index))
		return;
	memo->words = memo->words_now;
	memo->place = place;
	memo->set_ns = window->set_ns;
}

#endif
