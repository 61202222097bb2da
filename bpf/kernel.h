// SPDX-License-Identifier: GPL-2.0 OR MIT
/* What differs between kernels and architectures, each with the version where it changed. */
#ifndef __APERTURE_KERNEL_H__
#define __APERTURE_KERNEL_H__

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/* include/linux/sched.h. PF_IO_WORKER is there since 5.5. */
#define PF_EXITING 0x00000004
#define PF_IO_WORKER 0x00000010
#define PF_KTHREAD 0x00200000

/* include/linux/pid_namespace.h; how deep namespaces can be. */
#define MAX_PID_NS_LEVEL 32

#define EEXIST 17
#define E2BIG 7

/* Whether the sample hit user code, so that there is no kernel stack. */
static __always_inline bool in_user_mode(const bpf_user_pt_regs_t *regs)
{
#if defined(__TARGET_ARCH_x86)
	return regs->cs & 3;
#elif defined(__TARGET_ARCH_arm64)
	return (regs->pstate & 0xf) == 0;
#endif
}

/* Neither threads of the kernel nor those that it runs for io_uring in a process have one. */
static __always_inline bool has_user_stack(struct task_struct *task)
{
	return !(BPF_CORE_READ(task, flags) & (PF_KTHREAD | PF_IO_WORKER));
}

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

#endif
