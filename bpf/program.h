// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Which program a process runs: it may be another one before a window ends. */
#ifndef __APERTURE_PROGRAM_H__
#define __APERTURE_PROGRAM_H__

#include "kernel.h"

/*
 * A number of the program that `task` runs. /proc/PID/stat tells what it is made of, so that who reads
 * the path there knows whose it is. execve chooses these at random; a fork's are its parent's, whose program it runs. 0
 * where there is none: in a thread of the kernel, and within execve, until that has the new program in place. The kernel
 * vouches for what `task` points to when `trusted`, so that it can be read without a helper.
 */
static __always_inline u32 program_of(struct task_struct *task, bool trusted)
{
	struct mm_struct *mm = trusted ? task->mm : BPF_CORE_READ(task, mm);
	u64 stack = 0;
	u64 code = 0;

	if (mm) {
		stack = trusted ? mm->start_stack : BPF_CORE_READ(mm, start_stack);
		code = trusted ? mm->end_code : BPF_CORE_READ(mm, end_code);
	}

	/* execve sets both at its end. */
	if (!stack || !code)
		return 0;
	/* agent/metadata/program.ts does the same. */
	return ((u32)(stack >> 4) * 0x9e3779b1U ^ (u32)code) ?: 1;
}

#endif
