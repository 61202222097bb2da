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

/*
 * Of a thread in the kernel: asm/page_64_types.h of x86, asm/memory.h of arm64. Larger with KASAN, and on arm64 with
 * pages of 64 KiB. No type tells: union thread_union is not in every kernel's BTF, and looking for one that is
 * missing among the modules' needs CAP_SYS_ADMIN.
 */
#define THREAD_SIZE 16384

/* Of x86; arm64 may have larger pages. */
#define PAGE_SHIFT 12
#define PAGE_BYTES (1ULL << PAGE_SHIFT)

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

/* Whether user code is of the kernel's own word size. */
static __always_inline bool in_64_bit_mode(const bpf_user_pt_regs_t *regs)
{
#if defined(__TARGET_ARCH_x86)
	/* __USER_CS of arch/x86/include/asm/segment.h; Xen's is another. */
	return (regs->cs & 0xffff) != 0x23;
#elif defined(__TARGET_ARCH_arm64)
	return !(regs->pstate & 0x10);
#endif
}

/* Member by member: the verifier lets nobody copy a context as a whole. */
static __always_inline void copy_registers(bpf_user_pt_regs_t *to, const bpf_user_pt_regs_t *from)
{
#if defined(__TARGET_ARCH_x86)
	to->r15 = from->r15;
	to->r14 = from->r14;
	to->r13 = from->r13;
	to->r12 = from->r12;
	to->bp = from->bp;
	to->bx = from->bx;
	to->r11 = from->r11;
	to->r10 = from->r10;
	to->r9 = from->r9;
	to->r8 = from->r8;
	to->ax = from->ax;
	to->cx = from->cx;
	to->dx = from->dx;
	to->si = from->si;
	to->di = from->di;
	to->ip = from->ip;
	to->cs = from->cs;
	to->sp = from->sp;
#endif
}

/*
 * The registers with which the current thread came into the kernel, which keeps them at the top of its stack in the
 * layout of the context; false when they cannot be read. bpf_task_pt_regs is there since 5.15; it knows of the gap that
 * some kernels (FRED, 6.9) leave above them, older ones leave none.
 */
static __always_inline bool read_user_registers(bpf_user_pt_regs_t *registers)
{
	void *saved;

	if (bpf_core_enum_value_exists(enum bpf_func_id___aperture, BPF_FUNC_task_pt_regs___aperture)) {
		saved = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	} else {
		struct task_struct *task = (void *)bpf_get_current_task();
		saved = BPF_CORE_READ(task, stack) + THREAD_SIZE - sizeof(*registers);
	}
	return bpf_probe_read_kernel(registers, sizeof(*registers), saved) == 0;
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

/*
 * What names the current thread in its own process's memory: on amd64 the thread pointer, which is pthread_self() of
 * glibc and musl and stays what it was in the child of a fork. It is somewhere inside the thread's structure on arm64,
 * so that there it is the thread's number in its own pid namespace.
 */
static __always_inline u64 thread_word(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	return BPF_CORE_READ(task, thread.fsbase);
#elif defined(__TARGET_ARCH_arm64)
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	void *numbers = __builtin_preserve_access_index(&pid->numbers);
	struct upid *upid = numbers + BPF_CORE_READ(pid, level) * bpf_core_type_size(struct upid);
	return BPF_CORE_READ(upid, nr);
#endif
}

#endif
