// SPDX-License-Identifier: Apache-2.0
/* Loads two plug-ins in turn, which the dynamic loader puts at the same address. */
#include <dlfcn.h>
#include <stdio.h>
#include <time.h>

/* Of the thread alone: both plug-ins have as much of the CPU, whatever else runs. */
static double cpu_time(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

__attribute__((noinline)) static void *phase(const char *path)
{
	void *plugin = dlopen(path, RTLD_NOW);
	void (*entry)(void) = dlsym(plugin, "plugin_entry");
	double end = cpu_time() + 0.1;

	/* It is a system call, so there are few. */
	while (cpu_time() < end)
		for (int i = 0; i < 64; i++)
			entry();
	dlclose(plugin);
	return (void *)entry;
}

int main(int argc, char **argv)
{
	void *first = phase(argv[1]);
	void *second = phase(argv[argc - 1]);

	printf("%s\n", first == second ? "same" : "other");
	fflush(stdout);
	for (;;) {
		phase(argv[1]);
		phase(argv[argc - 1]);
	}
}
