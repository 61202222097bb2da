/**
 * What a thread does that has nothing to do: views of waits and calls leave it out, unless it is asked for.
 *
 * @module
 */

import { ProfileBuilder } from "./builder.ts";
import { lockAt } from "./locks.ts";
import type { Profile } from "./model.ts";

/** The classes of locks that stand for something that is to come, not for something that is held. */
export const IDLE_CLASSES: readonly string[] = ["condvar", "semaphore", "join"];
/** The categories of system calls that wait by purpose. */
export const IDLE_CATEGORIES: readonly string[] = ["wait"];

/** Whether waits of that class are idle. */
export function isIdleClass(name: string): boolean {
  return IDLE_CLASSES.includes(name);
}

/** Whether calls of that category wait by purpose. */
export function isIdleCategory(name: string): boolean {
  return IDLE_CATEGORIES.includes(name);
}

/**
 * `profile` with a sample of kind lock for each (series, stack) that waited: how long, and how often, until it was
 * woken. Waits that timed out or were interrupted got no lock, and are left out.
 *
 * @param options.idle with waits of idle classes @default {false}
 */
export function withLockSamples(profile: Profile, { idle = false }: { idle?: boolean } = {}): Profile {
  const builder = new ProfileBuilder();
  builder.merge(profile);
  const rows = builder.build();
  for (let row = 0; row < rows.locks.outcome.length; row++) {
    const { outcome, series, stack, delay, count, ...lock } = lockAt(rows, row);
    if (outcome !== "woken" || (!idle && isIdleClass(lock.class))) continue;
    builder.add("lock", series, stack, delay, count);
  }
  return builder.build();
}
