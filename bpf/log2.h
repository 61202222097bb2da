// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The buckets of histograms. */
#ifndef __APERTURE_LOG2_H__
#define __APERTURE_LOG2_H__

#include "vmlinux.h"

/*
 * The exponent of the largest power of two that is not larger than `value`; 0 of 0. Without branches: the verifier would look
 * at all that follows once for each way through them, of which there are 64.
 */
static __always_inline u32 log2_of(u64 value)
{
	/* All bits below the highest one; they are counted two, four and eight at a time, and then the bytes' sums added up. */
	value >>= 1;
	value |= value >> 1;
	value |= value >> 2;
	value |= value >> 4;
	value |= value >> 8;
	value |= value >> 16;
	value |= value >> 32;
	value -= value >> 1 & 0x5555555555555555ULL;
	value = (value & 0x3333333333333333ULL) + (value >> 2 & 0x3333333333333333ULL);
	value = (value + (value >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return value * 0x0101010101010101ULL >> 56;
}

#endif
