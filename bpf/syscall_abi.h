// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* System calls as all architectures have them: how calls are named, and how the kernel ends and restarts them. */
#ifndef __APERTURE_SYSCALL_ABI_H__
#define __APERTURE_SYSCALL_ABI_H__

#include "kernel.h"

#include "syscall.h"

/* No table of calls is longer, nor will be soon. */
#define MAX_CALLS 1024
/* restart_syscall of i386 and arm. */
#define NR_COMPAT_RESTART 0

/* include/linux/err.h */
#define MAX_ERRNO 4095
#define EINTR 4

/*
 * include/linux/errno.h: ends of an interrupted call that no program sees. What the program gets is decided when the
 * signal is delivered: the call again, or EINTR.
 */
#define ERESTARTSYS 512
#define ERESTARTNOINTR 513
#define ERESTARTNOHAND 514
#define ERESTART_RESTARTBLOCK 516

#define SA_RESTART 0x10000000

/* Whether a call of `abi` is one of a 32-bit program, with numbers and registers of its own. */
static __always_inline bool is_compat(u32 abi)
{
	return abi == APERTURE_ABI_IA32 || abi == APERTURE_ABI_AARCH32;
}

/* Whether the kernel goes on by this call with one that a signal interrupted. */
static __always_inline bool is_restart(u64 number, u32 abi)
{
	return number == (is_compat(abi) ? NR_COMPAT_RESTART : NR_RESTART);
}

/* `call` of the keys, without its source. */
static __always_inline u32 call_of(struct task_struct *task, u64 number, bool trusted)
{
	u32 abi = abi_of(task, number, trusted);

	if (abi == APERTURE_ABI_X32)
		number &= 0xffff;
	return abi << APERTURE_CALL_ABI_SHIFT | (number < MAX_CALLS ? number : APERTURE_CALL_INVALID);
}

/* Whether a signal ended a call that returned `result`, of which the program does not know yet. */
static __always_inline bool is_interrupted(long result)
{
	return result == -ERESTARTSYS || result == -ERESTARTNOINTR || result == -ERESTARTNOHAND ||
	       result == -ERESTART_RESTARTBLOCK;
}

/* Whether a call that ended with `result` fails with EINTR, once the handler of `action` has run. */
static __always_inline bool becomes_eintr(long result, const struct k_sigaction *action)
{
	if (result == -ERESTARTSYS)
		return !(action->sa.sa_flags & SA_RESTART);
	return result != -ERESTARTNOINTR;
}

#endif
