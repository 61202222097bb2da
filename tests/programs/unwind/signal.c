// SPDX-License-Identifier: Apache-2.0
/*
 * Spins in a signal handler that runs on a stack of its own, which lies above or below the other one. With OWN_WAY_BACK
 * it returns through code without unwind information, as handlers of musl and Go do.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

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

#ifdef OWN_WAY_BACK
#define SA_RESTORER 0x04000000

/* What the kernel takes; the C library would put its own way back in. */
struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	unsigned long mask;
};

void way_back(void);
asm(".text\n"
    ".skip 16, 0x90\n"
    ".type way_back, @function\n"
    "way_back:\n"
    "	mov $15, %rax\n"
    "	syscall\n"
    ".size way_back, . - way_back\n");

static int handle_faults(void)
{
	struct kernel_sigaction action = {
		.handler = handler, .flags = SA_ONSTACK | SA_RESTORER, .restorer = way_back
	};

	return syscall(SYS_rt_sigaction, SIGSEGV, &action, 0, 8);
}
#else
static int handle_faults(void)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK };

	return sigaction(SIGSEGV, &action, 0);
}
#endif

int main(void)
{
	stack_t stack = { .ss_sp = malloc(1 << 16), .ss_size = 1 << 16 };

	sigaltstack(&stack, 0);
	if (handle_faults())
		return 1;
	puts("ready");
	fflush(stdout);
	interrupted();
}
