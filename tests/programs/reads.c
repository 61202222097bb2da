// Spends nearly all its time in the kernel: it reads zeros until it is killed.
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

__attribute__((noinline)) void read_forever(int fd) {
	static char buffer[1 << 16];

	while (read(fd, buffer, sizeof(buffer)) > 0)
		;
}

int main(void) {
	int fd = open("/dev/zero", O_RDONLY);

	puts("ready");
	fflush(stdout);
	read_forever(fd);
	return 1;
}
