// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Which processes are profiled. */
#ifndef __APERTURE_PROCESS_FILTER_H__
#define __APERTURE_PROCESS_FILTER_H__

#include "pid_namespace.h"

/* Only this process is profiled; 0 is all. */
const volatile u32 target_pid = 0;
/* This process is not profiled; 0 leaves out none. */
const volatile u32 excluded_pid = 0;

/*
 * Whether the process of number `pid` is to be profiled. One outside of the agent's namespace, which has number 0, is
 * wanted where there is no target, and is then counted as lost.
 */
static __always_inline bool is_wanted(u32 pid)
{
	if (target_pid)
		return pid == target_pid;
	return pid == 0 || pid != excluded_pid;
}

#endif
