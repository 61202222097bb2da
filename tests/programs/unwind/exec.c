// SPDX-License-Identifier: Apache-2.0
/* Works, and calls the kernel, in WORK() and by CALL(); on a signal it becomes another program. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static volatile sig_atomic_t asked;
static volatile unsigned long sum;

static void ask(int signal)
{
	(void)signal;
	asked = 1;
}

__attribute__((noinline)) void WORK(void)
{
	for (int i = 0; i < 100000; i++)
		sum += i;
	sum += CALL();
}

int main(int count, char **arguments)
{
	signal(SIGUSR1, ask);
	puts("ready");
	fflush(stdout);
	while (!asked || count < 2)
		WORK();
	execv(arguments[1], arguments + 1);
}
