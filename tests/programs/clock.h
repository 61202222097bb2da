// SPDX-License-Identifier: Apache-2.0
/* The clock that programs measure themselves by, which is that of the BPF programs, and how they pass time. */
#ifndef CLOCK_H
#define CLOCK_H

#include <time.h>

#define NOINLINE __attribute__((noinline))

/* Who writes here after a call stays on the stack during it. */
static volatile long sink;

static inline long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000L + time.tv_nsec;
}

/* Sleeps less than a second, so that it holds what it holds without taking the CPU from those who wait. */
static NOINLINE void pass_time(long ns)
{
	struct timespec time = { 0, ns };

	while (nanosleep(&time, &time))
		;
	sink = sink + 1;
}

#endif
