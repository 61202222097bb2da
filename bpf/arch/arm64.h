// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* arm64, with 32-bit (aarch32) programs: registers, stacks and system calls. See arch.h for what is here. */
#ifndef __APERTURE_ARCH_ARM64_H__
#define __APERTURE_ARCH_ARM64_H__

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "syscall.h"

/* Those of kernels with pages of 4 KiB, as Debian's and Ubuntu's are; arch/arm64/include/asm/memory.h. */
#define THREAD_SIZE 16384
#define PAGE_SHIFT 12
/* 48 bits, also where the kernel has 52: it gives a process addresses above only on demand. */
#define USER_BITS 48
#define USER_END (1ULL << USER_BITS)

/* This is not relocated: it is struct user_pt_regs of arch/arm64/include/uapi/asm/ptrace.h. */
typedef struct {
	u64 regs[31], sp, pc, pstate;
} bpf_user_pt_regs_t;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* The registers of user space when it called the kernel; x0 is overwritten by the result, orig_x0 is not. */
struct pt_regs {
	u64 regs[31];
	u64 sp, pc;
	u64 orig_x0;
	s32 syscallno;
};

/* What follows ___ is not compared: these are the kernel's types with what only this architecture needs of them. */
struct thread_info___arm64 {
	unsigned long flags;
};

struct task_struct___arm64 {
	struct thread_info___arm64 thread_info;
};

#pragma clang attribute pop

/* arch/arm64/include/uapi/asm/ptrace.h: the exception level and stack, and the execution state, of pstate. */
#define PSR_MODE_MASK 0x0f
#define PSR_MODE_EL0T 0
#define PSR_MODE32_BIT 0x10

static __always_inline bool in_user_mode(const bpf_user_pt_regs_t *regs)
{
	return (regs->pstate & PSR_MODE_MASK) == PSR_MODE_EL0T;
}

static __always_inline bool in_64_bit_mode(const bpf_user_pt_regs_t *regs)
{
	return !(regs->pstate & PSR_MODE32_BIT);
}

/* It goes member by member, as the verifier lets nobody copy a context as a whole. */
static __always_inline void copy_registers(bpf_user_pt_regs_t *to, const bpf_user_pt_regs_t *from)
{
#pragma unroll
	for (int i = 0; i < 31; i++)
		to->regs[i] = from->regs[i];
	to->sp = from->sp;
	to->pc = from->pc;
	to->pstate = from->pstate;
}

static __always_inline u64 user_pc(const bpf_user_pt_regs_t *regs)
{
	return regs->pc;
}

/*
 * The thread's number in its own pid namespace: the thread pointer is somewhere inside the thread's structure, and the
 * kernel has it in memory only while the thread does not run.
 */
static __always_inline u64 user_thread_id(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	void *numbers = __builtin_preserve_access_index(&pid->numbers);
	struct upid *upid = numbers + BPF_CORE_READ(pid, level) * bpf_core_type_size(struct upid);

	return BPF_CORE_READ(upid, nr);
}

/*
 * A rule has 4 bits for a register: x16 to x30 and sp, DWARF's 16 to 31. No frame is found by the others, which a call
 * may overwrite.
 */
#define FIRST_REGISTER 16
#define REGISTERS 16
#define ALL_REGISTERS 0xffffU
#define FRAME_POINTER (29 - FIRST_REGISTER)
#define LINK_REGISTER (30 - FIRST_REGISTER)
#define STACK_POINTER (31 - FIRST_REGISTER)

static __always_inline void load_registers(u64 *registers, const bpf_user_pt_regs_t *regs)
{
#pragma unroll
	for (int i = 0; i < STACK_POINTER; i++)
		registers[i] = regs->regs[FIRST_REGISTER + i];
	registers[STACK_POINTER] = regs->sp;
}

/* The caller's frame pointer and the return address; they may be anywhere in the frame, so do not tell its end. */
#define FRAME_RECORD_RETURN 8
#define FRAME_RECORD_BYTES 16
#define FRAME_RECORD_KNOWN (1U << FRAME_POINTER)

/*
 * Without the signature of pointer authentication, which fills the bits above those of an address but for bit 55: that
 * one tells user space (0) from the kernel's, whose addresses are left as they are and so are none of user space.
 */
static __always_inline u64 return_address(u64 saved)
{
	return saved & 1ULL << 55 ? saved : saved & (USER_END - 1);
}

/* A call leaves the return address in the link register, where that of a leaf may stay. */
static __always_inline bool unsaved_return_address(const u64 *registers, u32 known, u64 *address)
{
	*address = registers[LINK_REGISTER];
	return known & 1U << LINK_REGISTER;
}

/* A leaf may have no frame of its own. */
static __always_inline bool is_caller_frame(u64 cfa, u64 stack, bool leaf)
{
	return cfa > stack || (leaf && cfa == stack);
}

/* A call pushes nothing. */
#define RETURN_ADDRESS_BYTES 0

/*
 * Whether a call may end before `pc`: `bl`, and `blr` with or without authentication. `unread` is the answer for code that
 * cannot be read, as it has never run or memory is short.
 */
static __always_inline u32 follows_call(u64 pc, u32 unread)
{
	u32 code = 0;

	if (bpf_probe_read_user(&code, sizeof(code), (void *)(pc - sizeof(code))))
		return unread;
	return (code & 0xfc000000) == 0x94000000 || (code & 0xfefff000) == 0xd63f0000;
}

/* The caller of a leaf of which no rule is known: what its call left in the link register. */
static __always_inline bool find_leaf_caller(const u64 *registers, u64 pc, u64 *caller, u64 *bytes)
{
	(void)pc;
	*bytes = RETURN_ADDRESS_BYTES;
	*caller = return_address(registers[LINK_REGISTER]);
	return *caller && follows_call(*caller, false);
}

/* Stubs for lazy binding push nothing. */
static __always_inline u64 plt_pushed_bytes(u64 pc, u64 threshold)
{
	(void)pc;
	(void)threshold;
	return 0;
}

/* Whether a handler returns here, by the code itself: `mov x8, #139; svc #0` of the vDSO. */
static __always_inline bool is_signal_return(u64 pc)
{
	u64 code = 0;

	return bpf_probe_read_user(&code, sizeof(code), (void *)pc) == 0 && code == 0xd4000001d2801168ULL;
}

/*
 * Members of struct rt_sigframe (arch/arm64/kernel/signal.c), which is on top of the stack: siginfo of 128 bytes, 176 of
 * struct ucontext, then struct sigcontext, whose registers follow 8 bytes of its own.
 */
#define SIGFRAME_REGISTERS 312
#define SIGFRAME_SP (SIGFRAME_REGISTERS + 31 * 8)
#define SIGFRAME_PC (SIGFRAME_SP + 8)

/* Reads what the signal interrupted, where its handler has returned to `stack`; false when it cannot be read. */
static __always_inline bool read_signal_frame(u64 stack, u64 *registers, u32 *known, u64 *pc)
{
	/* They stand in a row: x16 to x30, then sp. */
	u64 first = stack + SIGFRAME_REGISTERS + FIRST_REGISTER * 8;

	*known = ALL_REGISTERS;
	return bpf_probe_read_user(pc, sizeof(*pc), (void *)(stack + SIGFRAME_PC)) == 0 &&
	       bpf_probe_read_user(registers, REGISTERS * sizeof(u64), (void *)first) == 0;
}

/* include/uapi/asm-generic/unistd.h */
#define NR_EXIT 93
#define NR_EXIT_GROUP 94
#define NR_FUTEX 98
#define NR_RESTART 128

/* arch/arm64/include/asm/thread_info.h */
#define TIF_32BIT 22

/* The kernel vouches for what `task` points to when `trusted`, so that it can be read without a helper. */
static __always_inline u32 abi_of(struct task_struct *task, u64 number, bool trusted)
{
	struct task_struct___arm64 *own = (void *)task;
	unsigned long flags = trusted ? own->thread_info.flags : BPF_CORE_READ(own, thread_info.flags);

	(void)number;
	return flags & 1UL << TIF_32BIT ? APERTURE_ABI_AARCH32 : APERTURE_ABI_NATIVE;
}

static __always_inline u64 syscall_number(struct pt_regs *regs)
{
	return (s64)BPF_CORE_READ(regs, syscallno);
}

static __always_inline u64 first_argument(struct pt_regs *regs, u32 abi)
{
	u64 value = BPF_CORE_READ(regs, orig_x0);

	return abi == APERTURE_ABI_AARCH32 ? (u32)value : value;
}

static __always_inline u64 second_argument(struct pt_regs *regs, u32 abi)
{
	u64 value = BPF_CORE_READ(regs, regs[1]);

	return abi == APERTURE_ABI_AARCH32 ? (u32)value : value;
}

static __always_inline u64 third_argument(struct pt_regs *regs)
{
	return BPF_CORE_READ(regs, regs[2]);
}

static __always_inline u64 stack_pointer(struct pt_regs *regs)
{
	return BPF_CORE_READ(regs, sp);
}

static __always_inline u64 frame_pointer(struct pt_regs *regs)
{
	return BPF_CORE_READ(regs, regs[29]);
}

static __always_inline u64 instruction_pointer(struct pt_regs *regs)
{
	return BPF_CORE_READ(regs, pc);
}

/* Its result is what the interrupted code had in that register. */
static __always_inline bool is_sigreturn(u32 number, u32 abi)
{
	return abi == APERTURE_ABI_AARCH32 ? number == 119 || number == 173 : number == 139;
}

/* read, readv, recvfrom, recvmsg, recvmmsg: those that wait for somebody to write, where the file is not a file. */
static __always_inline bool is_read(u32 number, u32 abi)
{
	if (abi == APERTURE_ABI_AARCH32)
		return number == 3 || number == 145 || number == 292 || number == 297 || number == 365;
	return number == 63 || number == 65 || number == 207 || number == 212 || number == 243;
}

/* Calls whose first argument is the descriptor of what they are made on. */
static __always_inline bool takes_descriptor(u32 number, u32 abi)
{
	if (abi != APERTURE_ABI_NATIVE)
		return is_read(number, abi);
	switch (number) {
	/* read, write, fstat, lseek, ioctl, pread64, pwrite64, readv, writev, readahead */
	case 63:
	case 64:
	case 80:
	case 62:
	case 29:
	case 67:
	case 68:
	case 65:
	case 66:
	case 213:
	/* sendfile, connect, accept, sendto, recvfrom, sendmsg, recvmsg, shutdown, accept4, recvmmsg, sendmmsg */
	case 71:
	case 203:
	case 202:
	case 206:
	case 207:
	case 211:
	case 212:
	case 210:
	case 242:
	case 243:
	case 269:
	/* fcntl, flock, fsync, fdatasync, ftruncate, getdents64, fadvise64, sync_file_range, fallocate, syncfs */
	case 25:
	case 32:
	case 82:
	case 83:
	case 46:
	case 61:
	case 223:
	case 84:
	case 47:
	case 267:
	/* splice, tee, preadv, pwritev, copy_file_range, preadv2, pwritev2 */
	case 76:
	case 77:
	case 69:
	case 70:
	case 285:
	case 286:
	case 287:
		return true;
	}
	return false;
}

#endif
