// SPDX-License-Identifier: Apache-2.0
/* Moves all of its code to memory of no file, at the same addresses, as is done for large pages; then runs it. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

volatile unsigned long sink;

__attribute__((noinline)) static void spin(void)
{
	for (;;)
		sink++;
}

__attribute__((noinline)) static void middle(void)
{
	spin();
	sink++;
}

static int move_code(void)
{
	char line[512];
	unsigned long start = 0, end = 0, here = (unsigned long)&spin;
	FILE *maps = fopen("/proc/self/maps", "r");

	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx", &start, &end) == 2 && start <= here && here < end)
			break;
	fclose(maps);
	unsigned long bytes = end - start;
	char *copy = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(copy, (void *)start, bytes);
	mprotect(copy, bytes, PROT_READ | PROT_EXEC);
	/* libc's own function returns to code that is there by then. */
	return mremap(copy, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)start) != (void *)start;
}

int main(void)
{
	if (move_code())
		return 1;
	puts("ready");
	fflush(stdout);
	middle();
}
