// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The kernel as the programs see it, and what differs between its versions, each with that where it changed. */
#ifndef __APERTURE_KERNEL_H__
#define __APERTURE_KERNEL_H__

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "arch/arch.h"

/* include/linux/sched.h. PF_IO_WORKER is there since 5.5. */
#define PF_EXITING 0x00000004
#define PF_IO_WORKER 0x00000010
#define PF_KTHREAD 0x00200000

#define PAGE_BYTES (1ULL << PAGE_SHIFT)

#define EEXIST 17
#define E2BIG 7
#define ETIMEDOUT 110

/*
 * Reads the registers with which the current thread came into the kernel, which keeps them at the top of its stack in
 * struct pt_regs, whose beginning has the layout of the context; false when they cannot be read. bpf_task_pt_regs is
 * there since 5.15; it knows of the gap that some kernels (FRED, 6.9) leave above them, older ones leave none. No type
 * tells the size of that stack: union thread_union is not in every kernel's BTF, and looking for one that is missing
 * among the modules' needs CAP_SYS_ADMIN.
 */
static __always_inline bool read_user_registers(bpf_user_pt_regs_t *registers)
{
	void *saved;

	if (bpf_core_enum_value_exists(enum bpf_func_id___aperture, BPF_FUNC_task_pt_regs___aperture)) {
		saved = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	} else {
		struct task_struct *task = (void *)bpf_get_current_task();
		saved = BPF_CORE_READ(task, stack) + THREAD_SIZE - bpf_core_type_size(struct pt_regs);
	}
	return bpf_probe_read_kernel(registers, sizeof(*registers), saved) == 0;
}

/*
 * The same of `task`, another thread that is in the kernel: they are as far into its stack as the current one's are into
 * that one's. `word` is any of a map, by which a pointer becomes a number.
 */
static __always_inline bool read_registers_of(struct task_struct *task, volatile u64 *word,
					      bpf_user_pt_regs_t *registers)
{
	u64 offset = THREAD_SIZE - bpf_core_type_size(struct pt_regs);

	if (bpf_core_enum_value_exists(enum bpf_func_id___aperture, BPF_FUNC_task_pt_regs___aperture)) {
		struct task_struct *current = bpf_get_current_task_btf();
		*word = bpf_task_pt_regs(current);
		offset = *word - (u64)BPF_CORE_READ(current, stack);
	}
	void *saved = BPF_CORE_READ(task, stack) + offset;
	return bpf_probe_read_kernel(registers, sizeof(*registers), saved) == 0;
}

/*
 * Whether the kernel vouches for the current task as current_task() has it, so that its members are read without a helper:
 * since 5.11.
 */
static __always_inline bool is_task_trusted(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id___aperture, BPF_FUNC_get_current_task_btf___aperture);
}

static __always_inline struct task_struct *trusted_task(void)
{
	return is_task_trusted() ? bpf_get_current_task_btf() : (void *)bpf_get_current_task();
}

/*
 * Whether `task` has a user stack: threads of the kernel do not, nor those that it runs for io_uring in a process, nor one
 * that ends and has given up its memory. The kernel vouches for what `task` points to when `trusted`.
 */
static __always_inline bool has_user_stack(struct task_struct *task, bool trusted)
{
	u32 flags = trusted ? task->flags : BPF_CORE_READ(task, flags);

	return !(flags & (PF_KTHREAD | PF_IO_WORKER)) && (trusted ? task->mm : BPF_CORE_READ(task, mm));
}

#endif
