// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Which system calls wait at a futex, native and of 32-bit programs. */
#ifndef __APERTURE_FUTEX_H__
#define __APERTURE_FUTEX_H__

#include "kernel.h"

/* arch/x86/entry/syscalls and include/uapi/asm-generic/unistd.h. */
#if defined(__TARGET_ARCH_x86)
#define NR_FUTEX 202
#define NR_RESTART 219
#elif defined(__TARGET_ARCH_arm64)
#define NR_FUTEX 98
#define NR_RESTART 128
#endif
/* i386 and arm agree on these. */
#define NR_COMPAT_RESTART 0
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

#define EINTR 4
#define ETIMEDOUT 110
/* include/linux/errno.h: what the kernel makes EINTR of, or calls again. */
#define ERESTARTSYS 512
#define ERESTARTNOINTR 513
#define ERESTARTNOHAND 514
#define ERESTART_RESTARTBLOCK 516

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

/* Whether the current system call is one of a 32-bit program. */
static __always_inline bool is_compat(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	/* TS_COMPAT of arch/x86/include/asm/thread_info.h */
	return BPF_CORE_READ(task, thread_info.status) & 2;
#elif defined(__TARGET_ARCH_arm64)
	/* TIF_32BIT of arch/arm64/include/asm/thread_info.h */
	return BPF_CORE_READ(task, thread_info.flags) >> 22 & 1;
#endif
}

/* Arguments of a call; those of 32-bit programs are in other registers on x86. */
#if defined(__TARGET_ARCH_x86)
static __always_inline u64 first_argument(struct pt_regs *regs, bool compat)
{
	return compat ? (u32)BPF_CORE_READ(regs, bx) : BPF_CORE_READ(regs, di);
}

static __always_inline u32 second_argument(struct pt_regs *regs, bool compat)
{
	return compat ? BPF_CORE_READ(regs, cx) : BPF_CORE_READ(regs, si);
}
#elif defined(__TARGET_ARCH_arm64)
static __always_inline u64 first_argument(struct pt_regs *regs, bool compat)
{
	u64 value = BPF_CORE_READ(regs, regs[0]);

	return compat ? (u32)value : value;
}

static __always_inline u32 second_argument(struct pt_regs *regs, bool compat __attribute__((unused)))
{
	return BPF_CORE_READ(regs, regs[1]);
}
#endif

/* The call that these registers made. */
static __always_inline u32 call_number(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	return BPF_CORE_READ(regs, orig_ax);
#elif defined(__TARGET_ARCH_arm64)
	return BPF_CORE_READ(regs, syscallno);
#endif
}

enum futex_call {
	FUTEX_CALL_OTHER,
	FUTEX_CALL_WAIT,
	FUTEX_CALL_WAKE,
	FUTEX_CALL_RESTART,
};

/* What a call of which may_be_futex() is true does. */
static __always_inline enum futex_call futex_call(struct pt_regs *regs, u64 number, bool compat)
{
	switch (number) {
	case NR_FUTEX_WAITV:
	case NR_FUTEX_WAIT:
		return FUTEX_CALL_WAIT;
	case NR_FUTEX_WAKE:
	case NR_FUTEX_REQUEUE:
		return FUTEX_CALL_WAKE;
	case NR_RESTART:
		return compat ? FUTEX_CALL_OTHER : FUTEX_CALL_RESTART;
	case NR_COMPAT_RESTART:
		return compat ? FUTEX_CALL_RESTART : FUTEX_CALL_OTHER;
	case NR_FUTEX:
		if (compat)
			return FUTEX_CALL_OTHER;
		break;
	case NR_COMPAT_FUTEX:
	case NR_COMPAT_FUTEX_TIME64:
		if (!compat)
			return FUTEX_CALL_OTHER;
		has_compat = true;
		break;
	}
	switch (second_argument(regs, compat) & FUTEX_CMD_MASK) {
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
static __always_inline bool is_private(struct pt_regs *regs, u64 number, bool compat)
{
	return number != NR_FUTEX_WAITV && number != NR_FUTEX_WAIT &&
	       second_argument(regs, compat) & FUTEX_PRIVATE_FLAG;
}

/* Whether a signal ended a call that returned `result`, be it called again or not. */
static __always_inline bool was_interrupted(long result)
{
	return result == -EINTR || result == -ERESTARTSYS || result == -ERESTARTNOINTR ||
	       result == -ERESTARTNOHAND || result == -ERESTART_RESTARTBLOCK;
}

#endif
