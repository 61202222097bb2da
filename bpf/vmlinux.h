// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What the programs use of the kernel's types on all architectures: only the members that are read; arch/ has the
 * others. Their offsets here mean nothing: libbpf rewrites each access to the offset of the running kernel (CO-RE), so
 * the build needs no kernel's BTF.
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

typedef unsigned char __u8;
typedef signed short __s16;
typedef unsigned short __u16;
typedef signed int __s32;
typedef unsigned int __u32;
typedef signed long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;
typedef __u64 u64;
typedef _Bool bool;
#define false 0
#define true 1

#define NULL ((void *)0)

/* The numbers of include/uapi/linux/bpf.h, which are the kernel's promise to programs. */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_LPM_TRIE = 11,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};

enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
};

enum {
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1 << 0,
};

enum {
	BPF_F_NO_PREALLOC = 1 << 0,
	BPF_F_USER_STACK = 1 << 8,
	BPF_F_MMAPABLE = 1 << 10,
};

/* For whether the running kernel has a helper; what follows ___ is not compared. */
enum bpf_func_id___aperture {
	BPF_FUNC_get_current_task_btf___aperture = 158,
	BPF_FUNC_task_pt_regs___aperture = 175,
};

/* What a raw tracepoint hands on; this is not relocated. */
struct bpf_raw_tracepoint_args {
	u64 args[0];
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

struct ns_common {
	unsigned int inum;
};

struct pid_namespace {
	struct ns_common ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct super_block {
	unsigned long s_magic;
	u32 s_dev;
};

struct inode {
	u16 i_mode;
	u32 i_rdev;
	u32 i_generation;
	unsigned long i_ino;
	s64 i_size;
	/* Since 6.11. */
	s64 i_mtime_sec;
	struct super_block *i_sb;
};

struct timespec64 {
	s64 tv_sec;
};

/* From 6.7 to 6.10, and before. */
struct inode___6_7 {
	struct timespec64 __i_mtime;
};

struct inode___5_10 {
	struct timespec64 i_mtime;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
	void *private_data;
};

struct in6_addr {
	u8 bytes[16];
};

struct sock_common {
	__be32 skc_daddr;
	__be16 skc_dport;
	u16 skc_num;
	u16 skc_family;
	struct in6_addr skc_v6_daddr;
};

struct sock {
	struct sock_common __sk_common;
	u16 sk_protocol;
};

struct socket {
	short type;
	struct sock *sk;
};

struct inet_bind_bucket {
	signed char fastreuse;
};

struct inet_connection_sock {
	struct inet_bind_bucket *icsk_bind_hash;
};

struct unix_address;

struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
};

struct rb_node {
	struct rb_node *rb_right;
	struct rb_node *rb_left;
};

struct rb_root {
	struct rb_node *rb_node;
};

struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	unsigned long vm_pgoff;
	unsigned long vm_flags;
	struct mm_struct *vm_mm;
	struct file *vm_file;
};

/* Since 6.15, and from 6.4 on, where single mappings have locks: whether it still is a mapping. */
struct refcount {
	atomic_t refs;
};

struct vm_area_struct___6_15 {
	struct refcount vm_refcnt;
};

struct vm_area_struct___6_4 {
	bool detached;
};

/* Before 6.1. */
struct vm_area_struct___5_10 {
	struct rb_node vm_rb;
};

struct maple_tree {
	void *ma_root;
};

/* Only their sizes are asked for. */
struct maple_range_64 {
	u64 parent;
};

struct maple_arange_64 {
	u64 parent;
};

/* Instructions that probes of user code run out of line; what uretprobes have functions return to is first. */
struct xol_area {
	unsigned long vaddr;
};

/* A function that was entered and is to return to a uretprobe. */
struct return_instance {
	unsigned long stack;
	unsigned long orig_ret_vaddr;
	struct return_instance *next;
};

struct uprobe_task {
	struct return_instance *return_instances;
};

struct mm_struct {
	/* Since 6.1. */
	struct maple_tree mm_mt;
	unsigned long end_code, start_stack;
	struct {
		void *vdso;
	} context;
	struct {
		struct xol_area *xol_area;
	} uprobes_state;
};

/* Since 6.13, from 6.4 on, and up to 6.0: other numbers once mappings were changed. */
struct seqcount {
	u32 sequence;
};

struct mm_struct___6_13 {
	struct seqcount mm_lock_seq;
};

struct mm_struct___6_4 {
	u32 mm_lock_seq;
};

struct mm_struct___5_10 {
	struct rb_root mm_rb;
	u64 vmacache_seqnum;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct list_head {
	struct list_head *next;
};

struct signal_struct {
	atomic_t live;
	/* Of `thread_node` of all threads. */
	struct list_head thread_head;
};

/* include/uapi/linux/futex.h: lists of the robust mutexes that a thread has, in its own memory. */
struct robust_list {
	struct robust_list *next;
};

struct robust_list_head {
	struct robust_list list;
	long futex_offset;
	struct robust_list *list_op_pending;
};

typedef struct {
	s64 counter;
} atomic_long_t;

/* Their owners are tasks, with marks in the lowest bits. */
struct mutex {
	atomic_long_t owner;
};

struct rw_semaphore {
	atomic_long_t owner;
};

struct task_struct {
	void *stack;
	unsigned int flags;
	int pid;
	int tgid;
	int on_cpu;
	unsigned long nvcsw, nivcsw;
	struct list_head thread_node;
	struct signal_struct *signal;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	char comm[16];
	struct files_struct *files;
	struct mm_struct *mm;
	struct uprobe_task *utask;
	int *clear_child_tid;
	struct robust_list_head *robust_list;
};

struct seq_file {
	void *private;
};

/* What a program that goes through all tasks is called with. */
struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct sigaction {
	void *sa_handler;
	unsigned long sa_flags;
};

struct k_sigaction {
	struct sigaction sa;
};

#pragma clang attribute pop

#endif
