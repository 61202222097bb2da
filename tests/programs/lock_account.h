// SPDX-License-Identifier: Apache-2.0
/*
 * What programs note of whom they wait for, and how they say it:
 *
 *     {"delayNs": N, "holders": {"flush_orders": {"delayNs": N, "holds": N, "heldNs": N}, …}}
 *
 * of all until now: how long their threads waited for each function, and how often and how long each held the lock from
 * the moment on in which somebody waited for it. A moment in which nobody ran with it belongs to who had it last, but
 * where that one hands it over, to who gets it. Several who read hold it together, from the first to the last of them,
 * and do not wait for each other.
 */
#ifndef LOCK_ACCOUNT_H
#define LOCK_ACCOUNT_H

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"

#define EVENTS 400000
#define MOST_THREADS 64

enum function { FLUSH_ORDERS, ADD_ORDER, LEAVE_WITH_LOCK, READ_ORDERS, FUNCTIONS };
static const char *const names[FUNCTIONS] = { "flush_orders", "add_order", "leave_with_lock", "read_orders" };

struct interval {
	long from, until;
	int function;
};

/* Holds follow each other, as they are noted by who has the lock; waits are in no order. */
static struct interval holds[EVENTS], waits[EVENTS];
static long hold_count, wait_count;
static volatile int done;

/* Who gives the lock back says who has it next: what that one needs to wake up is its own. */
static int hands_over;

/* The lock is had from now on, for which `function` has waited since `begun`; returns when that is. */
static inline long note_wait(int function, long begun)
{
	long at = now();
	long i = __atomic_fetch_add(&wait_count, 1, __ATOMIC_SEQ_CST);

	if (i >= EVENTS)
		abort();
	waits[i].from = begun;
	waits[i].until = at;
	waits[i].function = function;
	return at;
}

static inline void note_hold(int function, long from)
{
	if (hold_count >= EVENTS)
		abort();
	holds[hold_count].from = from;
	holds[hold_count].function = function;
	holds[hold_count].until = now();
	hold_count++;
}

/* Those who read are several, so that they have to agree before one of them notes something. */
static char noting;
static int readers;

static void begin_note(void)
{
	while (__atomic_test_and_set(&noting, __ATOMIC_SEQ_CST))
		sched_yield();
}

static void end_note(void)
{
	__atomic_clear(&noting, __ATOMIC_SEQ_CST);
}

static void note_reader(long from)
{
	begin_note();
	if (readers++ == 0) {
		if (hold_count >= EVENTS)
			abort();
		holds[hold_count].from = from;
		holds[hold_count].until = from;
		holds[hold_count].function = READ_ORDERS;
		hold_count++;
	}
	end_note();
}

static void note_reader_gone(void)
{
	begin_note();
	holds[hold_count - 1].until = now();
	readers--;
	end_note();
}

/* When the lock was the next one's: hold `h` was the last before. */
static long end_of(long h)
{
	return hands_over || h + 1 == hold_count ? holds[h].until : holds[h + 1].from;
}

/* The first hold that ends after `at`. */
static long hold_at(long at)
{
	long low = 0, high = hold_count;

	while (low < high) {
		long middle = (low + high) / 2;
		if (end_of(middle) <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* From when on somebody waited for hold `h`; its end when nobody did. */
static long contended_from(long h)
{
	long first = holds[h].until;

	for (long i = 0; i < wait_count; i++) {
		/* Who reads does not wait for others who do. */
		if (holds[h].function == READ_ORDERS && waits[i].function == READ_ORDERS)
			continue;
		if (waits[i].until > holds[h].from && waits[i].from < first)
			first = waits[i].from;
	}
	return first > holds[h].from ? first : holds[h].from;
}

static void say(const long delays[FUNCTIONS], const long counts[FUNCTIONS], const long held[FUNCTIONS])
{
	long delay = 0;

	for (int f = 0; f < FUNCTIONS; f++)
		delay += delays[f];
	printf("{\"delayNs\": %ld, \"holders\": {", delay);
	for (int f = 0; f < FUNCTIONS; f++)
		printf("%s\"%s\": {\"delayNs\": %ld, \"holds\": %ld, \"heldNs\": %ld}", f ? ", " : "", names[f],
		       delays[f], counts[f], held[f]);
	printf("}}\n");
	fflush(stdout);
}

/* For whom wait `i` was during hold `h`. */
static int waited_for(long i, long h)
{
	if (waits[i].function == READ_ORDERS) {
		while (h > 0 && holds[h].function == READ_ORDERS)
			h--;
	}
	return holds[h].function;
}

static void report(void)
{
	long delays[FUNCTIONS] = { 0 }, counts[FUNCTIONS] = { 0 }, held[FUNCTIONS] = { 0 };

	for (long i = 0; i < wait_count; i++) {
		long from = waits[i].from;
		for (long h = hold_at(from); h < hold_count && from < waits[i].until; h++) {
			long until = end_of(h);
			if (until > waits[i].until)
				until = waits[i].until;
			if (until > from) {
				delays[waited_for(i, h)] += until - from;
				from = until;
			}
		}
	}
	for (long h = 0; h < hold_count; h++) {
		long from = contended_from(h);
		if (from == holds[h].until)
			continue;
		counts[holds[h].function]++;
		held[holds[h].function] += holds[h].until - from;
	}
	say(delays, counts, held);
}

#endif
