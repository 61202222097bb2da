// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* What a descriptor is: the path of a file, or the peer of a socket. */
#ifndef __APERTURE_OPEN_FILE_H__
#define __APERTURE_OPEN_FILE_H__

#include "kernel.h"
#include "mix.h"

#include "stack.h"
#include "syscall.h"

/* include/uapi/linux/stat.h; include/linux/socket.h. */
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFCHR 0020000
#define S_IFIFO 0010000
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
/* include/linux/net.h; include/uapi/linux/in.h. */
#define SOCK_DGRAM 2
#define IPPROTO_TCP 6

/* Steps up a path: its names, and the roots of the mounts on the way. */
#define PATH_STEPS (APERTURE_OBJECT_NAMES + 4)

/* The file may be another by now, when another thread closed it during the call. */
static __always_inline struct file *file_of(struct task_struct *task, u32 descriptor)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd);
	struct file *file = NULL;

	if (!files || descriptor >= BPF_CORE_READ(table, max_fds))
		return NULL;
	bpf_probe_read_kernel(&file, sizeof(file), files + descriptor);
	return file;
}

/*
 * Whether this side of a socket has called the other: its port, or its name, is one that nobody chose. A socket that was
 * accepted has those of the one that listens, and both ends of a pair have none.
 */
static __always_inline bool is_to_server(struct socket *socket)
{
	struct sock *sock = BPF_CORE_READ(socket, sk);
	u16 family = BPF_CORE_READ(sock, __sk_common.skc_family);

	if (family == AF_UNIX) {
		struct unix_sock *own = (void *)sock;
		if (!bpf_core_field_exists(struct unix_sock, peer) || BPF_CORE_READ(own, addr))
			return false;
		struct unix_sock *peer = (void *)BPF_CORE_READ(own, peer);
		return peer && BPF_CORE_READ(peer, addr);
	}
	if ((family != AF_INET && family != AF_INET6) || !BPF_CORE_READ(sock, __sk_common.skc_dport))
		return false;
	if (BPF_CORE_READ(socket, type) == SOCK_DGRAM)
		return true;
	if (BPF_CORE_READ(sock, sk_protocol) != IPPROTO_TCP)
		return false;
	/* connect() marks a port that it chooses so that bind() has no use of it. */
	struct inet_bind_bucket *bucket = BPF_CORE_READ((struct inet_connection_sock *)sock, icsk_bind_hash);
	return bucket && BPF_CORE_READ(bucket, fastreuse) < 0;
}

static __always_inline u64 describe_socket(struct file *file, struct aperture_object *object)
{
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct sock *sock = BPF_CORE_READ(socket, sk);
	u16 family = BPF_CORE_READ(sock, __sk_common.skc_family);
	__be16 peer_port = BPF_CORE_READ(sock, __sk_common.skc_dport);

	object->port = (u16)(peer_port << 8 | peer_port >> 8);
	/* Whose peer is not known, as of one that listens, is told by its own port. */
	object->own_port = object->port ? 0 : BPF_CORE_READ(sock, __sk_common.skc_num);
	object->kind = APERTURE_OBJECT_SOCKET;
	if (family == AF_INET) {
		object->kind = APERTURE_OBJECT_IPV4;
		u32 address = BPF_CORE_READ(sock, __sk_common.skc_daddr);
		__builtin_memcpy(object->address, &address, sizeof(address));
	} else if (family == AF_INET6 && bpf_core_field_exists(struct sock_common, skc_v6_daddr)) {
		object->kind = APERTURE_OBJECT_IPV6;
		BPF_CORE_READ_INTO(&object->address, sock, __sk_common.skc_v6_daddr);
	} else if (family == AF_UNIX) {
		object->kind = APERTURE_OBJECT_UNIX;
	}
	u64 *address = (void *)object->address;
	u64 hash = mix(object->kind, (u64)object->port << 16 | object->own_port);
	return mix(mix(hash, address[0]), address[1]) ?: 1;
}

/* Says what `file` is, but for its path; returns a hash of it. */
static __always_inline u64 describe_file(struct file *file, struct aperture_object *object)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	u32 type = BPF_CORE_READ(inode, i_mode) & S_IFMT;

	object->port = 0;
	object->own_port = 0;
	object->names = 0;
	__builtin_memset(object->address, 0, sizeof(object->address));
	if (type == S_IFSOCK)
		return describe_socket(file, object);
	if (type == S_IFIFO) {
		object->kind = APERTURE_OBJECT_PIPE;
		return APERTURE_OBJECT_PIPE;
	}
	object->kind = APERTURE_OBJECT_PATH;
	/* The same inode may have several paths; that by which it was opened counts. */
	u64 hash = mix(BPF_CORE_READ(inode, i_ino), BPF_CORE_READ(inode, i_sb, s_dev));
	return mix(hash, (u64)BPF_CORE_READ(file, f_path.dentry)) ?: 1;
}

/*
 * Reads the names on the path to `file`, the last one first, through the mounts that they lie in. How many there are is
 * in memory, where the verifier does not follow it: else it would look at each way through the loop.
 */
static __noinline int name_path(struct file *file, struct aperture_object *object)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct vfsmount *vfs = BPF_CORE_READ(file, f_path.mnt);
	struct mount *mount = (void *)vfs - bpf_core_field_offset(struct mount, mnt);

	for (u32 i = 0; i < PATH_STEPS; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
		u32 names = *(volatile u32 *)&object->names;

		if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
			struct mount *above = BPF_CORE_READ(mount, mnt_parent);
			if (above == mount)
				break;
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = above;
			continue;
		}
		if (names >= APERTURE_OBJECT_NAMES)
			break;
		bpf_probe_read_kernel_str(object->name[names & (APERTURE_OBJECT_NAMES - 1)], APERTURE_OBJECT_NAME,
					  BPF_CORE_READ(dentry, d_name.name));
		*(volatile u32 *)&object->names = names + 1;
		/* The root of what is mounted nowhere, as files in memory are. */
		if (parent == dentry) {
			object->kind = APERTURE_OBJECT_NAME_ONLY;
			break;
		}
		dentry = parent;
	}
	return 0;
}

#endif
