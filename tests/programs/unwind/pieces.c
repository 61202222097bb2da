// SPDX-License-Identifier: Apache-2.0
/*
 * Calls the kernel from stacks of many shapes: frames from some words to more than a page, saved registers at any distance
 * from the return address, frame pointers beside none. A part of them is on a fiber, whose stack ends at the last word
 * that can be read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE 4096
#define STACK_BYTES (64 * PAGE)
#define NOINLINE __attribute__((noinline))

static ucontext_t main_context, fiber_context;
static volatile unsigned long sink;

static void descend(unsigned int shape, int depth);

#define FRAME(bytes) \
	NOINLINE static void frame_##bytes(unsigned int shape, int depth) \
	{ volatile char room[bytes]; room[shape % bytes] = depth; descend(shape, depth); sink += room[shape % bytes]; }
FRAME(8)
FRAME(120)
FRAME(1000)
FRAME(1016)
FRAME(1032)
FRAME(4080)
FRAME(9000)

/* Of a size that is known only when it runs, so that it is found by the frame pointer. */
NOINLINE static void frame_sized(unsigned int shape, int depth)
{
	volatile char *room = __builtin_alloca(shape % 2000 + 16);

	room[0] = depth;
	descend(shape, depth);
	sink += room[0];
}

/* Saves all registers that it may. */
NOINLINE static void frame_busy(unsigned int shape, int depth)
{
	unsigned long a = sink + 1, b = sink + 2, c = sink + 3, d = sink + 4, e = sink + 5;

	descend(shape, depth);
	sink += a ^ b * c ^ d * e;
	asm volatile("" ::"r"(a), "r"(b), "r"(c), "r"(d), "r"(e));
}

static void (*const frames[])(unsigned int, int) = {
	frame_8, frame_120, frame_1000, frame_1016, frame_1032, frame_4080, frame_9000, frame_sized, frame_busy,
};

NOINLINE static void descend(unsigned int shape, int depth)
{
	if (depth == 0)
		syscall(SYS_getppid);
	else
		frames[shape % (sizeof(frames) / sizeof(*frames))](shape * 1103515245 + 12345 + (shape >> 16), depth - 1);
	sink++;
}

static void fiber_main(void)
{
	for (;;) {
		for (unsigned int shape = 0; shape < 20; shape++)
			descend(shape, shape % 8);
		swapcontext(&fiber_context, &main_context);
	}
}

int main(void)
{
	char *stack = mmap(NULL, STACK_BYTES + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (stack == MAP_FAILED || mprotect(stack + STACK_BYTES, PAGE, PROT_NONE))
		return 1;
	getcontext(&fiber_context);
	fiber_context.uc_stack.ss_sp = stack;
	fiber_context.uc_stack.ss_size = STACK_BYTES;
	fiber_context.uc_link = &main_context;
	makecontext(&fiber_context, fiber_main, 0);
	puts("ready");
	fflush(stdout);
	for (;;) {
		for (unsigned int shape = 0; shape < 60; shape++)
			descend(shape, shape % 30);
		swapcontext(&main_context, &fiber_context);
		usleep(1000);
	}
}
