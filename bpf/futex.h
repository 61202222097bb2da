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
#define FUTEX_CMD_MASK 127

#define ETIMEDOUT 110

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

/* Whether a call that waits does so at a futex of its process alone; the newer calls are taken not to. */
static __always_inline bool is_private(struct pt_regs *regs, u64 number, u32 abi)
{
	return number != NR_FUTEX_WAITV && number != NR_FUTEX_WAIT &&
	       second_argument(regs, abi) & FUTEX_PRIVATE_FLAG;
}

/* Whether a signal ended a wait that returned `result`, be it called again or not. */
static __always_inline bool ended_by_signal(long result)
{
	return result == -EINTR || is_interrupted(result);
}

#endif
