// SPDX-License-Identifier: Apache-2.0
/*
 * Waits by each call that the kernel has for it, until a timeout, in a thread of the call's name. Says "ready", does so for
 * each line of its input, prints how often each call waited so far, and ends with its input. A call that the kernel does
 * not have waits never.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 10
#define WAIT_NS 2000000

#define FUTEX_WAIT_PRIVATE 128
/* FUTEX2_SIZE_U32 and FUTEX2_PRIVATE. */
#define FLAGS 130
#define ETIMEDOUT 110

struct time32 {
	int32_t sec, nsec;
};

struct time64 {
	int64_t sec, nsec;
};

struct waiter {
	uint64_t value, address;
	uint32_t flags, reserved;
};

/* Where calls of 32-bit programs can point to, too. */
static struct low {
	uint32_t word;
	struct time32 short32;
	struct time64 short64, until;
	struct waiter waiter;
} *low;

static long native(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

/* The sixth argument is 0: the compiler may not give its register away. */
static long compat(long number, long a, long b, long c, long d, long e)
{
	long result;

	__asm__ volatile("push %%rbp\n\txor %%ebp, %%ebp\n\tint $0x80\n\tpop %%rbp"
			 : "=a"(result)
			 : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
			 : "memory", "r8", "r9", "r10", "r11");
	return result;
}

static const struct {
	const char *name;
	int is_compat;
	long number;
} calls[] = {
	{ "futex", 0, 202 },	  { "futex_waitv", 0, 449 },	   { "futex_wait", 0, 455 },
	{ "ia32:futex", 1, 240 }, { "ia32:futex_64", 1, 422 }, { "ia32:waitv", 1, 449 },
	{ "ia32:wait", 1, 455 },
};
#define CALLS (sizeof(calls) / sizeof(*calls))

static long waits[CALLS];

static long wait_once(int i)
{
	long word = (long)&low->word, number = calls[i].number;

	if (number == 449)
		return calls[i].is_compat ? compat(number, (long)&low->waiter, 1, 0, (long)&low->until, CLOCK_MONOTONIC) :
					    native(number, (long)&low->waiter, 1, 0, (long)&low->until, CLOCK_MONOTONIC, 0);
	if (number == 455 && calls[i].is_compat)
		/* Its last argument is the clock, of which 0 is that of the wall. */
		return compat(number, word, 0, UINT32_MAX, FLAGS, (long)&low->until);
	if (number == 455)
		return native(number, word, 0, UINT32_MAX, FLAGS, (long)&low->until, CLOCK_MONOTONIC);
	if (calls[i].is_compat)
		return compat(number, word, FUTEX_WAIT_PRIVATE, 0,
			      number == 240 ? (long)&low->short32 : (long)&low->short64, 0);
	return native(number, word, FUTEX_WAIT_PRIVATE, 0, (long)&low->short64, 0, 0);
}

static void *run(void *argument)
{
	long i = (long)argument;

	pthread_setname_np(pthread_self(), calls[i].name);
	for (int round = 0; round < ROUNDS; round++) {
		struct timespec now;

		clock_gettime(calls[i].number == 455 && calls[i].is_compat ? CLOCK_REALTIME : CLOCK_MONOTONIC, &now);
		low->until.sec = now.tv_sec + (now.tv_nsec + WAIT_NS) / 1000000000;
		low->until.nsec = (now.tv_nsec + WAIT_NS) % 1000000000;
		waits[i] += wait_once(i) == -ETIMEDOUT;
	}
	return NULL;
}

int main(void)
{
	low = mmap(NULL, sizeof(*low), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	low->short32.nsec = low->short64.nsec = WAIT_NS;
	low->waiter = (struct waiter){ .address = (uint64_t)(uintptr_t)&low->word, .flags = FLAGS };
	puts("ready");
	fflush(stdout);
	while (getchar() == '\n') {
		for (long i = 0; i < (long)CALLS; i++) {
			pthread_t thread;

			pthread_create(&thread, NULL, run, (void *)i);
			pthread_join(thread, NULL);
		}
		for (int i = 0; i < (int)CALLS; i++)
			printf("%s\"%s\": %ld", i ? ", " : "{", calls[i].name, waits[i]);
		puts("}");
		fflush(stdout);
	}
	return 0;
}
