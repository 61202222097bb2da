// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* What the program of locks and the agent share; see aperture.h. */
#ifndef __APERTURE_LOCK_H__
#define __APERTURE_LOCK_H__

#include "aperture.h"

/* How a wait ended. */
enum aperture_outcome {
	APERTURE_OUTCOME_WOKEN,
	APERTURE_OUTCOME_TIMEOUT,
	APERTURE_OUTCOME_INTERRUPTED,
	APERTURE_OUTCOME_MAX,
};

/* What was waited for: FUTEX is any lock of user space, the others are the kernel's own. */
enum aperture_lock {
	APERTURE_LOCK_FUTEX,
	APERTURE_LOCK_SPIN,
	APERTURE_LOCK_RWLOCK,
	APERTURE_LOCK_MUTEX,
	APERTURE_LOCK_RWSEM,
	APERTURE_LOCK_PERCPU,
	APERTURE_LOCK_RT,
	APERTURE_LOCK_SEM,
	APERTURE_LOCK_MAX,
};

/* Waits that are counted together. Stacks by their hash; 0 is no stack. */
struct aperture_lock_key {
	u64 user_stack;
	u64 kernel_stack;
	u64 holder_stack;
	/* The processes, in the agent's pid namespace. */
	u32 pid;
	u32 holder_pid;
	/* The threads' names. */
	char comm[APERTURE_COMM_SIZE];
	char holder_comm[APERTURE_COMM_SIZE];
	/* enum aperture_lock */
	u8 lock;
	/* enum aperture_outcome */
	u8 outcome;
	/* Whether it is known who ended the wait; what is said of the holder is 0 else. */
	u8 has_holder;
	u8 reserved[5];
};
_Static_assert(sizeof(struct aperture_lock_key) == 72, "the agent reads this layout");

struct aperture_lock_sum {
	u64 count;
	u64 delay_ns;
	u64 max_ns;
};
_Static_assert(sizeof(struct aperture_lock_sum) == 24, "the agent reads this layout");

#endif
