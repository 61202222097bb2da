// SPDX-License-Identifier: Apache-2.0
/**
 * Tells what a wait is for, by what is known of its futex without any name: what the waiters expect there, and who
 * wakes.
 *
 * @module
 */

import type { FutexHints } from "../collectors/collector.ts";
import { HINT } from "../libbpf/mod.ts";
import type { LockClass } from "./lock_class.ts";

/** Numbers from here on have marks of locks in them: `READERS_WAITING` of Rust's `RwLock` is the lowest. */
const LEAST_MARK = 2 ** 30;

/** Musl's mark of waiters (from 1.2.4 on): its locks have an owner or a count beside it, an empty semaphore nothing. */
const WAITERS_ALONE = 2 ** 31;

/**
 * Returns the class of a wait at a futex; `other` when nothing tells.
 *
 * A contended mutex of glibc, Rust or Go is 2 and one of musl has the highest bit set; their owners wait there, too. What
 * a thread has on its own stack nobody else waits at. Locks of glibc and Rust that several may read under are told by
 * what who reads expects. Condition variables of Rust count how often they were told. So do its locks for those who
 * write, which nothing but names tells from these. All else is something that is to come: who wakes never waits there, or
 * there is but one who ever waits.
 */
export function classByHints({ hints, value }: Omit<FutexHints, "address">): LockClass {
  const has = (hint: number) => (hints & hint) !== 0;
  if (has(HINT.pi)) return "mutex";
  if (has(HINT.threadEnd)) return "join";
  if (value === WAITERS_ALONE) return "semaphore";
  // What was expected of a lock, among other numbers, is a count that came by there.
  if (has(HINT.counter) && value < LEAST_MARK) return "condvar";
  if (has(HINT.rwlock)) return "rwlock";
  const shared = has(HINT.waiterWakes) || has(HINT.severalWaiters);
  if (has(HINT.onStack) && !shared) return "condvar";
  if (has(HINT.contended)) return "mutex";
  if (has(HINT.waiterWakes)) return "other";
  return value === 0 || value === 0xffffffff ? "semaphore" : "condvar";
}
