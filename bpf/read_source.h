// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* What a call reads from, by its descriptor. */
#ifndef __APERTURE_READ_SOURCE_H__
#define __APERTURE_READ_SOURCE_H__

#include "open_file.h"
#include "syscall.h"

/* include/uapi/linux/magic.h, major.h; MAJOR() of include/linux/kdev_t.h. */
#define ANON_INODE_FS_MAGIC 0x09041934
#define MAJOR(device) ((device) >> 20)
#define TTY_MAJOR 4
#define TTYAUX_MAJOR 5
#define UNIX98_PTY_SLAVE_MAJOR 136
#define UNIX98_PTY_MAJOR_COUNT 8

static __always_inline bool is_terminal(u32 device)
{
	u32 major = MAJOR(device);

	return major == TTY_MAJOR || major == TTYAUX_MAJOR ||
	       (major >= UNIX98_PTY_SLAVE_MAJOR && major < UNIX98_PTY_SLAVE_MAJOR + UNIX98_PTY_MAJOR_COUNT);
}

/* What the descriptor is. */
static __always_inline enum aperture_source source_of(struct task_struct *task, u32 descriptor)
{
	struct file *file = file_of(task, descriptor);

	if (!file)
		return APERTURE_SOURCE_FILE;
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	u32 type = BPF_CORE_READ(inode, i_mode) & S_IFMT;
	if (type == S_IFIFO)
		return APERTURE_SOURCE_PIPE;
	if (type == S_IFSOCK)
		return is_to_server(BPF_CORE_READ(file, private_data)) ? APERTURE_SOURCE_SERVER :
									 APERTURE_SOURCE_SOCKET;
	if (type == S_IFCHR)
		return is_terminal(BPF_CORE_READ(inode, i_rdev)) ? APERTURE_SOURCE_TERMINAL : APERTURE_SOURCE_FILE;
	/* eventfd, timerfd, signalfd, inotify and the like. */
	return BPF_CORE_READ(inode, i_sb, s_magic) == ANON_INODE_FS_MAGIC ? APERTURE_SOURCE_EVENT :
									    APERTURE_SOURCE_FILE;
}

#endif
