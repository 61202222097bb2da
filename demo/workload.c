// SPDX-License-Identifier: Apache-2.0

//
// Each thread repeats rounds of fixed lengths of CPU time: `render` 40 ms mandelbrot and 20 ms checksum, `files` 20 ms
// sieve and 20 ms of small reads, which are the kernel's work. It stops when its standard input closes.
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HOT __attribute__((noinline))

static volatile uint64_t sink;

static uint64_t thread_ns(void) {
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

HOT void mandelbrot(uint64_t ns) {
	for (uint64_t end = thread_ns() + ns; thread_ns() < end;) {
		for (int pixel = 0; pixel < 4096; pixel++) {
			double re = pixel / 2048.0 - 1.5, x = 0, y = 0;
			int steps = 0;

			for (; steps < 64 && x * x + y * y < 4; steps++) {
				double next = x * x - y * y + re;

				y = 2 * x * y + 0.3;
				x = next;
			}
			sink += steps;
		}
	}
}

HOT void checksum(uint64_t ns) {
	for (uint64_t end = thread_ns() + ns; thread_ns() < end;) {
		uint64_t hash = 0xcbf29ce484222325;

		for (int i = 0; i < 200000; i++)
			hash = (hash ^ (i & 0xff)) * 0x100000001b3;
		sink += hash;
	}
}

HOT void sieve(uint64_t ns) {
	static char composite[65536];

	for (uint64_t end = thread_ns() + ns; thread_ns() < end;) {
		memset(composite, 0, sizeof(composite));
		for (int n = 2; n * n < (int)sizeof(composite); n++)
			for (int m = n * n; !composite[n] && m < (int)sizeof(composite); m += n)
				composite[m] = 1;
		sink += composite[65521];
	}
}

HOT void read_zeros(uint64_t ns) {
	static char buffer[16384];
	int zero = open("/dev/zero", O_RDONLY);

	for (uint64_t end = thread_ns() + ns; thread_ns() < end;)
		for (int i = 0; i < 64; i++)
			sink += read(zero, buffer, sizeof(buffer));
	close(zero);
}

HOT void render(void) {
	mandelbrot(40000000);
	checksum(20000000);
}

HOT void files(void) {
	sieve(20000000);
	read_zeros(20000000);
}

static void *run(void *round) {
	for (;;)
		((void (*)(void))round)();
	return NULL;
}

static void start(const char *name, void (*round)(void)) {
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, (void *)round) != 0)
		exit(1);
	pthread_setname_np(thread, name);
}

int main(void) {
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	char byte;

	start("render", render);
	start("files", files);
	do
		poll(&input, 1, -1);
	while (read(STDIN_FILENO, &byte, 1) > 0);
	return 0;
}
