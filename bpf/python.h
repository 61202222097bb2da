// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The Python functions that a thread is in, from CPython's own structures. Where they lie differs between versions and
 * is told by the agent, which also makes names of what is read here.
 */
#ifndef __APERTURE_PYTHON_H__
#define __APERTURE_PYTHON_H__

#include "kernel.h"
#include "window.h"

#include "aperture.h"

/* Interpreters and threads that are looked at for the one that runs, where the thread's own values do not tell. */
#define PYTHON_THREADS 64
/* Of glibc: values of threads are in blocks, each of which begins with a number of its own (PTHREAD_KEY_2NDLEVEL_SIZE). */
#define THREAD_VALUES 32
#define THREAD_VALUE_BYTES 16
/* Since 3.12 an entry is a frame of its own. */
#define PYTHON_STEPS (APERTURE_STACK_DEPTH + APERTURE_STACK_DEPTH / 2)
#define PYTHON_UNITS ((1ULL << APERTURE_PYTHON_UNIT_BITS) - 1)

/* By the process, in the agent's pid namespace. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, struct aperture_python);
} python_processes SEC(".maps");

/* 0 where nothing can be read, which is what a pointer to nothing is, too. */
static __always_inline u64 read_python_word(u64 address)
{
	u64 word = 0;

	bpf_probe_read_user(&word, sizeof(word), (void *)address);
	return word;
}

/* What the thread `self` keeps as its PyThreadState, as pthread_getspecific() would find it; 0 for none. */
static __always_inline u64 own_python_thread(u64 self, const struct aperture_python *python)
{
	u64 block;

	if (!python->thread_values)
		return 0;
	block = read_python_word(self + python->thread_values + python->thread_key / THREAD_VALUES * sizeof(u64));
	return block ? read_python_word(block + python->thread_key % THREAD_VALUES * THREAD_VALUE_BYTES + sizeof(u64)) : 0;
}

/* A walk along the frames of Python; one a CPU, as the kernel runs no perf_event program inside another. */
struct python_walk {
	struct aperture_python python;
	/* What user_thread_id() says of the thread. */
	u64 self;
	/* Of the lists that are gone through for it: what comes next. */
	u64 interpreter;
	u64 thread;
	/* The frame that is read next. */
	u64 frame;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct python_walk);
} python_walk SEC(".maps");

static __always_inline struct python_walk *python_walk_of_cpu(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&python_walk, &zero);
}

/* Goes to the next thread in the lists; whether it is at the one that is looked for, or at their end. A function of its own. */
__attribute__((noinline)) int python_next_thread(void)
{
	struct python_walk *walk = python_walk_of_cpu();

	if (!walk)
		return true;
	const struct aperture_python *python = &walk->python;
	if (walk->thread) {
		if (read_python_word(walk->thread + python->thread_id) == walk->self)
			return true;
		walk->thread = read_python_word(walk->thread + python->thread_next);
		return false;
	}
	if (!walk->interpreter)
		return true;
	walk->thread = read_python_word(walk->interpreter + python->interpreter_threads);
	walk->interpreter = read_python_word(walk->interpreter + python->interpreter_next);
	return false;
}

/*
 * The PyThreadState of the thread, 0 when it has none. The list may change while it is read; then a thread is missed, or
 * one that is not there is looked at, which has another name.
 */
static __always_inline u64 find_python_thread(struct python_walk *walk)
{
	const struct aperture_python *python = &walk->python;
	u64 self = walk->self;
	u64 thread = python->holder ? read_python_word(python->holder) : 0;

	if (thread && read_python_word(thread + python->thread_id) == self)
		return thread;
	thread = own_python_thread(self, python);
	if (thread && read_python_word(thread + python->thread_id) == self)
		return thread;
	walk->interpreter = read_python_word(python->interpreters);
	walk->thread = 0;
	for (u32 i = 0; i < PYTHON_THREADS; i++) {
		if (python_next_thread())
			return walk->thread;
	}
	return 0;
}

static __always_inline void push_python_frame(struct aperture_stack *stack, u64 frame)
{
	u32 length = stack->length;

	if (length >= APERTURE_STACK_DEPTH)
		return;
	stack->frames[length] = frame;
	stack->length = length + 1;
}

/* Notes that the loop was entered with the frame that was read last. */
static __always_inline void mark_python_entry(struct aperture_stack *stack)
{
	u32 last = stack->length - 1;

	if (last < APERTURE_STACK_DEPTH && !(stack->frames[last] & APERTURE_PYTHON_ENTRY))
		stack->frames[last] |= APERTURE_PYTHON_ENTRY;
	else
		push_python_frame(stack, APERTURE_PYTHON_ENTRY);
}

static __always_inline u64 python_frame(const struct aperture_python *python, u64 code, u64 instruction)
{
	/* The instruction before the first stands for a frame that has not begun. */
	u64 offset = python->instruction_bytes ? (s64)(s32)instruction * python->instruction_bytes :
						 instruction - code - python->code_instructions;
	u64 unit = (offset + 2) >> 1;

	if (unit > PYTHON_UNITS)
		unit = PYTHON_UNITS;
	return code >> 3 << APERTURE_PYTHON_CODE_SHIFT | unit << APERTURE_PYTHON_UNIT_SHIFT;
}

/* The walk goes on, or what was lost of it: APERTURE_LOSS_MAX for nothing. */
#define PYTHON_GOES_ON (-1)

/* Adds the frame that the walk is at, and goes on to the one outwards. A function of its own, as unwind_frame is. */
__attribute__((noinline)) int python_step(void)
{
	struct python_walk *walk = python_walk_of_cpu();
	struct aperture_stack *stack = spare_of(SPARE_PYTHON);
	u8 mark = 0;

	if (!walk || !stack)
		return APERTURE_LOSS_MAX;
	const struct aperture_python *python = &walk->python;
	u64 frame = walk->frame;
	if (!frame)
		return APERTURE_LOSS_MAX;
	if (stack->length >= APERTURE_STACK_DEPTH)
		return APERTURE_LOSS_PYTHON_STACK_TRUNCATED;
	if (bpf_probe_read_user(&mark, sizeof(mark), (void *)(frame + python->frame_mark)))
		return APERTURE_LOSS_PYTHON_STACK_FAILED;
	if (python->entry_owner && mark == python->entry_owner) {
		mark_python_entry(stack);
	} else {
		/* The lowest bits of a reference are no part of the address, since 3.14. */
		u64 code = read_python_word(frame + python->frame_code) & ~7ULL;
		u64 instruction = read_python_word(frame + python->frame_instruction);
		code = python_frame(python, code, instruction);
		if (python->instruction_bytes || (!python->entry_owner && mark))
			code |= APERTURE_PYTHON_ENTRY;
		push_python_frame(stack, code);
	}
	walk->frame = read_python_word(frame + python->frame_previous);
	return PYTHON_GOES_ON;
}

/* Fills the stack with the frames outwards; says what was lost of them, APERTURE_LOSS_MAX for nothing. */
static __always_inline u32 read_python_frames(void)
{
	for (u32 i = 0; i < PYTHON_STEPS; i++) {
		int lost = python_step();
		if (lost != PYTHON_GOES_ON)
			return lost;
	}
	return APERTURE_LOSS_PYTHON_STACK_TRUNCATED;
}

/*
 * Keeps the stack of the functions of Python that the current thread is in, if `pid` is a process of Python's; its name.
 * A function of its own.
 */
__attribute__((noinline)) u64 keep_python_stack(u32 pid, u32 set)
{
	const struct aperture_python *python = bpf_map_lookup_elem(&python_processes, &pid);
	struct aperture_stack *stack = spare_of(SPARE_PYTHON);
	struct python_walk *walk = python_walk_of_cpu();
	u64 thread = 0;

	if (!python || !stack || !walk)
		return 0;
	walk->python = *python;
	walk->self = user_thread_id((void *)bpf_get_current_task());
	thread = find_python_thread(walk);
	/* A thread that no Python code knows of. */
	if (!thread)
		return 0;
	stack->length = 0;
	stack->kind = APERTURE_STACK_PYTHON;
	walk->frame = read_python_word(thread + walk->python.thread_frame);
	if (walk->python.has_cframe)
		walk->frame = read_python_word(walk->frame + walk->python.cframe_frame);
	count_loss(read_python_frames());
	return keep_spare(set, SPARE_PYTHON);
}

#endif
