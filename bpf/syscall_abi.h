// SPDX-License-Identifier: GPL-2.0 OR MIT
/* System calls as the architectures make them: numbers, arguments and how the kernel ends and restarts them. */
#ifndef __APERTURE_SYSCALL_ABI_H__
#define __APERTURE_SYSCALL_ABI_H__

#include "kernel.h"

#include "syscall.h"

/* No table of calls is longer, nor will be soon. */
#define MAX_CALLS 1024

/* include/linux/err.h */
#define MAX_ERRNO 4095
#define EINTR 4

/*
 * include/linux/errno.h: ends of an interrupted call that no program sees. What the program gets is decided when the
 * signal is delivered: the call again, or EINTR.
 */
#define ERESTARTSYS 512
#define ERESTARTNOINTR 513
#define ERESTARTNOHAND 514
#define ERESTART_RESTARTBLOCK 516

#define SA_RESTART 0x10000000

/* include/uapi/linux/stat.h, magic.h, major.h; MAJOR() of include/linux/kdev_t.h. */
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFCHR 0020000
#define S_IFIFO 0010000
#define ANON_INODE_FS_MAGIC 0x09041934
#define MAJOR(device) ((device) >> 20)
#define TTY_MAJOR 4
#define TTYAUX_MAJOR 5
#define UNIX98_PTY_SLAVE_MAJOR 136
#define UNIX98_PTY_MAJOR_COUNT 8

#if defined(__TARGET_ARCH_x86)

/* arch/x86/include/asm/thread_info.h: the thread is in a call of 32-bit code. */
#define TS_COMPAT 0x0002
/* arch/x86/include/uapi/asm/unistd.h */
#define X32_SYSCALL_BIT 0x40000000

/* The kernel vouches for what `task` points to when `trusted`, so that it can be read without a helper. */
static __always_inline u32 abi_of(struct task_struct *task, u64 number, bool trusted)
{
	u32 status = trusted ? task->thread_info.status : BPF_CORE_READ(task, thread_info.status);

	if (status & TS_COMPAT)
		return APERTURE_ABI_IA32;
	return number & X32_SYSCALL_BIT ? APERTURE_ABI_X32 : APERTURE_ABI_NATIVE;
}

static __always_inline u64 number_at_exit(struct pt_regs *regs)
{
	return regs->orig_ax;
}

static __always_inline u32 first_argument(struct pt_regs *regs, u32 abi)
{
	return abi == APERTURE_ABI_IA32 ? regs->bx : regs->di;
}

/* Its result is what the interrupted code had in that register. */
static __always_inline bool is_sigreturn(u32 number, u32 abi)
{
	if (abi == APERTURE_ABI_IA32)
		return number == 119 || number == 173;
	return number == (abi == APERTURE_ABI_X32 ? 513 : 15);
}

static __always_inline bool is_restart(u32 number, u32 abi)
{
	return number == (abi == APERTURE_ABI_IA32 ? 0 : 219);
}

/* read, readv, recvfrom, recvmsg, recvmmsg: those that wait for somebody to write, where the file is not a file. */
static __always_inline bool is_read(u32 number, u32 abi)
{
	if (abi == APERTURE_ABI_IA32)
		return number == 3 || number == 145 || number == 371 || number == 372 || number == 337;
	return number == 0 || number == 19 || number == 45 || number == 47 || number == 299;
}

#elif defined(__TARGET_ARCH_arm64)

/* arch/arm64/include/asm/thread_info.h */
#define TIF_32BIT 22

/* The kernel vouches for what `task` points to when `trusted`, so that it can be read without a helper. */
static __always_inline u32 abi_of(struct task_struct *task, u64 number, bool trusted)
{
	unsigned long flags = trusted ? task->thread_info.flags : BPF_CORE_READ(task, thread_info.flags);

	(void)number;
	return flags & 1UL << TIF_32BIT ? APERTURE_ABI_AARCH32 : APERTURE_ABI_NATIVE;
}

static __always_inline u64 number_at_exit(struct pt_regs *regs)
{
	return (s64)regs->syscallno;
}

static __always_inline u32 first_argument(struct pt_regs *regs, u32 abi)
{
	(void)abi;
	return regs->orig_x0;
}

static __always_inline bool is_sigreturn(u32 number, u32 abi)
{
	return abi == APERTURE_ABI_AARCH32 ? number == 119 || number == 173 : number == 139;
}

static __always_inline bool is_restart(u32 number, u32 abi)
{
	return number == (abi == APERTURE_ABI_AARCH32 ? 0 : 128);
}

static __always_inline bool is_read(u32 number, u32 abi)
{
	if (abi == APERTURE_ABI_AARCH32)
		return number == 3 || number == 145 || number == 292 || number == 297 || number == 365;
	return number == 63 || number == 65 || number == 207 || number == 212 || number == 243;
}

#endif

/* `call` of the keys, without its source. */
static __always_inline u32 call_of(struct task_struct *task, u64 number, bool trusted)
{
	u32 abi = abi_of(task, number, trusted);

	if (abi == APERTURE_ABI_X32)
		number &= 0xffff;
	return abi << APERTURE_CALL_ABI_SHIFT | (number < MAX_CALLS ? number : APERTURE_CALL_INVALID);
}

static __always_inline bool is_interrupted(long result)
{
	return result == -ERESTARTSYS || result == -ERESTARTNOINTR || result == -ERESTARTNOHAND ||
	       result == -ERESTART_RESTARTBLOCK;
}

/* Whether a call that ended with `result` fails with EINTR, once the handler of `action` has run. */
static __always_inline bool becomes_eintr(long result, const struct k_sigaction *action)
{
	if (result == -ERESTARTSYS)
		return !(action->sa.sa_flags & SA_RESTART);
	return result != -ERESTARTNOINTR;
}

static __always_inline bool is_terminal(u32 device)
{
	u32 major = MAJOR(device);

	return major == TTY_MAJOR || major == TTYAUX_MAJOR ||
	       (major >= UNIX98_PTY_SLAVE_MAJOR && major < UNIX98_PTY_SLAVE_MAJOR + UNIX98_PTY_MAJOR_COUNT);
}

/* What the descriptor is; the file may be another by now, when another thread closed it during the call. */
static __always_inline enum aperture_source source_of(struct task_struct *task, u32 descriptor)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd);
	struct file *file = NULL;

	if (!files || descriptor >= BPF_CORE_READ(table, max_fds))
		return APERTURE_SOURCE_FILE;
	bpf_probe_read_kernel(&file, sizeof(file), files + descriptor);
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	u32 type = BPF_CORE_READ(inode, i_mode) & S_IFMT;
	if (type == S_IFIFO)
		return APERTURE_SOURCE_PIPE;
	if (type == S_IFSOCK)
		return APERTURE_SOURCE_SOCKET;
	if (type == S_IFCHR)
		return is_terminal(BPF_CORE_READ(inode, i_rdev)) ? APERTURE_SOURCE_TERMINAL : APERTURE_SOURCE_FILE;
	/* eventfd, timerfd, signalfd, inotify and the like. */
	return BPF_CORE_READ(inode, i_sb, s_magic) == ANON_INODE_FS_MAGIC ? APERTURE_SOURCE_EVENT :
									    APERTURE_SOURCE_FILE;
}

#endif
