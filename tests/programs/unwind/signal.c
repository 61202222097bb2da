/* Spins in a signal handler that runs on a stack of its own, which lies above or below the other one. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

volatile unsigned long sink;

__attribute__((noinline)) static void in_handler(void)
{
	for (;;)
		sink++;
}

static void handler(int number)
{
	sink += number;
	in_handler();
	sink++;
}

/* Faults at its first instruction but one, with a frame that is not whole yet. */
__attribute__((noinline)) static int faults(int *nowhere)
{
	return *nowhere + 1;
}

__attribute__((noinline)) static void interrupted(void)
{
	sink += faults(0);
	sink++;
}

int main(void)
{
	stack_t stack = { .ss_sp = malloc(1 << 16), .ss_size = 1 << 16 };
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK };

	sigaltstack(&stack, 0);
	sigaction(SIGSEGV, &action, 0);
	puts("ready");
	fflush(stdout);
	interrupted();
}
