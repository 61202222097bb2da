// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What walks of a window found: the rules of places, and the mappings of processes. Stacks have mostly places that others
 * had before, and to look here is one line of memory, where a table is ten: a sample comes so long after the last that
 * hardly a line of either is in a cache. Each object has its own, as walks of two may interrupt one another.
 */
#ifndef __APERTURE_UNWIND_FOUND_H__
#define __APERTURE_UNWIND_FOUND_H__

#include "unwind_state.h"

/* Whether walks go by it: a test compares them with those that do not. */
const volatile bool use_found = true;

/*
 * The rule of a place, which a file has for ever: the rule itself, as an index would be a second line of memory in another
 * page. Only of a window, so that its page is marked as used in each.
 */
struct found_rule {
	u64 place;
	struct aperture_rule rule;
	u32 window;
	/* What was seen in the code, which is a line of memory that nothing else of a walk needs: see below. */
	u32 seen;
};

/* A call ends where the place does. */
#define SEEN_CALL 1
/* Behind the place is none of what a signal's handler returns to. */
#define SEEN_NO_SIGNAL_RETURN 2

/* A mapping of a process as it was when it was compared with the kernel's. */
struct found_mapping {
	struct aperture_mapping mapping;
	u32 process;
	u32 window;
	/* Of the kernel's vm_area_struct; 0: not known. */
	u64 vma;
	u64 reserved[7];
};
#define LINE_BYTES 64
_Static_assert(sizeof(struct found_mapping) == 2 * LINE_BYTES, "it is two lines of memory");

/* Where the rule of a place may be: the later one is first. */
struct found_rules {
	struct found_rule rules[2];
};
_Static_assert(sizeof(struct found_rules) == LINE_BYTES, "it is a line of memory");

#define FOUND_RULES_BITS 8

/* Where the mapping of a process may be: the later one is first. */
struct found_mappings {
	struct found_mapping mappings[2];
};

#define FOUND_MAPPINGS_BITS 4
/* Code within one of these is mostly of one mapping, or of two. */
#define FOUND_MAPPING_SHIFT 21

/*
 * Where the rows of a page are. Those of a page that was used in a window are written over only after the window, and
 * after all walks that began in it.
 */
struct found_page {
	struct aperture_page_key key;
	struct aperture_page page;
	u64 reserved;
};
_Static_assert(sizeof(struct found_page) == 32, "two of them are a line of memory");

#define FOUND_PAGES_BITS 6

/* All of a CPU in one value: the kernel would have a pointer for each, which is a line of memory, too. */
struct found {
	/* Values are not aligned to lines of memory: what is behind begins so many bytes earlier, see found_room(). */
	u8 room[LINE_BYTES];
	struct found_rules rules[1 << FOUND_RULES_BITS];
	struct found_mappings mappings[1 << FOUND_MAPPINGS_BITS];
	struct found_page pages[1 << FOUND_PAGES_BITS];
};
/* PCPU_MIN_UNIT_SIZE of include/linux/percpu.h. */
_Static_assert(sizeof(struct found) <= 32768, "no CPU has a larger value");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct found);
} found SEC(".maps");

/* Multiplied by it, all bits of a number are in the highest of the product. */
#define GOLDEN_RATIO 0x9e3779b97f4a7c15ULL
/* No number of a file, and no address in one, is larger: see APERTURE_FRAME_FILES. */
#define PLACE_FILE_SHIFT 46

/* Names an address of a file. */
static __always_inline u64 place_of(u32 file, u64 address)
{
	return (u64)file << PLACE_FILE_SHIFT | address;
}

/* What is found; NULL where walks do not go by it. */
static __always_inline struct found *found_of_cpu(void)
{
	u32 zero = 0;

	return use_found ? bpf_map_lookup_elem(&found, &zero) : NULL;
}

/* How many bytes are before the first whole line of it. `word` is any of a map, by which a pointer becomes a number. */
static __always_inline u32 found_room(volatile u64 *word)
{
	*word = (u64)found_of_cpu();
	return -*word & (LINE_BYTES - 1);
}

/* Where the rule of a place may be; NULL of an address that no file has. */
static __always_inline struct found_rules *found_rules_of(const struct unwind_state *state, u32 file, u64 address)
{
	struct found *found = found_of_cpu();
	u64 index = place_of(file, address) * GOLDEN_RATIO >> (64 - FOUND_RULES_BITS);

	if (!found || address >> PLACE_FILE_SHIFT)
		return NULL;
	return (void *)&found->room[state->found_room & (LINE_BYTES - 1)] + index * sizeof(struct found_rules);
}

static __always_inline bool is_of_place(const struct unwind_state *state, const struct found_rule *found, u64 place)
{
	return found->place == place && found->window == state->window;
}

/* The rule of a place, as it was found; NULL where it was not, or is not kept any more. */
static __always_inline struct found_rule *found_rule_of(const struct unwind_state *state, u32 file, u64 address)
{
	struct found_rules *found = found_rules_of(state, file, address);
	u64 place = place_of(file, address);

	if (!found)
		return NULL;
	if (is_of_place(state, &found->rules[0], place))
		return &found->rules[0];
	return is_of_place(state, &found->rules[1], place) ? &found->rules[1] : NULL;
}

/* Notes what was seen in the code of a place. A function of its own, as unwind_frame is. */
__attribute__((noinline)) int unwind_note_seen(u64 address, u32 seen)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);
	struct found_rule *found = state ? found_rule_of(state, state->file, address - state->bias) : NULL;

	if (found)
		found->seen |= seen;
	return 0;
}

/* Where the mapping of the process at `address` may be; NULL where none is kept. */
static __always_inline struct found_mappings *found_mappings_of(const struct unwind_state *state, u64 address)
{
	struct found *found = found_of_cpu();
	u64 place = (u64)state->process << 48 ^ address >> FOUND_MAPPING_SHIFT;
	u64 index = place * GOLDEN_RATIO >> (64 - FOUND_MAPPINGS_BITS);

	if (!found)
		return NULL;
	return (void *)&found->room[state->found_room & (LINE_BYTES - 1)] + sizeof(found->rules) +
	       index * sizeof(struct found_mappings);
}

/* Where the page of state->page_key may be; NULL where none is kept. */
static __always_inline struct found_page *found_page_of(const struct unwind_state *state)
{
	struct found *found = found_of_cpu();
	u64 place = (u64)state->page_key.file << 32 | state->page_key.page;
	u64 index = place * GOLDEN_RATIO >> (64 - FOUND_PAGES_BITS);

	if (!found)
		return NULL;
	return (void *)&found->room[state->found_room & (LINE_BYTES - 1)] + sizeof(found->rules) +
	       sizeof(found->mappings) + index * sizeof(struct found_page);
}

static __always_inline bool holds(const struct aperture_mapping *mapping, u64 address)
{
	return address >= mapping->start && address < mapping->end;
}

static __always_inline bool is_mapping_of(const struct unwind_state *state, const struct found_mapping *found, u64 address)
{
	return found->process == state->process && found->window == state->window && holds(&found->mapping, address);
}

/* The mapping of the process at `address`, as it was found; NULL where it was not, or is not kept any more. */
static __always_inline struct found_mapping *found_mapping_of(const struct unwind_state *state, u64 address)
{
	struct found_mappings *found = found_mappings_of(state, address);

	if (!found)
		return NULL;
	if (is_mapping_of(state, &found->mappings[0], address))
		return &found->mappings[0];
	return is_mapping_of(state, &found->mappings[1], address) ? &found->mappings[1] : NULL;
}

/* Looks for the mapping at `address` anew when it is wanted next: what the agent says of its file may change. */
static __always_inline void forget_mapping(struct unwind_state *state, u64 address)
{
	struct found_mapping *found = found_mapping_of(state, address);

	state->mapping.end = 0;
	if (found)
		found->mapping.end = 0;
}

#endif
