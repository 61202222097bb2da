// SPDX-License-Identifier: Apache-2.0
/* Threads that map and unmap memory: they wait for the lock of their map. */
#include <pthread.h>
#include <sys/mman.h>
static void *map(void *unused)
{
	for (;;) {
		char *memory = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		for (int i = 0; i < 1 << 20; i += 4096)
			memory[i] = 1;
		munmap(memory, 1 << 20);
	}
	return unused;
}
int main(void)
{
	pthread_t thread;
	for (int i = 0; i < 8; i++)
		pthread_create(&thread, 0, map, 0);
	pthread_join(thread, 0);
}
