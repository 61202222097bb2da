// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The architecture that is compiled for. This is the only place that asks which one it is; the header of each gives
 * the same names:
 *
 * - bpf_user_pt_regs_t, struct pt_regs: the registers of user code, in the context of a perf event and in the kernel.
 * - THREAD_SIZE, PAGE_SHIFT, USER_END: sizes of the kernel's stacks and pages, and the upper end of user space.
 * - in_user_mode(), in_64_bit_mode(), copy_registers(), user_pc(): what those registers say.
 * - user_thread_id(): the number by which CPython's structures know a thread.
 * - REGISTERS, ALL_REGISTERS, FRAME_POINTER, STACK_POINTER: the registers that a walk follows, by the number that a
 *   rule has for them; load_registers() fills them in.
 * - FRAME_RECORD_BYTES, FRAME_RECORD_RETURN, FRAME_RECORD_KNOWN: what a frame pointer points to, and the registers that
 *   are known of the caller when a step went by it.
 * - return_address(), unsaved_return_address(), is_caller_frame(), plt_pushed_bytes(): how a function is called.
 * - RETURN_ADDRESS_BYTES, follows_call(), find_leaf_caller(): what a call pushes, and who called.
 * - is_signal_return(), read_signal_frame(): where a signal's handler returns to, and what it interrupted.
 * - NR_EXIT, NR_EXIT_GROUP, NR_FUTEX, NR_RESTART, abi_of(), syscall_number(), first_argument(), second_argument(),
 *   third_argument(), stack_pointer(), frame_pointer(), instruction_pointer(), is_sigreturn(), is_read(): how system
 *   calls are made, and from where.
 */
#ifndef __APERTURE_ARCH_H__
#define __APERTURE_ARCH_H__

#if defined(__TARGET_ARCH_x86)
#include "x86.h"
#elif defined(__TARGET_ARCH_arm64)
#include "arm64.h"
#else
#error "Cannot compile for this architecture: bpf/arch/ has no header for it"
#endif

/* This is not relocated: the verifier itself maps accesses to the layout of include/uapi/linux/bpf_perf_event.h. */
struct bpf_perf_event_data {
	bpf_user_pt_regs_t regs;
	u64 sample_period;
	u64 addr;
};

#endif
