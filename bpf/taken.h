// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* What was to be counted: as much as all counts and the losses of the maps of counts add up to. */
#ifndef __APERTURE_TAKEN_H__
#define __APERTURE_TAKEN_H__

#include "kernel.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} taken SEC(".maps");

/* Adds in one step, as a program may interrupt another one that does the same. */
static __always_inline void count_taken(void)
{
	u32 zero = 0;
	u64 *count = bpf_map_lookup_elem(&taken, &zero);

	if (count)
		__sync_fetch_and_add(count, 1);
}

#endif
