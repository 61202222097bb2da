// SPDX-License-Identifier: Apache-2.0
/* A plug-in whose functions are called by the letter that it is compiled with. */
static volatile unsigned long sum;

__attribute__((noinline)) void LEAF(void)
{
	for (int i = 0; i < 4000; i++)
		sum += i * 3;
}

void plugin_entry(void)
{
	LEAF();
	sum++;
}
