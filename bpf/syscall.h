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
	/* A socket whose other side is one: who reads waits for an answer, and not for something to do. */
	APERTURE_SOURCE_SERVER,
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
	u16 cpu;
	/* In the maps of errors, else 0. */
	u16 error;
	/* See program_of(). */
	u32 program;
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
	/*
	 * The errno of the first that failed, 0 where none did, and how many failed with it: most calls that fail, fail in one
	 * way. Others are in the map of errors.
	 */
	u32 error;
	u32 failed;
};
_Static_assert(sizeof(struct aperture_syscall_value) == 224, "the agent reads this layout");

struct aperture_syscall_sample_key {
	u64 user_stack;
	u64 comm[APERTURE_COMM_SIZE / sizeof(u64)];
	u32 pid;
	u32 call;
	u32 program;
	u32 reserved;
};
_Static_assert(sizeof(struct aperture_syscall_sample_key) == 40, "the agent reads this layout");

/* A call that did not end yet when a window did. */
struct aperture_open_call {
	/* `comm` is the name that the thread has now. */
	struct aperture_syscall_key key;
	u64 start_ns;
	/* When a signal interrupted it, while it is not known whether it goes on; else 0. */
	u64 end_ns;
	/* When the window began, of what ended before the agent looked. */
	u64 window_ns;
	/* In the kernel's numbers. */
	u32 tid;
	u32 reserved;
};
_Static_assert(sizeof(struct aperture_open_call) == 64, "the agent reads this layout");

struct aperture_syscall_sample {
	u64 latency_ns;
	u64 count;
};

/* Calls that took long, which ended; the object by its hash, 0 where there is none. */
struct aperture_slow_key {
	u64 comm[APERTURE_COMM_SIZE / sizeof(u64)];
	u32 pid;
	u32 call;
	u64 object;
	u32 program;
	u32 reserved;
};
_Static_assert(sizeof(struct aperture_slow_key) == 40, "the agent reads this layout");

struct aperture_slow_call {
	u64 count;
	/* From begin to end; on a CPU; waiting for locks of the kernel. In the rest they were blocked. */
	u64 total_ns;
	u64 on_cpu_ns;
	u64 in_lock_ns;
	u64 max_ns;
};
_Static_assert(sizeof(struct aperture_slow_call) == 40, "the agent reads this layout");

enum aperture_object_kind {
	APERTURE_OBJECT_NONE,
	APERTURE_OBJECT_PATH,
	/* What is in no folder: an eventfd, a file in memory. */
	APERTURE_OBJECT_NAME_ONLY,
	APERTURE_OBJECT_PIPE,
	APERTURE_OBJECT_IPV4,
	APERTURE_OBJECT_IPV6,
	APERTURE_OBJECT_UNIX,
	/* Of another family. */
	APERTURE_OBJECT_SOCKET,
};

/* So many names of a path are kept, from its end; what is longer is cut. A power of two. */
#define APERTURE_OBJECT_NAMES 16
#define APERTURE_OBJECT_NAME 40

/* What calls are made on. */
struct aperture_object {
	/* enum aperture_object_kind */
	u32 kind;
	/* Those of `name` that are used, the last of the path first. */
	u32 names;
	/* Of a socket: that of its peer, or where it has none its own, in the order of the machine. */
	u16 port;
	u16 own_port;
	u32 reserved;
	/* Of its peer; of IPv4 the first 4. */
	u8 address[16];
	char name[APERTURE_OBJECT_NAMES][APERTURE_OBJECT_NAME];
};
_Static_assert(sizeof(struct aperture_object) == 672, "the agent reads this layout");

#endif
