// SPDX-License-Identifier: Apache-2.0
/*
 * Becomes another program again and again, by a thread that is not its first one and has called futex(2). `exec_threads`
 * says "ready", does so EXECS times when it gets a line, and says then how often: {"execs": N}.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXECS 1000

static int word;

static void *become_next(void *execs)
{
	char next[16];

	/* It expects what is not there, and so does not wait. */
	syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0);
	snprintf(next, sizeof(next), "%ld", (long)execs + 1);
	execl("/proc/self/exe", "exec_threads", next, NULL);
	perror("execl");
	exit(1);
}

int main(int argc, char **argv)
{
	pthread_t thread;
	long execs = argc > 1 ? atol(argv[1]) : 0;

	if (!execs) {
		puts("ready");
		fflush(stdout);
		getchar();
	}
	if (execs < EXECS) {
		pthread_create(&thread, NULL, become_next, (void *)execs);
		pthread_join(thread, NULL);
		return 1;
	}
	printf("{\"execs\": %ld}\n", execs);
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
