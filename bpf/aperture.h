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

/* How 32-bit code on a 64-bit kernel calls, and what a read that took long has read from: fields of `call` below. */
enum aperture_abi {
	APERTURE_ABI_NATIVE,
	APERTURE_ABI_IA32,
	APERTURE_ABI_X32,
	APERTURE_ABI_AARCH32,
};
#define APERTURE_CALL_ABI_SHIFT 16

enum aperture_source {
	APERTURE_SOURCE_FILE,
	APERTURE_SOURCE_PIPE,
	APERTURE_SOURCE_TERMINAL,
	APERTURE_SOURCE_SOCKET,
	APERTURE_SOURCE_EVENT,
};
#define APERTURE_CALL_SOURCE_SHIFT 24

/* The number of a call that no kernel has: all of those are one, so that a program cannot fill the maps with them. */
#define APERTURE_CALL_INVALID 0xffff

/*
 * What a call is counted by. With the CPU in the key no other CPU writes to the entry, as in a per-CPU map, but an
 * entry takes memory only for those CPUs that a thread ran on.
 */
struct aperture_syscall_key {
	/* The thread's name, when the call ends. */
	u64 comm[APERTURE_COMM_SIZE / sizeof(u64)];
	/* The process, in the agent's pid namespace. */
	u32 pid;
	/* Number, abi and source. */
	u32 call;
	u32 cpu;
	/* In the maps of errors, else 0. */
	u32 error;
};
_Static_assert(sizeof(struct aperture_syscall_key) == 32, "the agent reads this layout");

/* 2^48 ns are three days; what takes longer counts in the last. */
#define APERTURE_SYSCALL_BUCKETS 48

struct aperture_syscall_value {
	u64 total_ns;
	u64 min_ns;
	u64 max_ns;
	/* Calls that took from 2^i up to 2^(i+1) ns: they add up to the count. */
	u32 histogram[APERTURE_SYSCALL_BUCKETS];
};
_Static_assert(sizeof(struct aperture_syscall_value) == 216, "the agent reads this layout");

struct aperture_syscall_sample_key {
	u64 user_stack;
	u64 comm[APERTURE_COMM_SIZE / sizeof(u64)];
	u32 pid;
	u32 call;
};
_Static_assert(sizeof(struct aperture_syscall_sample_key) == 32, "the agent reads this layout");

struct aperture_syscall_sample {
	u64 latency_ns;
	u64 count;
};

#endif
