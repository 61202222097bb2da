// SPDX-License-Identifier: Apache-2.0
/*
 * Runs two stacks in turn, as libraries of coroutines do: by assembly without unwind information. The entry of the second one
 * returns to code that nobody has called, which begins at any address.
 */
#include <stdint.h>
#include <stdio.h>

volatile unsigned long sink;
static uint64_t room[4096] __attribute__((aligned(16)));
static void *first, *second;

void to_stack(void **from, void *to);
void *make_stack(void *top, void (*entry)(void));

asm(".text\n"
    ".p2align 4\n"
    ".type to_stack, @function\n"
    "to_stack:\n"
    "	push %rbp\n"
    "	push %rbx\n"
    "	push %r12\n"
    "	push %r13\n"
    "	push %r14\n"
    "	push %r15\n"
    "	mov %rsp, (%rdi)\n"
    "	mov %rsi, %rsp\n"
    ".rept 12\n"
    "	pause\n"
    ".endr\n"
    "	pop %r15\n"
    "	pop %r14\n"
    "	pop %r13\n"
    "	pop %r12\n"
    "	pop %rbx\n"
    "	pop %rbp\n"
    "	ret\n"
    ".size to_stack, . - to_stack\n"
    ".p2align 4\n"
    ".type make_stack, @function\n"
    "make_stack:\n"
    "	lea finished(%rip), %rcx\n"
    "	mov %rcx, -8(%rdi)\n"
    "	mov %rsi, -16(%rdi)\n"
    "	movq $77, -24(%rdi)\n"
    "	lea -64(%rdi), %rax\n"
    "	ret\n"
    "	jmp *%rbx\n"
    "finished:\n"
    "	hlt\n"
    ".size make_stack, . - make_stack\n");

__attribute__((noinline)) static void job(void)
{
	for (int i = 0; i < 3000; i++)
		sink++;
}

static void entry(void)
{
	for (;;) {
		job();
		for (int i = 0; i < 30; i++)
			to_stack(&second, first);
	}
}

int main(void)
{
	second = make_stack(room + sizeof(room) / sizeof(room[0]), entry);
	puts("ready");
	fflush(stdout);
	for (;;)
		to_stack(&first, second);
}
