// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Which processes are profiled. */
#ifndef __APERTURE_PROCESS_FILTER_H__
#define __APERTURE_PROCESS_FILTER_H__

#include "pid_namespace.h"

/* Only this process is profiled; 0 is all. */
const volatile u32 target_pid = 0;
/* This process is not profiled; 0 leaves out none. */
const volatile u32 excluded_pid = 0;

/* Instead of one process, all that descend from this one, but not itself; 0 is none. */
const volatile u32 target_ancestor = 0;

/* Deeper trees of processes than this are not looked through to their root. */
#define MAX_ANCESTORS 24

/* Whether the process of `task` descends from `target_ancestor`. */
static __noinline bool descends(struct task_struct *task)
{
	if (!task)
		return false;
	struct task_struct *at = BPF_CORE_READ(task, group_leader);
	for (u32 i = 0; i < MAX_ANCESTORS; i++) {
		at = BPF_CORE_READ(at, real_parent, group_leader);
		u32 pid = pid_namespace ? pid_in_namespace(at, pid_namespace) : (u32)BPF_CORE_READ(at, pid);
		if (pid == target_ancestor)
			return true;
		/* The first process of all is its own parent. */
		if (pid <= 1 && !pid_namespace)
			return false;
	}
	return false;
}

/*
 * Whether the process of number `pid` is to be profiled. One outside of the agent's namespace, which has number 0, is
 * wanted where there is no target, and is then counted as lost.
 */
static __always_inline bool is_wanted(u32 pid)
{
	if (target_pid)
		return pid == target_pid;
	if (target_ancestor)
		return pid && descends((void *)bpf_get_current_task());
	return pid == 0 || pid != excluded_pid;
}

#endif
