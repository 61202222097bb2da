// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The Python functions that a thread is in, from CPython's own structures. Where they lie differs between versions and
 * is told by the agent, which also makes names of what is read here.
 */
#ifndef __APERTURE_PYTHON_H__
#define __APERTURE_PYTHON_H__

#include "kernel.h"

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

/*
 * The PyThreadState of `task`, 0 when it has none. The list may change while it is read; then a thread is missed, or
 * one that is not there is looked at, which has another name.
 */
static __always_inline u64 find_python_thread(struct task_struct *task, const struct aperture_python *python)
{
	u64 self = user_thread_id(task);
	u64 thread = python->holder ? read_python_word(python->holder) : 0;
	u64 interpreter = 0;

	if (thread && read_python_word(thread + python->thread_id) == self)
		return thread;
	thread = own_python_thread(self, python);
	if (thread && read_python_word(thread + python->thread_id) == self)
		return thread;
	interpreter = read_python_word(python->interpreters);
	thread = 0;
	for (u32 i = 0; i < PYTHON_THREADS; i++) {
		if (thread) {
			if (read_python_word(thread + python->thread_id) == self)
				return thread;
			thread = read_python_word(thread + python->thread_next);
		} else {
			if (!interpreter)
				return 0;
			thread = read_python_word(interpreter + python->interpreter_threads);
			interpreter = read_python_word(interpreter + python->interpreter_next);
		}
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

/* Fills `stack` with the frames from `frame` outwards; says what was lost of them, APERTURE_LOSS_MAX for nothing. */
static __always_inline enum aperture_loss read_python_frames(const struct aperture_python *python, u64 frame,
							     struct aperture_stack *stack)
{
	for (u32 i = 0; i < PYTHON_STEPS; i++) {
		u8 mark = 0;
		u64 code = 0;
		u64 instruction = 0;

		if (!frame)
			return APERTURE_LOSS_MAX;
		if (stack->length >= APERTURE_STACK_DEPTH)
			break;
		if (bpf_probe_read_user(&mark, sizeof(mark), (void *)(frame + python->frame_mark)))
			return APERTURE_LOSS_PYTHON_STACK_FAILED;
		if (python->entry_owner && mark == python->entry_owner) {
			mark_python_entry(stack);
		} else {
			/* The lowest bits of a reference are no part of the address, since 3.14. */
			code = read_python_word(frame + python->frame_code) & ~7ULL;
			instruction = read_python_word(frame + python->frame_instruction);
			code = python_frame(python, code, instruction);
			if (python->instruction_bytes || (!python->entry_owner && mark))
				code |= APERTURE_PYTHON_ENTRY;
			push_python_frame(stack, code);
		}
		frame = read_python_word(frame + python->frame_previous);
	}
	return APERTURE_LOSS_PYTHON_STACK_TRUNCATED;
}

/* Fills `stack`, which is empty, if `pid` is a process of Python's; says what was lost, APERTURE_LOSS_MAX for nothing. */
static __always_inline enum aperture_loss collect_python_stack(struct task_struct *task, u32 pid,
							       struct aperture_stack *stack)
{
	const struct aperture_python *python = bpf_map_lookup_elem(&python_processes, &pid);
	u64 thread = 0;
	u64 frame = 0;

	if (!python)
		return APERTURE_LOSS_MAX;
	thread = find_python_thread(task, python);
	/* A thread that no Python code knows of. */
	if (!thread)
		return APERTURE_LOSS_MAX;
	frame = read_python_word(thread + python->thread_frame);
	if (python->has_cframe)
		frame = read_python_word(frame + python->cframe_frame);
	return read_python_frames(python, frame, stack);
}

#endif
