// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What the programs and the agent share: keys, values and counters of the maps. The agent's view of it is
 * agent/libbpf/layout.ts, which is compared with the BTF of each object when that is opened.
 */
#ifndef __APERTURE_H__
#define __APERTURE_H__

/* The kernel's own limit of frames (kernel.perf_event_max_stack), unless somebody raised it. */
#define APERTURE_STACK_DEPTH 127
#define APERTURE_COMM_SIZE 16

/*
 * Ways to lose a sample, and ways to know less about one. The index in the map `losses`; the names in lower case,
 * without the prefix, are those of Window.losses in the agent.
 */
enum aperture_loss {
	/* Lost: the sample is in no count. */
	APERTURE_LOSS_COUNTS_MAP_FULL,
	APERTURE_LOSS_COUNTS_MAP_BUSY,
	APERTURE_LOSS_OUTSIDE_PID_NAMESPACE,
	/* Incomplete: the sample is counted, but with no stack or not the whole of it. */
	APERTURE_LOSS_USER_STACK_FAILED,
	APERTURE_LOSS_USER_STACK_TRUNCATED,
	APERTURE_LOSS_KERNEL_STACK_FAILED,
	APERTURE_LOSS_KERNEL_STACK_TRUNCATED,
	APERTURE_LOSS_STACKS_MAP_FULL,
	APERTURE_LOSS_STACKS_MAP_BUSY,
	APERTURE_LOSS_PYTHON_STACK_FAILED,
	APERTURE_LOSS_PYTHON_STACK_TRUNCATED,
	APERTURE_LOSS_MAX,
};

/* What the words of a stack are. */
enum aperture_stack_kind {
	APERTURE_STACK_NATIVE,
	APERTURE_STACK_PYTHON,
};

/* Leaf first. */
struct aperture_stack {
	u32 length;
	/* enum aperture_stack_kind */
	u32 kind;
	u64 addresses[APERTURE_STACK_DEPTH];
};
_Static_assert(sizeof(struct aperture_stack) == 1024, "the agent reads this layout");

/*
 * A word of a Python stack, from the lowest bit: whether the interpreter's loop was entered with this frame, so that
 * its caller is in the native stack; 1 + the code unit that runs, all ones where that does not fit; the address of the
 * code object, which is a multiple of 8. A frame without a code object is a loop that was entered and has none yet.
 */
#define APERTURE_PYTHON_ENTRY 1
#define APERTURE_PYTHON_UNIT_SHIFT 1
#define APERTURE_PYTHON_UNIT_BITS 19
#define APERTURE_PYTHON_CODE_SHIFT 20

/* The value of the map `python_processes`: where CPython keeps its threads and frames, in bytes. */
struct aperture_python {
	/* Addresses of pointers: to the thread that holds the GIL, or held it last (0: not known); to the first interpreter. */
	u64 holder;
	u64 interpreters;
	/* PyInterpreterState */
	u32 interpreter_next;
	u32 interpreter_threads;
	/* PyThreadState: `thread_id` is the word that names the thread, see thread_word() in kernel.h. */
	u32 thread_next;
	u32 thread_id;
	u32 thread_frame;
	/* _PyCFrame, which stands between thread and frame up to 3.12. */
	u32 has_cframe;
	u32 cframe_frame;
	/* _PyInterpreterFrame: `frame_mark` is the byte that marks an entry. */
	u32 frame_code;
	u32 frame_previous;
	u32 frame_instruction;
	u32 frame_mark;
	/* What `frame_mark` is in a frame that stands for the entry itself (3.12 and later); 0: it is set in the frame that was entered with. */
	u32 entry_owner;
	/* PyCodeObject */
	u32 code_instructions;
	u32 reserved;
};
_Static_assert(sizeof(struct aperture_python) == 72, "the agent writes this layout");

/* A stack is named by its hash, the key of the map of stacks; 0 is no stack. */
struct aperture_cpu_key {
	u64 user_stack;
	u64 kernel_stack;
	u64 python_stack;
	/* The process, in the agent's pid namespace. */
	u32 pid;
	/* The thread's name. */
	char comm[APERTURE_COMM_SIZE];
	u32 reserved;
};
_Static_assert(sizeof(struct aperture_cpu_key) == 48, "the agent reads this layout");

#endif
