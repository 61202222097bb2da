// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The numbers of processes as the agent knows them: those of its own pid namespace. */
#ifndef __APERTURE_PID_NAMESPACE_H__
#define __APERTURE_PID_NAMESPACE_H__

#include "kernel.h"

/* include/linux/pid_namespace.h: how deep namespaces can be. */
#define MAX_PID_NS_LEVEL 32

/* The inode of the agent's pid namespace; 0 is the initial one, whose numbers need no search. */
const volatile u32 pid_namespace = 0;

/*
 * The number of `task`'s process in the pid namespace with inode `namespace`; 0 when it is outside of it.
 * bpf_get_ns_current_pid_tgid does not find processes in the namespaces below that one, where containers are.
 * task->thread_pid is there since 4.19.
 */
static __always_inline u32 pid_in_namespace(struct task_struct *task, u32 namespace)
{
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	u32 level = BPF_CORE_READ(pid, level);
	void *numbers = __builtin_preserve_access_index(&pid->numbers);

	for (u32 i = 0; i < MAX_PID_NS_LEVEL + 1; i++) {
		if (i > level)
			break;
		struct upid *upid = numbers + i * bpf_core_type_size(struct upid);
		if (BPF_CORE_READ(upid, ns, ns.inum) == namespace)
			return BPF_CORE_READ(upid, nr);
	}
	return 0;
}

/* The number of the process of `task`, which is the current one, in the agent's namespace; 0 when it is outside of it. */
static __always_inline u32 current_pid(struct task_struct *task)
{
	return pid_namespace ? pid_in_namespace(task, pid_namespace) : bpf_get_current_pid_tgid() >> 32;
}

#endif
