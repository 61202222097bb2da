// SPDX-License-Identifier: Apache-2.0
/* Runs in functions of musl, which have no unwind information: a leaf, and one that calls back through three more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBERS 20000

static volatile unsigned long sum;

__attribute__((noinline)) static int compare(const void *a, const void *b)
{
	sum++;
	return *(const int *)a - *(const int *)b;
}

__attribute__((noinline)) static void sorting(void)
{
	static int numbers[NUMBERS];

	for (int i = 0; i < NUMBERS; i++)
		numbers[i] = i * 7919 % 20011;
	qsort(numbers, NUMBERS, sizeof(int), compare);
	sum++;
}

__attribute__((noinline)) static void copying(void)
{
	static char from[1 << 20], to[1 << 20];

	for (int i = 0; i < 40; i++)
		sum += *(char *)memcpy(to, from, sizeof(from));
}

__attribute__((noinline)) static void printing(void)
{
	char text[200];

	for (int i = 0; i < 3000; i++)
		sum += snprintf(text, sizeof(text), "%f %d %s", i * 1.5, i, "abc");
}

int main(void)
{
	puts("ready");
	fflush(stdout);
	for (;;) {
		sorting();
		copying();
		printing();
	}
}
