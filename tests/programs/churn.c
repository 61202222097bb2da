// SPDX-License-Identifier: Apache-2.0
/*
 * churn PROCESSES CALLS [PER_SECOND]: so many processes, one after another, each of which makes the first CALLS of the
 * calls below once and ends. Without PER_SECOND as fast as the machine can. The processes are called "churned".
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Calls that fail, or change nothing, with -1 for all arguments. */
static const long calls[] = {
	SYS_read, SYS_write, SYS_close, SYS_fstat, SYS_lseek, SYS_ioctl, SYS_pread64, SYS_pwrite64, SYS_readv,
	SYS_writev, SYS_dup, SYS_dup2, SYS_getpid, SYS_socket, SYS_connect, SYS_sendto, SYS_recvfrom, SYS_sendmsg,
	SYS_recvmsg, SYS_shutdown, SYS_bind, SYS_listen, SYS_getsockname, SYS_getpeername, SYS_setsockopt,
	SYS_getsockopt, SYS_fcntl, SYS_flock, SYS_fsync, SYS_fdatasync, SYS_ftruncate, SYS_getcwd, SYS_fchdir,
	SYS_fchmod, SYS_fchown, SYS_getuid, SYS_getgid, SYS_geteuid, SYS_getegid, SYS_getppid, SYS_getpgrp,
	SYS_getresuid, SYS_getpgid, SYS_getsid, SYS_fstatfs, SYS_getpriority, SYS_gettid, SYS_readahead,
	SYS_fsetxattr, SYS_fgetxattr,
};

int main(int argc, char **argv)
{
	long processes = argc > 2 ? atol(argv[1]) : 0;
	long count = argc > 2 ? atol(argv[2]) : 0;
	long per_second = argc > 3 ? atol(argv[3]) : 0;
	struct timespec next;

	if (count > (long)(sizeof(calls) / sizeof(*calls)))
		return 2;
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (long i = 0; i < processes; i++) {
		pid_t pid = fork();
		if (pid < 0)
			return 1;
		if (pid == 0) {
			prctl(PR_SET_NAME, "churned");
			for (long c = 0; c < count; c++)
				syscall(calls[c], -1L, -1L, -1L, -1L, -1L, -1L);
			_exit(0);
		}
		if (waitpid(pid, NULL, 0) != pid)
			return 1;
		if (per_second == 0)
			continue;
		next.tv_nsec += 1000000000L / per_second;
		if (next.tv_nsec >= 1000000000L) {
			next.tv_nsec -= 1000000000L;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	return 0;
}
