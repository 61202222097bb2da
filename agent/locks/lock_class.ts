// SPDX-License-Identifier: Apache-2.0
/**
 * Names what waits can be for.
 *
 * @module
 */

/** Names what user space waits for. */
export const FUTEX_CLASSES = ["mutex", "rwlock", "condvar", "semaphore", "join", "other"] as const;
/** The kernel's own locks: the type is the class. */
export const KERNEL_CLASSES = ["spin", "rwlock", "mutex", "rwsem", "percpu", "rt", "sem"] as const;

export type LockClass = (typeof FUTEX_CLASSES)[number] | (typeof KERNEL_CLASSES)[number];
