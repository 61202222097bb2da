// SPDX-License-Identifier: Apache-2.0
/* Virtual calls through a shared library, and work in a catch block, below which the runtime itself has unwound. */
#include "shape.h"

#include <cstdio>
#include <stdexcept>

volatile unsigned long sink;

__attribute__((noinline)) static void thrower(unsigned long depth)
{
	if (depth > 1)
		throw std::runtime_error("caught");
}

/* Inlined, so that it is in no stack. */
static inline __attribute__((always_inline)) void spin()
{
	for (;;)
		sink += 1;
}

struct Circle : Shape {
	__attribute__((noinline)) void draw(unsigned long depth) override
	{
		try {
			thrower(depth);
		} catch (std::exception &error) {
			sink += error.what()[0];
			spin();
		}
	}
};

struct Square : Shape {
	Circle inner;
	__attribute__((noinline)) void draw(unsigned long depth) override
	{
		outline(inner, depth);
		sink += depth;
	}
};

int main()
{
	Square square;

	std::puts("ready");
	std::fflush(stdout);
	outline(square, 1);
}
