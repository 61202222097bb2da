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
	APERTURE_LOSS_MAX,
};

/* Leaf first. */
struct aperture_stack {
	u32 length;
	u32 reserved;
	u64 addresses[APERTURE_STACK_DEPTH];
};
_Static_assert(sizeof(struct aperture_stack) == 1024, "the agent reads this layout");

/* A stack is named by its hash, the key of the map of stacks; 0 is no stack. */
struct aperture_cpu_key {
	u64 user_stack;
	u64 kernel_stack;
	/* The process, in the agent's pid namespace. */
	u32 pid;
	/* The thread's name. */
	char comm[APERTURE_COMM_SIZE];
	u32 reserved;
};
_Static_assert(sizeof(struct aperture_cpu_key) == 40, "the agent reads this layout");

#endif
