// SPDX-License-Identifier: Apache-2.0
// Sleeps again and again, in functions of which some are inlined; says "ready" first.
#include <stdio.h>
#include <thread>
#include <unistd.h>

static volatile long sink;

struct Shop {
	[[gnu::always_inline]] inline void nap(long us)
	{
		usleep(us);
		sink++;
	}

	[[gnu::always_inline]] inline void rest(long us)
	{
		nap(us + 1);
		sink++;
	}

	[[gnu::noinline]] void serve(long us)
	{
		rest(us);
		sink++;
	}
};

[[gnu::noinline]] static void work(long us)
{
	Shop shop;

	for (;;)
		shop.serve(us);
}

int main()
{
	puts("ready");
	fflush(stdout);
	std::thread other([] { work(20000); });
	work(30000);
}
