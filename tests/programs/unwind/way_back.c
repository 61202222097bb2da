/* As signal.c, but the handler returns through code without unwind information, as those of musl and Go do. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SA_RESTORER 0x04000000

/* What the kernel takes; the C library would put its own way back in. */
struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	unsigned long mask;
};

volatile unsigned long sink;

void way_back(void);
asm(".text\n"
    ".skip 16, 0x90\n"
    ".type way_back, @function\n"
    "way_back:\n"
    "	mov $15, %rax\n"
    "	syscall\n"
    ".size way_back, . - way_back\n");

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
	struct kernel_sigaction action = {
		.handler = handler, .flags = SA_ONSTACK | SA_RESTORER, .restorer = way_back
	};

	sigaltstack(&stack, 0);
	if (syscall(SYS_rt_sigaction, SIGSEGV, &action, 0, 8))
		return 1;
	puts("ready");
	fflush(stdout);
	interrupted();
}
