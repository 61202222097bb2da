// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Which system calls wait at a futex, native and of 32-bit programs. */
#ifndef __APERTURE_FUTEX_H__
#define __APERTURE_FUTEX_H__

#include "syscall_abi.h"

/* i386 and arm agree on these. */
#define NR_COMPAT_FUTEX 240
#define NR_COMPAT_FUTEX_TIME64 422
/* The same everywhere; since 5.16, and since 6.7. */
#define NR_FUTEX_WAITV 449
#define NR_FUTEX_WAKE 454
#define NR_FUTEX_WAIT 455
#define NR_FUTEX_REQUEUE 456

/* include/uapi/linux/futex.h */
#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define FUTEX_REQUEUE 3
#define FUTEX_CMP_REQUEUE 4
#define FUTEX_WAKE_OP 5
#define FUTEX_LOCK_PI 6
#define FUTEX_UNLOCK_PI 7
#define FUTEX_WAIT_BITSET 9
#define FUTEX_WAKE_BITSET 10
#define FUTEX_WAIT_REQUEUE_PI 11
#define FUTEX_CMP_REQUEUE_PI 12
#define FUTEX_LOCK_PI2 13
#define FUTEX_PRIVATE_FLAG 128
#define FUTEX_CLOCK_REALTIME 256
#define FUTEX_CMD_MASK 127

/* What a thread waits at on its own stack is in a frame of the library that waits, or of its caller. */
#define NEAR_STACK_BYTES 4096

/* Set with the first futex call of a 32-bit program: before, nobody asks whether a read() is none. */
volatile bool has_compat;

/*
 * Whether a call of this number may be about a futex. `restart_syscall` goes on with a wait that a signal
 * interrupted; in 32-bit programs it has the number of the native read (x86) or io_setup (arm64).
 */
static __always_inline bool may_be_futex(u64 number)
{
	switch (number) {
	case NR_FUTEX:
	case NR_FUTEX_WAITV:
	case NR_FUTEX_WAKE:
	case NR_FUTEX_WAIT:
	case NR_FUTEX_REQUEUE:
	case NR_RESTART:
	case NR_EXIT:
	case NR_EXIT_GROUP:
	case NR_COMPAT_FUTEX:
	case NR_COMPAT_FUTEX_TIME64:
		return true;
	case NR_COMPAT_RESTART:
		return has_compat;
	}
	return false;
}

enum futex_call {
	FUTEX_CALL_OTHER,
	FUTEX_CALL_WAIT,
	FUTEX_CALL_WAKE,
	FUTEX_CALL_RESTART,
	/* Wakes who waits for the end of the thread, or for a robust mutex that it leaves behind. */
	FUTEX_CALL_EXIT,
};

/* What a call of which may_be_futex() is true does. */
static __always_inline enum futex_call futex_call(struct pt_regs *regs, u64 number, u32 abi)
{
	if (is_restart(number, abi))
		return FUTEX_CALL_RESTART;
	switch (number) {
	case NR_FUTEX_WAITV:
	case NR_FUTEX_WAIT:
		return FUTEX_CALL_WAIT;
	case NR_FUTEX_WAKE:
	case NR_FUTEX_REQUEUE:
		return FUTEX_CALL_WAKE;
	case NR_EXIT:
	case NR_EXIT_GROUP:
		/* Those of 32-bit programs have other numbers, and their ends are not seen. */
		return is_compat(abi) ? FUTEX_CALL_OTHER : FUTEX_CALL_EXIT;
	case NR_FUTEX:
		if (is_compat(abi))
			return FUTEX_CALL_OTHER;
		break;
	case NR_COMPAT_FUTEX:
	case NR_COMPAT_FUTEX_TIME64:
		if (!is_compat(abi))
			return FUTEX_CALL_OTHER;
		has_compat = true;
		break;
	default:
		/* The number of restart_syscall, with the other word size. */
		return FUTEX_CALL_OTHER;
	}
	switch (second_argument(regs, abi) & FUTEX_CMD_MASK) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
	case FUTEX_WAIT_REQUEUE_PI:
		return FUTEX_CALL_WAIT;
	case FUTEX_WAKE:
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
	case FUTEX_WAKE_OP:
	case FUTEX_UNLOCK_PI:
	case FUTEX_WAKE_BITSET:
	case FUTEX_CMP_REQUEUE_PI:
		return FUTEX_CALL_WAKE;
	}
	return FUTEX_CALL_OTHER;
}

/* Whether the call has its operation in an argument, as the older ones do. */
static __always_inline bool has_operation(u64 number)
{
	return number == NR_FUTEX || number == NR_COMPAT_FUTEX || number == NR_COMPAT_FUTEX_TIME64;
}

/* Whether a call is about a futex of its process alone; the newer calls are taken not to be. */
static __always_inline bool is_private(struct pt_regs *regs, u64 number, u32 abi)
{
	return has_operation(number) && second_argument(regs, abi) & FUTEX_PRIVATE_FLAG;
}

/* PTHREAD_RWLOCK_FUTEX_USED of glibc with the bit that is waited for, and READERS_WAITING of Rust's RwLock. */
#define GLIBC_RWLOCK_VALUE 3
#define RUST_READERS_WAITING (1U << 30)
/* PARKED of Rust's threads, which has that bit, too. */
#define RUST_PARKED 0xffffffffU

/* What the number that a wait expects at its futex tells of it; see enum aperture_hint. */
static __always_inline u32 hints_of_wait(struct pt_regs *regs, u64 number, u32 abi, u64 address)
{
	u32 flags = has_operation(number) ? second_argument(regs, abi) : 0;
	u32 operation = flags & FUTEX_CMD_MASK;
	u32 value = third_argument(regs);
	u32 hints = 0;

	if (operation == FUTEX_LOCK_PI || operation == FUTEX_LOCK_PI2)
		return APERTURE_HINT_PI;
	/* A thread's own stack grows down to where it is now. */
	if (address - stack_pointer(regs) < NEAR_STACK_BYTES)
		hints |= APERTURE_HINT_ON_STACK;
	if (number == NR_FUTEX_WAITV)
		return hints;
	/* glibc counts the time by the wall clock where the wait could end by a timeout. */
	if (flags & FUTEX_CLOCK_REALTIME ? value == GLIBC_RWLOCK_VALUE :
					   value & RUST_READERS_WAITING && value != RUST_PARKED)
		hints |= APERTURE_HINT_RWLOCK;
	if (value == 2 || (s32)value < -1)
		hints |= APERTURE_HINT_CONTENDED;
	return hints;
}

/* Whether a signal ended a wait that returned `result`, be it called again or not. */
static __always_inline bool ended_by_signal(long result)
{
	return result == -EINTR || is_interrupted(result);
}

#endif
