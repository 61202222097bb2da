// SPDX-License-Identifier: Apache-2.0

// Spends 2/3 of its CPU time in two_thirds() and 1/3 in one_third(), by its own thread clock, until it is killed or for the
// milliseconds of CPU time that its argument says.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define HOT __attribute__((noinline))

static volatile uint64_t sink;

static uint64_t cpu_ns(void) {
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

// The clock is read seldom enough not to show.
HOT void two_thirds(uint64_t end) {
	while (cpu_ns() < end)
		for (int i = 0; i < 100000; i++)
			sink += i * i;
}

HOT void one_third(uint64_t end) {
	while (cpu_ns() < end)
		for (int i = 0; i < 100000; i++)
			sink ^= i + (sink << 1);
}

int main(int argc, char **argv) {
	uint64_t end = argc > 1 ? strtoull(argv[1], NULL, 10) * 1000000 : UINT64_MAX;

	puts("ready");
	fflush(stdout);
	for (uint64_t now = cpu_ns(); now < end; now += 6000000) {
		two_thirds(now + 4000000);
		one_third(now + 6000000);
	}
	return 0;
}
