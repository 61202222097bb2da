// SPDX-License-Identifier: Apache-2.0
/* Runs code in memory of no file, which keeps 0 in the frame pointer while it calls back, as PHP's does. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static const unsigned char CODE[] = {
	0x55,			/* push %rbp */
	0x31, 0xed,		/* xor %ebp, %ebp */
	0x48, 0x83, 0xec, 0x10, /* sub $16, %rsp */
	0xff, 0xd7,		/* call *%rdi */
	0x48, 0x83, 0xc4, 0x10, /* add $16, %rsp */
	0x5d,			/* pop %rbp */
	0xc3,			/* ret */
};

__attribute__((noinline)) static void spin(void)
{
	for (volatile int i = 0; i < 1000000; i++)
		;
}

int main(void)
{
	void *memory = mmap(NULL, sizeof(CODE), PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void (*volatile code)(void (*)(void)) = memory;

	if (memory == MAP_FAILED)
		return 1;
	memcpy(memory, CODE, sizeof(CODE));
	puts("ready");
	fflush(stdout);
	for (;;)
		code(spin);
}
