// SPDX-License-Identifier: Apache-2.0

// Makes system calls in known numbers, and prints as JSON what it measured and saw of them. The first argument says
// which, the second how many; see main().
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAPS 100
#define READS 1000
#define NOINLINE __attribute__((noinline))

static int ends[2];
static volatile int handled;

static uint64_t now_ns(void) {
	struct timespec now;

	// By the vDSO: no system call.
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static uint64_t cpu_ns(void) {
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return used.tv_sec * 1000000000ull + used.tv_nsec;
}

static long nap(long ms) {
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	// Not libc's, which calls clock_nanosleep.
	return syscall(SYS_nanosleep, &time, NULL);
}

static int compare(const void *a, const void *b) {
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void print_times(const char *name, uint64_t *times, int count) {
	uint64_t total = 0;

	for (int i = 0; i < count; i++)
		total += times[i];
	qsort(times, count, sizeof(*times), compare);
	printf("\"%s\":{\"count\":%d,\"total\":%lu,\"p50\":%lu,\"p99\":%lu},", name, count, total, times[count / 2],
	       times[count * 99 / 100]);
}

static void *write_slowly(void *unused) {
	(void)unused;
	prctl(PR_SET_NAME, "writer");
	for (int i = 0; i < READS; i++) {
		nap(i % 10 == 0 ? 3 : 0);
		if (write(ends[1], "x", 1) != 1)
			abort();
	}
	return NULL;
}

NOINLINE static void sleep_often(void) {
	static uint64_t times[NAPS];

	for (int i = 0; i < NAPS; i++) {
		uint64_t start = now_ns();
		nap(10);
		times[i] = now_ns() - start;
	}
	print_times("nanosleep", times, NAPS);
}

NOINLINE static void read_often(void) {
	static uint64_t times[READS];
	pthread_t writer;
	char byte;

	if (pipe(ends))
		abort();
	pthread_create(&writer, NULL, write_slowly, NULL);
	for (int i = 0; i < READS; i++) {
		uint64_t start = now_ns();
		if (syscall(SYS_read, ends[0], &byte, 1) != 1)
			abort();
		times[i] = now_ns() - start;
	}
	pthread_join(writer, NULL);
	print_times("read", times, READS);
}

NOINLINE static void call_often(long count) {
	for (long i = 0; i < count; i++)
		syscall(SYS_getppid);
}

static void exactly(long count) {
	call_often(count);
	for (int i = 0; i < 10000; i++)
		syscall(SYS_openat, AT_FDCWD, "/nowhere", O_RDONLY);
	sleep_often();
	read_often();
}

// Code of 64 bits can call as code of 32 bits does.
static void ia32(long count) {
#if defined(__x86_64__)
	long result;

	for (long i = 0; i < count; i++) {
		// getppid, then close of a descriptor that is none.
		__asm__ volatile("int $0x80" : "=a"(result) : "a"(64) : "memory", "r8", "r9", "r10", "r11");
		__asm__ volatile("int $0x80" : "=a"(result) : "a"(6), "b"(-1) : "memory", "r8", "r9", "r10", "r11");
	}
	printf("\"result\":%ld,", result);
#endif
}

static void *pause_forever(void *unused) {
	(void)unused;
	prctl(PR_SET_NAME, "sleeper");
	syscall(SYS_pause);
	return NULL;
}

static void *end_alone(void *unused) {
	return unused;
}

// So many threads end in a call when the process does, and as many by themselves.
static void die(long count) {
	pthread_t thread;

	for (long i = 0; i < count; i++) {
		pthread_create(&thread, NULL, pause_forever, NULL);
		pthread_create(&thread, NULL, end_alone, NULL);
		pthread_join(thread, NULL);
	}
	nap(100);
}

static void fork_often(long count) {
	for (long i = 0; i < count; i++) {
		pid_t child = fork();
		if (child == 0) {
			prctl(PR_SET_NAME, "child");
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
}

static void on_signal(int signal) {
	(void)signal;
	handled++;
}

static void set_handler(int flags) {
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };

	sigaction(SIGALRM, &action, NULL);
}

static void *signal_main(void *of) {
	long count = *(long *)of;

	prctl(PR_SET_NAME, "signaller");
	for (long i = 0; i < count; i++) {
		int before = handled;

		nap(20);
		kill(getpid(), SIGALRM);
		// While one is pending, others are not delivered.
		while (handled == before)
			nap(1);
	}
	return NULL;
}

// Sleeps that fail with EINTR, and a read that goes on after as many signals.
static void interrupt(long count) {
	pthread_t thread;
	sigset_t set;
	long failed = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	set_handler(0);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pthread_create(&thread, NULL, signal_main, &count);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	while (handled < count)
		failed += nap(5000) < 0;
	pthread_join(thread, NULL);
	printf("\"failed\":%ld,", failed);
	if (pipe(ends))
		abort();
	set_handler(SA_RESTART);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pthread_create(&thread, NULL, signal_main, &count);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	char byte;
	if (fork() == 0) {
		nap(20 * count + 300);
		_exit(write(ends[1], "x", 1) != 1);
	}
	printf("\"read\":%ld,", syscall(SYS_read, ends[0], &byte, 1));
	pthread_join(thread, NULL);
	while (wait(NULL) < 0 && errno == EINTR)
		;
	printf("\"handled\":%d,", handled);
}

// The kernel itself restarts a sleep that was stopped, in which no handler ran.
static void stop(void) {
	pid_t parent = getpid();
	uint64_t start;

	if (fork() == 0) {
		for (int i = 0; i < 5; i++) {
			nap(30);
			kill(parent, SIGSTOP);
			nap(30);
			kill(parent, SIGCONT);
		}
		_exit(0);
	}
	start = now_ns();
	printf("\"result\":%ld,", nap(500));
	printf("\"total\":%lu,", now_ns() - start);
	wait(NULL);
}

// Calls that seccomp refuses before they begin.
static void refuse(long count) {
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(*filter), filter };
	long refused = 0;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
	for (long i = 0; i < count; i++)
		refused += syscall(SYS_getppid) < 0 && errno == EPERM;
	printf("\"refused\":%ld,", refused);
}

// Numbers that no table has.
static void invalid(long count) {
	for (long i = 0; i < count; i++)
		syscall(100000 + i);
	syscall(1000);
}

static void *call_thread(void *of) {
	call_often(*(long *)of);
	return NULL;
}

// From two threads at once.
static void twice(long count) {
	pthread_t thread;

	pthread_create(&thread, NULL, call_thread, &count);
	call_often(count);
	pthread_join(thread, NULL);
}

// A thread that is not the first one becomes another program, of which the process is only the first.
static void *exec_thread(void *path) {
	nap(50);
	execl("/nowhere", "nowhere", NULL);
	execl(path, path, "calls", "7", NULL);
	return NULL;
}

int main(int argc, char **argv) {
	const char *what = argc > 1 ? argv[1] : "calls";
	long count = argc > 2 ? atol(argv[2]) : 1;
	pthread_t thread;

	if (!strcmp(what, "exec")) {
		pthread_create(&thread, NULL, exec_thread, argv[3]);
		pthread_join(thread, NULL);
	}
	printf("{");
	if (!strcmp(what, "exactly"))
		exactly(count);
	else if (!strcmp(what, "calls")) {
		uint64_t start = now_ns(), used = cpu_ns();
		call_often(count);
		printf("\"calls\":%ld,\"cpu_ns\":%lu,\"ns\":%lu,", count, cpu_ns() - used, now_ns() - start);
	}
	else if (!strcmp(what, "twice"))
		twice(count);
	else if (!strcmp(what, "ia32"))
		ia32(count);
	else if (!strcmp(what, "die"))
		die(count);
	else if (!strcmp(what, "fork"))
		fork_often(count);
	else if (!strcmp(what, "interrupt"))
		interrupt(count);
	else if (!strcmp(what, "stop"))
		stop();
	else if (!strcmp(what, "refuse"))
		refuse(count);
	else if (!strcmp(what, "invalid"))
		invalid(count);
	printf("\"pid\":%d}\n", getpid());
	return 0;
}
