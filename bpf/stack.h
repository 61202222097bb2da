// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Stacks by the kernel's helper, and their names. */
#ifndef __APERTURE_STACK_H__
#define __APERTURE_STACK_H__

#include "kernel.h"

#include "aperture.h"

/* Stacks of a CPU that are read or made before they are kept: programs that may interrupt one another have different ones. */
enum spare_stack {
	SPARE_USER,
	SPARE_KERNEL,
	SPARE_PYTHON,
};
/* So many of these an object has. */
#ifndef SPARE_STACKS
#define SPARE_STACKS (SPARE_PYTHON + 1)
#endif

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SPARE_STACKS);
	__type(key, u32);
	__type(value, struct aperture_stack);
} spare_stacks SEC(".maps");

static __always_inline struct aperture_stack *spare_of(u32 spare)
{
	return bpf_map_lookup_elem(&spare_stacks, &spare);
}

/* Reads a stack with bpf_get_stack; it is empty when it cannot be read. */
static __always_inline void read_stack(void *ctx, struct aperture_stack *stack, u64 flags)
{
	long size = bpf_get_stack(ctx, stack->frames, sizeof(stack->frames), flags);

	stack->length = size > 0 ? (u64)size / sizeof(u64) : 0;
}

static __always_inline u64 rotate_left(u64 value, u32 bits)
{
	return value << bits | value >> (64 - bits);
}

/*
 * 64 bits, so that two of a million stacks share a name once in 37 million windows. Each address is spread over the
 * word before it is added, in the manner of MurmurHash3; the finish makes every bit depend on every other.
 */
static __always_inline u64 hash_stack(const struct aperture_stack *stack)
{
	u64 hash = stack->length | (u64)stack->kind << 32;

	if (stack->length == 0)
		return 0;
	for (u32 i = 0; i < APERTURE_STACK_DEPTH; i++) {
		if (i >= stack->length)
			break;
		hash ^= rotate_left(stack->frames[i] * 0x87c37b91114253d5ULL, 31) * 0x4cf5ad432745937fULL;
		hash = rotate_left(hash, 27) * 5 + 0x52dce729;
	}
	hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdULL;
	hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53ULL;
	hash ^= hash >> 33;
	/* 0 is no stack. */
	return hash ?: 1;
}

#endif
