// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* x86-64, with 32-bit (ia32) and x32 programs: registers, stacks and system calls. See arch.h for what is here. */
#ifndef __APERTURE_ARCH_X86_H__
#define __APERTURE_ARCH_X86_H__

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "syscall.h"

/* arch/x86/include/asm/page_64_types.h; larger with KASAN. */
#define THREAD_SIZE 16384
#define PAGE_SHIFT 12
/* With five levels of page tables. */
#define USER_END (1ULL << 56)

/* This is not relocated: it is struct pt_regs of arch/x86/include/uapi/asm/ptrace.h. */
typedef struct {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
} bpf_user_pt_regs_t;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* The registers of user space when it called the kernel. */
struct pt_regs {
	unsigned long bx, cx, si, di, orig_ax;
};

/* What follows ___ is not compared: these are the kernel's types with what only this architecture has in them. */
struct thread_info___x86 {
	u32 status;
};

struct thread_struct___x86 {
	unsigned long fsbase;
};

struct task_struct___x86 {
	struct thread_info___x86 thread_info;
	struct thread_struct___x86 thread;
};

#pragma clang attribute pop

static __always_inline bool in_user_mode(const bpf_user_pt_regs_t *regs)
{
	return regs->cs & 3;
}

static __always_inline bool in_64_bit_mode(const bpf_user_pt_regs_t *regs)
{
	/* __USER_CS of arch/x86/include/asm/segment.h; Xen's is another. */
	return (regs->cs & 0xffff) != 0x23;
}

/* It goes member by member, as the verifier lets nobody copy a context as a whole. */
static __always_inline void copy_registers(bpf_user_pt_regs_t *to, const bpf_user_pt_regs_t *from)
{
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
}

static __always_inline u64 user_pc(const bpf_user_pt_regs_t *regs)
{
	return regs->ip;
}

/* The thread pointer, which is pthread_self() of glibc and musl and stays what it was in the child of a fork. */
static __always_inline u64 user_thread_id(struct task_struct *task)
{
	struct task_struct___x86 *own = (void *)task;

	return BPF_CORE_READ(own, thread.fsbase);
}

/* DWARF's own numbers: System V ABI, AMD64 supplement, figure 3.36. */
#define REGISTERS 16
#define ALL_REGISTERS 0xffffU
#define FRAME_POINTER 6
#define STACK_POINTER 7

static __always_inline void load_registers(u64 *registers, const bpf_user_pt_regs_t *regs)
{
	registers[0] = regs->ax;
	registers[1] = regs->dx;
	registers[2] = regs->cx;
	registers[3] = regs->bx;
	registers[4] = regs->si;
	registers[5] = regs->di;
	registers[FRAME_POINTER] = regs->bp;
	registers[STACK_POINTER] = regs->sp;
	registers[8] = regs->r8;
	registers[9] = regs->r9;
	registers[10] = regs->r10;
	registers[11] = regs->r11;
	registers[12] = regs->r12;
	registers[13] = regs->r13;
	registers[14] = regs->r14;
	registers[15] = regs->r15;
}

/* The caller's frame pointer, and above it the return address that the call pushed: there the caller's frame ends. */
#define FRAME_RECORD_RETURN 8
#define FRAME_RECORD_BYTES 16
#define FRAME_RECORD_KNOWN (1U << FRAME_POINTER | 1U << STACK_POINTER)

static __always_inline u64 return_address(u64 saved)
{
	return saved;
}

/* There is none: a call pushes the return address. */
static __always_inline bool unsaved_return_address(const u64 *registers, u32 known, u64 *address)
{
	(void)registers;
	(void)known;
	(void)address;
	return false;
}

/* The return address at least is between the two. */
static __always_inline bool is_caller_frame(u64 cfa, u64 stack, bool leaf)
{
	(void)leaf;
	return cfa > stack;
}

/* A stub of 16 bytes for lazy binding pushes a number at `threshold` bytes of it. */
static __always_inline u64 plt_pushed_bytes(u64 pc, u64 threshold)
{
	return (pc & 15) >= threshold ? 8 : 0;
}

/*
 * Whether a handler returns here, by the code itself: `mov $15, %rax; syscall`, which debuggers know it by, too. glibc
 * has a rule for its own; musl and Go have none.
 */
static __always_inline bool is_signal_return(u64 pc)
{
	u64 code = 0;
	u8 last = 0;

	return bpf_probe_read_user(&code, sizeof(code), (void *)pc) == 0 && code == 0x0f0000000fc0c748ULL &&
	       bpf_probe_read_user(&last, sizeof(last), (void *)(pc + sizeof(code))) == 0 && last == 0x05;
}

/* Members of struct ucontext, which is on top of the stack: 40 bytes of its own, then struct sigcontext. */
#define UCONTEXT_BP 120
#define UCONTEXT_SP 160
#define UCONTEXT_IP 168

/* Reads what the signal interrupted, where its handler has returned to `stack`; false when it cannot be read. */
static __always_inline bool read_signal_frame(u64 stack, u64 *registers, u32 *known, u64 *pc)
{
	*known = 1U << FRAME_POINTER | 1U << STACK_POINTER;
	return bpf_probe_read_user(pc, sizeof(*pc), (void *)(stack + UCONTEXT_IP)) == 0 &&
	       bpf_probe_read_user(&registers[STACK_POINTER], sizeof(u64), (void *)(stack + UCONTEXT_SP)) == 0 &&
	       bpf_probe_read_user(&registers[FRAME_POINTER], sizeof(u64), (void *)(stack + UCONTEXT_BP)) == 0;
}

/* arch/x86/entry/syscalls/syscall_64.tbl */
#define NR_FUTEX 202
#define NR_RESTART 219

/* arch/x86/include/asm/thread_info.h: the thread is in a call of 32-bit code. */
#define TS_COMPAT 0x0002
/* arch/x86/include/uapi/asm/unistd.h */
#define X32_SYSCALL_BIT 0x40000000

/* The kernel vouches for what `task` points to when `trusted`, so that it can be read without a helper. */
static __always_inline u32 abi_of(struct task_struct *task, u64 number, bool trusted)
{
	struct task_struct___x86 *own = (void *)task;
	u32 status = trusted ? own->thread_info.status : BPF_CORE_READ(own, thread_info.status);

	if (status & TS_COMPAT)
		return APERTURE_ABI_IA32;
	return number & X32_SYSCALL_BIT ? APERTURE_ABI_X32 : APERTURE_ABI_NATIVE;
}

static __always_inline u64 syscall_number(struct pt_regs *regs)
{
	return BPF_CORE_READ(regs, orig_ax);
}

static __always_inline u64 first_argument(struct pt_regs *regs, u32 abi)
{
	return abi == APERTURE_ABI_IA32 ? (u32)BPF_CORE_READ(regs, bx) : BPF_CORE_READ(regs, di);
}

static __always_inline u64 second_argument(struct pt_regs *regs, u32 abi)
{
	return abi == APERTURE_ABI_IA32 ? (u32)BPF_CORE_READ(regs, cx) : BPF_CORE_READ(regs, si);
}

/* Its result is what the interrupted code had in that register. */
static __always_inline bool is_sigreturn(u32 number, u32 abi)
{
	if (abi == APERTURE_ABI_IA32)
		return number == 119 || number == 173;
	return number == (abi == APERTURE_ABI_X32 ? 513 : 15);
}

/* read, readv, recvfrom, recvmsg, recvmmsg: those that wait for somebody to write, where the file is not a file. */
static __always_inline bool is_read(u32 number, u32 abi)
{
	if (abi == APERTURE_ABI_IA32)
		return number == 3 || number == 145 || number == 371 || number == 372 || number == 337;
	return number == 0 || number == 19 || number == 45 || number == 47 || number == 299;
}

#endif
