// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What walks of a window found: the rules of places, and the mappings of processes. Stacks have mostly places that others
 * had before, and to look here is one line of memory, where a table is ten. Each object has its own, as walks of two may
 * interrupt one another.
 */
#ifndef __APERTURE_UNWIND_FOUND_H__
#define __APERTURE_UNWIND_FOUND_H__

#include "unwind_state.h"

/* Whether walks go by it: a test compares them with those that do not. */
const volatile bool use_found = true;

/* The rule of a place, which a file has for ever. Only of a window, so that its page is marked as used in each. */
struct found_rule {
	u64 place;
	u32 window;
	u32 rule;
};

#define FOUND_RULES_BITS 9

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1 << FOUND_RULES_BITS);
	__type(key, u32);
	__type(value, struct found_rule);
} found_rules SEC(".maps");

/* A mapping of a process as it was when it was compared with the kernel's. */
struct found_mapping {
	struct aperture_mapping mapping;
	u32 process;
	u32 window;
};

#define FOUND_MAPPINGS_BITS 6
/* Code within one of these is mostly of one mapping. */
#define FOUND_MAPPING_SHIFT 16

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1 << FOUND_MAPPINGS_BITS);
	__type(key, u32);
	__type(value, struct found_mapping);
} found_mappings SEC(".maps");

/* Multiplied by it, all bits of a number are in the highest of the product. */
#define GOLDEN_RATIO 0x9e3779b97f4a7c15ULL
/* No number of a file, and no address in one, is larger: see APERTURE_FRAME_FILES. */
#define PLACE_FILE_SHIFT 46

/* Names an address of a file. */
static __always_inline u64 place_of(u32 file, u64 address)
{
	return (u64)file << PLACE_FILE_SHIFT | address;
}

/* Where the rule of a place is, if it is there; NULL of an address that no file has. */
static __always_inline struct found_rule *found_rule_of(u32 file, u64 address)
{
	u32 index = place_of(file, address) * GOLDEN_RATIO >> (64 - FOUND_RULES_BITS);

	return !use_found || address >> PLACE_FILE_SHIFT ? NULL : bpf_map_lookup_elem(&found_rules, &index);
}

/* Where the mapping of `process` at `address` is, if it is there; NULL where none is kept. */
static __always_inline struct found_mapping *found_mapping_of(u32 process, u64 address)
{
	u64 place = (u64)process << 48 ^ address >> FOUND_MAPPING_SHIFT;
	u32 index = place * GOLDEN_RATIO >> (64 - FOUND_MAPPINGS_BITS);

	return use_found ? bpf_map_lookup_elem(&found_mappings, &index) : NULL;
}

/* Looks for the mapping at `address` anew when it is wanted next: what the agent says of its file may change. */
static __always_inline void forget_mapping(struct unwind_state *state, u64 address)
{
	struct found_mapping *found = found_mapping_of(state->process, address);

	state->mapping.end = 0;
	if (found)
		found->mapping.end = 0;
}

#endif
