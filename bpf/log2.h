// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The buckets of histograms. */
#ifndef __APERTURE_LOG2_H__
#define __APERTURE_LOG2_H__

#include "vmlinux.h"

/* The exponent of the largest power of two that is not larger than `value`; 0 of 0. */
static __always_inline u32 log2_of(u64 value)
{
	u32 result = 0;

	for (u32 bits = 32; bits > 0; bits >>= 1) {
		if (value >> bits) {
			value >>= bits;
			result += bits;
		}
	}
	return result;
}

#endif
