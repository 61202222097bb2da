// SPDX-License-Identifier: Apache-2.0
/**
 * Sorts system calls by the kind of work that they do.
 *
 * @module
 */

/**
 * `wait`: blocks by purpose, until there is something to do, so that its time is nobody's cost. `file`: files, their
 * names and their contents, pipes included. `network`: sockets. `memory`: the address space. `process`: processes,
 * threads and what they may. `signal`, and `other`: clocks, the machine, what has no better place.
 */
export type CallCategory = "wait" | "file" | "network" | "memory" | "process" | "signal" | "other";

/** Names between spaces. What is in none is `other`, unless one of the patterns below knows it. */
const CALLS: Readonly<Record<Exclude<CallCategory, "other">, string>> = {
  wait:
    `poll ppoll ppoll_time64 select _newselect pselect6 pselect6_time64 epoll_wait epoll_pwait epoll_pwait2
    epoll_wait_old futex futex_time64 futex_wait futex_waitv nanosleep clock_nanosleep clock_nanosleep_time64 pause
    accept accept4 wait4 waitid waitpid rt_sigtimedwait rt_sigtimedwait_time64 rt_sigsuspend sigsuspend io_getevents
    io_pgetevents io_pgetevents_time64 mq_timedreceive mq_timedreceive_time64 msgrcv semtimedop
    semtimedop_time64 semop restart_syscall`,
  file:
    `read write pread64 pwrite64 readv writev preadv pwritev preadv2 pwritev2 open openat openat2 open_by_handle_at
    name_to_handle_at creat close close_range lseek _llseek dup dup2 dup3 pipe pipe2 fcntl fcntl64 ioctl flock fsync
    fdatasync sync syncfs sync_file_range truncate truncate64 ftruncate ftruncate64 fallocate fadvise64 fadvise64_64
    readahead getdents getdents64 readdir getcwd chdir fchdir chroot rename renameat renameat2 mkdir mkdirat rmdir link
    linkat unlink unlinkat symlink symlinkat readlink readlinkat mknod mknodat chmod fchmod fchmodat fchmodat2 chown
    lchown fchown fchownat chown32 lchown32 fchown32 umask access faccessat faccessat2 utime utimes futimesat utimensat
    utimensat_time64 sendfile sendfile64 splice tee vmsplice copy_file_range memfd_create memfd_secret eventfd eventfd2
    epoll_create epoll_create1 epoll_ctl epoll_ctl_old inotify_init inotify_init1 inotify_add_watch inotify_rm_watch
    fanotify_init fanotify_mark io_setup io_destroy io_submit io_cancel io_uring_setup io_uring_enter io_uring_register
    mount umount umount2 mount_setattr move_mount fsopen fsconfig fsmount fspick open_tree open_tree_attr statmount
    listmount pivot_root quotactl quotactl_fd swapon swapoff acct ustat cachestat file_getattr file_setattr`,
  network:
    `socket socketpair bind listen connect getsockname getpeername getsockopt setsockopt shutdown sendto recvfrom
    sendmsg recvmsg sendmmsg recvmmsg recvmmsg_time64 send recv socketcall`,
  memory:
    `mmap mmap2 munmap mremap mprotect pkey_mprotect pkey_alloc pkey_free brk madvise process_madvise mincore
    mlock mlock2 munlock mlockall munlockall msync mseal remap_file_pages shmget shmat shmdt shmctl mbind get_mempolicy
    set_mempolicy set_mempolicy_home_node migrate_pages move_pages map_shadow_stack process_vm_readv process_vm_writev
    process_mrelease membarrier userfaultfd`,
  process:
    `clone clone3 fork vfork execve execveat exit exit_group kcmp ptrace prctl arch_prctl unshare setns personality
    modify_ldt set_thread_area get_thread_area set_tid_address set_robust_list get_robust_list rseq capget capset
    seccomp nice ioprio_get ioprio_set times getcpu pidfd_open pidfd_getfd umask ulimit vhangup`,
  signal:
    `kill tkill tgkill pidfd_send_signal sigaltstack signal sigaction sigreturn sigpending sigprocmask signalfd
    signalfd4 sgetmask ssetmask rt_sigaction rt_sigreturn rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_tgsigqueueinfo`,
};

/** Families, some of whose members are of 32-bit tables only. */
const FAMILIES: readonly (readonly [RegExp, CallCategory])[] = [
  [/^(?:old|new)?[fl]?stat(?:fs|x|at)?(?:64)?$|^newfstatat$|^fstat(?:at|fs)64$|xattr(?:at)?$/, "file"],
  [/^(?:sched_|landlock_)|^[gs]et_?(?:res|re|fs|e|p|pp|s|t)?[ugp]?id(?:32)?$/, "process"],
  [/^[gs]et(?:groups|rlimit|priority|rusage|pgrp)(?:32)?$|^u?getrlimit$|^prlimit64$/, "process"],
];

const BY_NAME = new Map<string, CallCategory>(
  Object.entries(CALLS).flatMap(([category, names]) => {
    return names.split(/\s+/).map((name) => [name, category as CallCategory] as const);
  }),
);

/** Finds what `callName` puts before and behind a name. */
const PARTS = /^(?:\w+:)?(\w+)(?:\((\w+)\))?$/;

/**
 * Returns the category of `call`, as `callName` names it. What a long read waited for makes it a `wait`: a `read(pipe)`
 * is one, a `read` is not, nor is a `read(server)`, which waits for an answer.
 */
export function callCategory(call: string): CallCategory {
  const [, name = call, source] = PARTS.exec(call) ?? [];
  if (source !== undefined) return source === "server" ? "network" : "wait";
  return BY_NAME.get(name) ?? FAMILIES.find(([pattern]) => pattern.test(name))?.[1] ?? "other";
}
