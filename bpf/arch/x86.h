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
	unsigned long bp, bx, cx, dx, si, di, orig_ax, ip, sp;
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
	to->orig_ax = from->orig_ax;
	to->ip = from->ip;
	to->cs = from->cs;
	to->sp = from->sp;
}

/*
 * Where the code is. In a call of the kernel that is the instruction that makes it, and not the one behind, which is another
 * function's where the call does not come back (exit, and the way back of a signal's handler): orig_ax is its number, -1 where
 * none was made, and the instruction has left its end in rcx, which a handler that begins there now has not.
 */
static __always_inline u64 user_pc(const bpf_user_pt_regs_t *regs)
{
	bool calls = (s64)regs->orig_ax >= 0 && regs->cx == regs->ip;

	return calls ? regs->ip - 1 : regs->ip;
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

/* The return address at least is between the two, unless a leaf took it off into a register. */
static __always_inline bool is_caller_frame(u64 cfa, u64 stack, bool leaf)
{
	return cfa > stack || (leaf && cfa == stack);
}

/* The caller's stack pointer less what its call pushed: where the kernel notes that a uretprobe took a return address. */
#define RETURN_ADDRESS_BYTES 8

/* What is read of the code before a return address: no call is longer than 7 bytes. */
#define CALL_BYTES 8

/*
 * Whether a call may end before `pc`: `call rel32` is e8, `call r/m64` is ff /2. `unread` is the answer for code that
 * cannot be read, as it has never run or memory is short.
 */
static __always_inline u32 follows_call(u64 pc, u32 unread)
{
	u8 code[CALL_BYTES];

	if (bpf_probe_read_user(code, sizeof(code), (void *)(pc - CALL_BYTES)))
		return unread;
	return code[CALL_BYTES - 5] == 0xe8 ||
	       (code[CALL_BYTES - 2] == 0xff && (code[CALL_BYTES - 1] & 0x38) == 0x10) ||
	       (code[CALL_BYTES - 3] == 0xff && (code[CALL_BYTES - 2] & 0x38) == 0x10) ||
	       (code[CALL_BYTES - 4] == 0xff && (code[CALL_BYTES - 3] & 0x38) == 0x10) ||
	       (code[CALL_BYTES - 6] == 0xff && (code[CALL_BYTES - 5] & 0x38) == 0x10) ||
	       (code[CALL_BYTES - 7] == 0xff && (code[CALL_BYTES - 6] & 0x38) == 0x10);
}

/* A function of assembly is smaller. */
#define MAX_LEAF_BYTES 65536

/* Where the stub of a procedure linkage table at `address` jumps to: `[endbr64] [bnd] jmp *offset(%rip)`; 0: none. */
static __always_inline u64 stub_target(u64 address)
{
	u64 code = 0;
	u32 offset = 0;
	u64 target = 0;

	bpf_probe_read_user(&code, sizeof(code), (void *)address);
	if ((u32)code == 0xfa1e0ff3) {
		address += 4;
		code >>= 32;
	}
	if ((u8)code == 0xf2) {
		address++;
		code >>= 8;
	}
	if ((u16)code != 0x25ff || bpf_probe_read_user(&offset, sizeof(offset), (void *)(address + 2)))
		return 0;
	bpf_probe_read_user(&target, sizeof(target), (void *)(address + 6 + (s64)(s32)offset));
	return target;
}

/*
 * The caller of a leaf at `pc` of which no rule is known: what is on top of the stack, if a call ends there and it calls
 * what is at `pc`. So it is as long as the leaf has pushed nothing, and what was left there of an earlier call is told
 * from it. `*bytes` is what the caller's call pushed.
 */
static __always_inline bool find_leaf_caller(const u64 *registers, u64 pc, u64 *caller, u64 *bytes)
{
	u8 opcode = 0;
	s32 offset = 0;
	u64 target;

	*bytes = RETURN_ADDRESS_BYTES;
	if (bpf_probe_read_user(caller, sizeof(*caller), (void *)registers[STACK_POINTER]) ||
	    bpf_probe_read_user(&opcode, sizeof(opcode), (void *)(*caller - 5)) ||
	    bpf_probe_read_user(&offset, sizeof(offset), (void *)(*caller - 4)))
		return false;
	/* Whom a register names cannot be told any more. */
	if (opcode != 0xe8)
		return follows_call(*caller, false);
	target = *caller + (s64)offset;
	if (pc - target >= MAX_LEAF_BYTES)
		target = stub_target(target);
	return pc - target < MAX_LEAF_BYTES;
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
#define NR_EXIT 60
#define NR_FUTEX 202
#define NR_RESTART 219
#define NR_EXIT_GROUP 231

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
	return regs->orig_ax;
}

static __always_inline u64 first_argument(struct pt_regs *regs, u32 abi)
{
	return abi == APERTURE_ABI_IA32 ? (u32)regs->bx : regs->di;
}

static __always_inline u64 second_argument(struct pt_regs *regs, u32 abi)
{
	return abi == APERTURE_ABI_IA32 ? (u32)regs->cx : regs->si;
}

static __always_inline u64 third_argument(struct pt_regs *regs)
{
	return regs->dx;
}

static __always_inline u64 stack_pointer(struct pt_regs *regs)
{
	return regs->sp;
}

static __always_inline u64 frame_pointer(struct pt_regs *regs)
{
	return regs->bp;
}

static __always_inline u64 instruction_pointer(struct pt_regs *regs)
{
	return regs->ip;
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

/* Calls whose first argument is the descriptor of what they are made on. */
static __always_inline bool takes_descriptor(u32 number, u32 abi)
{
	if (abi != APERTURE_ABI_NATIVE)
		return is_read(number, abi);
	switch (number) {
	/* read, write, fstat, lseek, ioctl, pread64, pwrite64, readv, writev, readahead */
	case 0:
	case 1:
	case 5:
	case 8:
	case 16:
	case 17:
	case 18:
	case 19:
	case 20:
	case 187:
	/* sendfile, connect, accept, sendto, recvfrom, sendmsg, recvmsg, shutdown, accept4, recvmmsg, sendmmsg */
	case 40:
	case 42:
	case 43:
	case 44:
	case 45:
	case 46:
	case 47:
	case 48:
	case 288:
	case 299:
	case 307:
	/* fcntl, flock, fsync, fdatasync, ftruncate, getdents, getdents64, fadvise64, sync_file_range, fallocate, syncfs */
	case 72:
	case 73:
	case 74:
	case 75:
	case 77:
	case 78:
	case 217:
	case 221:
	case 277:
	case 285:
	case 306:
	/* splice, tee, preadv, pwritev, copy_file_range, preadv2, pwritev2 */
	case 275:
	case 276:
	case 295:
	case 296:
	case 326:
	case 327:
	case 328:
		return true;
	}
	return false;
}

#endif
