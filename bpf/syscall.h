// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* What the program of system calls and the agent share; see aperture.h. */
#ifndef __APERTURE_SYSCALL_H__
#define __APERTURE_SYSCALL_H__

#include "aperture.h"

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
