// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A hash of words, one after the other, for names of what is counted. */
#ifndef __APERTURE_MIX_H__
#define __APERTURE_MIX_H__

#include "kernel.h"

static __always_inline u64 mix(u64 hash, u64 word)
{
	hash = (hash ^ word) * 0xff51afd7ed558ccdULL;
	return hash ^ hash >> 32;
}

#endif
