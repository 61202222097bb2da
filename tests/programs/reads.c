// SPDX-License-Identifier: Apache-2.0

// Spends nearly all its time in the kernel: it reads zeros until it is killed.
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>

// The call itself, as libc's has no frame pointer and would hide its caller from a walk by frame pointers.
static inline long read_raw(int fd, char *buffer, unsigned long size) {
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(SYS_read), "D"(fd), "S"(buffer), "d"(size)
			 : "rcx", "r11", "memory");
	return result;
}

__attribute__((noinline)) void read_forever(int fd) {
	static char buffer[1 << 16];

	while (read_raw(fd, buffer, sizeof(buffer)) > 0)
		;
}

int main(void) {
	int fd = open("/dev/zero", O_RDONLY);

	puts("ready");
	fflush(stdout);
	read_forever(fd);
	return 1;
}
