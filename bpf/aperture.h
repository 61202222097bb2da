// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What the programs and the agent share: keys, values and counters of the maps. The agent's view of it is
 * agent/libbpf/layout.ts, which is compared with the BTF of each object when that is opened.
 */
#ifndef __APERTURE_H__
#define __APERTURE_H__

/* Frames of an entry. It is the kernel's own limit (kernel.perf_event_max_stack), unless somebody raised it. */
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
	/* Lost: a wait whose begin could not be noted, or who ended it. */
	APERTURE_LOSS_THREADS_MAP_FULL,
	APERTURE_LOSS_THREADS_MAP_BUSY,
	APERTURE_LOSS_CONTENTIONS_MAP_FULL,
	APERTURE_LOSS_CONTENTIONS_MAP_BUSY,
	/* Incomplete, or for a lock of the kernel lost: the program was interrupted by itself. */
	APERTURE_LOSS_PROGRAM_BUSY,
	/* System calls. Lost: the call is in no count. */
	APERTURE_LOSS_SYSCALLS_MAP_FULL,
	APERTURE_LOSS_SYSCALLS_MAP_BUSY,
	APERTURE_LOSS_SYSCALL_THREADS_FULL,
	APERTURE_LOSS_SYSCALL_END_MISSED,
	/* Incomplete: the call is counted, but not that it failed. */
	APERTURE_LOSS_SYSCALL_ERRORS_MAP_FULL,
	APERTURE_LOSS_SYSCALL_ERRORS_MAP_BUSY,
	APERTURE_LOSS_PYTHON_STACK_FAILED,
	APERTURE_LOSS_PYTHON_STACK_TRUNCATED,
	/* Incomplete: the wait or the hold is counted, but not for whom, or not where. */
	APERTURE_LOSS_PLACES_MAP_FULL,
	APERTURE_LOSS_PLACES_MAP_BUSY,
	APERTURE_LOSS_HOLDER_FORGOTTEN,
	APERTURE_LOSS_HOLDER_RACED,
	/* Lost: a part of what a wait took, or how long a lock was held. */
	APERTURE_LOSS_WAIT_SHARES_MAP_FULL,
	APERTURE_LOSS_HOLDS_MAP_FULL,
	APERTURE_LOSS_HOLDS_MAP_BUSY,
	/* Lost: what of a wait or a call that goes on was in the window. */
	APERTURE_LOSS_OPEN_MAP_FULL,
	/* Incomplete: the call is counted, but not that it was slow, or not on what. */
	APERTURE_LOSS_SLOW_MAP_FULL,
	APERTURE_LOSS_OBJECTS_MAP_FULL,
	APERTURE_LOSS_MAX,
};

/* The maps of a set, for the counts of their entries: the index in the map `filled`, with those of set b after set a's. */
enum aperture_filled {
	APERTURE_FILLED_COUNTS,
	APERTURE_FILLED_STACKS,
	APERTURE_FILLED_ERRORS,
	APERTURE_FILLED_SAMPLES,
	APERTURE_FILLED_PLACES,
	APERTURE_FILLED_HOLDS,
	APERTURE_FILLED_SLOW,
	APERTURE_FILLED_OBJECTS,
	APERTURE_FILLED_MAX,
};

/* What the frames of a stack are. */
enum aperture_stack_kind {
	APERTURE_STACK_NATIVE,
	APERTURE_STACK_PYTHON,
	/*
	 * The leaf's part of a native stack of more frames. The rest, towards the root, is an entry of its own, whose name has
	 * all bits the other way round: a stack has twice as many frames at most, and only deep ones need the room.
	 */
	APERTURE_STACK_DEEP,
	APERTURE_STACK_REST,
};

/*
 * A frame of a native stack is an address in the process, or, where the file is known, this bit with the file and the
 * address as the file's program headers count: that is the same in all processes, and still means something when they
 * are gone.
 */
#define APERTURE_FRAME_FILE (1ULL << 62)
#define APERTURE_FRAME_FILE_SHIFT 36
/* What a number of JavaScript holds beside an address of 36 bits. */
#define APERTURE_FRAME_FILES (1U << 17)

/*
 * Frames stand leaf first. The leaf's address is where it runs; the others' are return addresses, which point behind the
 * call: where no call is, as a signal interrupted the function or its address was put on the stack, one is added to it.
 * A walk that could not go on has a last frame of file 0, whose address is the enum aperture_stack_end that says why.
 */
struct aperture_stack {
	u32 length;
	/* enum aperture_stack_kind */
	u32 kind;
	u64 frames[APERTURE_STACK_DEPTH];
};
_Static_assert(sizeof(struct aperture_stack) == 1024, "the agent reads this layout");

/*
 * A frame of a Python stack has, from the lowest bit: whether the interpreter's loop was entered with this frame, so that
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
	/* PyThreadState: `thread_id` holds what user_thread_id() of arch/arch.h says of the thread. */
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
	/*
	 * Up to 3.10 a frame has a number, whose units are so many bytes, instead of a pointer to the instruction, and each
	 * frame is an entry of the loop; 0: since 3.11.
	 */
	u32 instruction_bytes;
	/* Where the C library has a thread's values, from the thread pointer on, and the key of the PyThreadState; 0: not known. */
	u32 thread_values;
	u32 thread_key;
};
_Static_assert(sizeof(struct aperture_python) == 80, "the agent writes this layout");

/*
 * How the walk along a user stack ended: the index in the map `stack_ends`; the names in lower case, without the
 * prefix, are those of Window.stacks in the agent.
 */
enum aperture_stack_end {
	/*
	 * At the thread's entry: its rule says that there is no caller, or its return address is 0, or, where there is no
	 * rule, its frame pointer.
	 */
	APERTURE_STACK_COMPLETE,
	/* Neither the process nor the file at its leaf was known yet; the stack is the leaf alone. */
	APERTURE_STACK_NO_PROCESS,
	/* Nothing that can be run is mapped where the last return address points, or a file that is not known yet. */
	APERTURE_STACK_NO_MAPPING,
	/* The page of the unwind table was not loaded yet. */
	APERTURE_STACK_NO_PAGE,
	/* No rule for the place, and its frame pointer leads nowhere. */
	APERTURE_STACK_NO_RULE,
	/* The rule needs a register that is not known any more. */
	APERTURE_STACK_NO_REGISTER,
	/* The stack's memory could not be read: it is paged out, or the address is wrong. */
	APERTURE_STACK_READ_FAULT,
	/* The caller's frame would not be above this one, or its address not one of user space. */
	APERTURE_STACK_BAD_FRAME,
	/* More frames than a stack holds. */
	APERTURE_STACK_DEPTH_REACHED,
	/* 32-bit code; the stack is the leaf alone. */
	APERTURE_STACK_OTHER_ABI,
	/* There is no unwinder, or it was interrupted by a program of the same object: the stack is the kernel's helper's. */
	APERTURE_STACK_HELPER,
	APERTURE_STACK_END_MAX,
};

/* How to get from a frame to its caller: see agent/unwind/rules.ts. */
struct aperture_rule {
	/* Low nibble a kind, high nibble a DWARF register. */
	u8 cfa;
	u8 frame_pointer;
	u8 return_address;
	u8 flags;
	s32 cfa_offset;
	s32 frame_pointer_offset;
	s16 return_address_offset;
	s16 cfa_add;
};
_Static_assert(sizeof(struct aperture_rule) == 16, "the agent writes this layout");

/* From `low` in its page to the next row's, `rule` holds: see agent/unwind/table.ts. */
struct aperture_row {
	u16 low;
	u16 rule;
};

/* Rows of one map of `unwind_chunks`: 1 MiB. */
#define APERTURE_CHUNK_ROWS 262144
#define APERTURE_RULES 16384

/* 64 KiB of the addresses of a file. */
struct aperture_page_key {
	u32 file;
	u32 page;
};

/* Where a page's rows are. */
struct aperture_page {
	u32 chunk;
	u32 first;
	/* 0 for a page without rules. */
	u32 count;
	/* When it was last used. */
	u32 window;
};

struct aperture_process {
	/* Names its mappings; another one after an exec, as it is another program. 0 while they are being read. */
	u32 id;
	/* When it was last seen. */
	u32 window;
};

/* The key of a trie: the address is big-endian, so that its high bits are compared first. */
struct aperture_mapping_key {
	u32 prefix_bits;
	u32 process;
	u64 address;
};

struct aperture_mapping {
	/* Less this, an address in the process is one of the file's program headers. */
	u64 bias;
	/* All of the mapping, of which a key of the trie is a part: up to the first address behind it. */
	u64 start;
	u64 end;
	/* Of `start` in the file, and the file's number there; 0: none, or not known until the kernel's own is seen. */
	u64 offset;
	u64 inode;
	/* 0 for what is no file, such as the code of a JIT. */
	u32 file;
	/* The file has no unwind table. */
	u32 tableless;
	/* It is the mapping of a file, whatever is known of that. */
	u32 of_file;
	/* By which sequence number of the process's mappings it was last found to be as the kernel has it. */
	u32 checked;
};
_Static_assert(sizeof(struct aperture_mapping) == 56, "the agent writes this layout");

/* A file, by what the kernel has of it at hand: another one, or the same with other contents, differs. */
struct aperture_file_key {
	u64 inode;
	u64 bytes;
	s64 modified;
	u32 device;
	u32 generation;
};

/* An executable program header. */
struct aperture_segment {
	u64 offset;
	u64 size;
	u64 address;
};

#define APERTURE_SEGMENTS 2

struct aperture_file {
	/* 0 for what is none that can be unwound or named. */
	u32 file;
	u32 tableless;
	struct aperture_segment segments[APERTURE_SEGMENTS];
};
_Static_assert(sizeof(struct aperture_file) == 56, "the agent writes this layout");

/* A layer of a container's image is some folders deep, and may be named by the 64 digits of a hash. */
#define APERTURE_PATH_DEPTH 20
#define APERTURE_NAME_BYTES 80

/* Where a file that is not known was seen. */
struct aperture_wanted_file {
	u64 address;
	u32 pid;
	/* Of names: that of the file, that of its folder, and so on up to the root of its file system; 0: there are more. */
	u32 depth;
	char names[APERTURE_PATH_DEPTH][APERTURE_NAME_BYTES];
};
_Static_assert(sizeof(struct aperture_wanted_file) == 1616, "the agent reads this layout");

struct aperture_unwind_control {
	/* Written by the agent: the current window. */
	u32 window;
	/* Changes whenever something was put on a list of what is wanted. */
	u32 wants;
	/* The file that the vDSO is known as; 0: there is none. */
	u32 vdso;
};

/* A stack is named by its hash, the key of the map of stacks; 0 is no stack. */
struct aperture_cpu_key {
	u64 user_stack;
	u64 kernel_stack;
	u64 python_stack;
	/* The process, in the agent's pid namespace. */
	u32 pid;
	/* The thread's name. */
	char comm[APERTURE_COMM_SIZE];
	/* See program_of(). */
	u32 program;
};
_Static_assert(sizeof(struct aperture_cpu_key) == 48, "the agent reads this layout");

#endif
