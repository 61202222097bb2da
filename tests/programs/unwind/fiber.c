// SPDX-License-Identifier: Apache-2.0
/* A fiber on a stack of its own: makecontext() has its function return to where nobody called from. */
#include <stdio.h>
#include <ucontext.h>

static ucontext_t main_context, fiber_context;
static char stack[1 << 18];
static volatile unsigned long sum;

__attribute__((noinline)) static void job(void)
{
	for (int i = 0; i < 1000000; i++)
		sum += i;
}

static void fiber_main(void)
{
	for (;;) {
		job();
		swapcontext(&fiber_context, &main_context);
	}
}

int main(void)
{
	getcontext(&fiber_context);
	fiber_context.uc_stack.ss_sp = stack;
	fiber_context.uc_stack.ss_size = sizeof(stack);
	fiber_context.uc_link = &main_context;
	makecontext(&fiber_context, fiber_main, 0);
	puts("ready");
	fflush(stdout);
	for (;;)
		swapcontext(&main_context, &fiber_context);
}
