// SPDX-License-Identifier: Apache-2.0
/**
 * Knows what a thread does that has nothing to do: views of waits and calls leave it out, unless it is asked for.
 *
 * @module
 */

import { ProfileBuilder } from "./builder.ts";
import { lockAt } from "./locks.ts";
import { type Kind, KIND_NUMBER, type Profile, SYSCALL_MODULE, type Total, totalOf } from "./model.ts";

/** Lists the classes of locks that stand for something that is to come, not for something that is held. */
export const IDLE_CLASSES: readonly string[] = ["condvar", "semaphore", "join"];
/** Lists the categories of system calls that wait by purpose. */
export const IDLE_CATEGORIES: readonly string[] = ["wait"];

/** Returns whether waits of that class are idle. */
export function isIdleClass(name: string): boolean {
  return IDLE_CLASSES.includes(name);
}

/** Returns whether calls of that category wait by purpose. */
export function isIdleCategory(name: string): boolean {
  return IDLE_CATEGORIES.includes(name);
}

export interface ViewOptions {
  /** Includes what threads do that have nothing to do. @default {false} */
  readonly idle?: boolean;
}

/**
 * Returns `profile` with a sample of kind lock for each (series, stack) that waited: how long, and how often it was
 * woken. Waits that timed out or were interrupted got no lock, and are left out.
 */
export function withLockSamples(profile: Profile, { idle = false }: ViewOptions = {}): Profile {
  const builder = new ProfileBuilder();
  builder.merge(profile);
  const rows = builder.build();
  for (let row = 0; row < rows.locks.outcome.length; row++) {
    const { outcome, series, stack, delay, count, ...lock } = lockAt(rows, row);
    const woken = outcome === "woken";
    if ((!woken && outcome !== "open") || (!idle && isIdleClass(lock.class))) continue;
    builder.add("lock", series, stack, delay, woken ? count : 0);
  }
  return builder.build();
}

/**
 * Returns what a graph of `kind` is made of: `profile` with its waits as samples, without calls that wait by purpose.
 */
export function viewOf(profile: Profile, kind: Kind, { idle = false }: ViewOptions = {}): Profile {
  if (kind === "lock") return withLockSamples(profile, { idle });
  return kind === "syscall" && !idle ? withoutIdleCalls(profile) : profile;
}

function withoutIdleCalls(profile: Profile): Profile {
  const { strings, samples, syscalls, stacks, frames } = profile;
  const idle = new Set(syscalls.call.filter((_, row) => isIdleCategory(strings[syscalls.category[row]!]!)));
  const kept = samples.kind.keys().filter((i) => {
    const leaf = stacks.offset[samples.stack[i]!]!;
    if (samples.kind[i] !== KIND_NUMBER.syscall || leaf === stacks.offset[samples.stack[i]! + 1]) return true;
    const frame = stacks.frame[leaf]!;
    return strings[frames.module[frame]!] !== SYSCALL_MODULE || !idle.has(frames.function[frame]!);
  }).toArray();
  return {
    ...profile,
    samples: {
      kind: Uint8Array.from(kept, (i) => samples.kind[i]!),
      series: Uint32Array.from(kept, (i) => samples.series[i]!),
      stack: Uint32Array.from(kept, (i) => samples.stack[i]!),
      value: Float64Array.from(kept, (i) => samples.value[i]!),
      count: Float64Array.from(kept, (i) => samples.count[i]!),
    },
  };
}

/**
 * Returns the sum of a kind: of its samples, but of system calls all that were counted, as only some of them have a
 * sample.
 */
export function totalOfView(profile: Profile, kind: Kind, { idle = false }: ViewOptions = {}): Total {
  if (kind !== "syscall") return totalOf(viewOf(profile, kind, { idle }), kind);
  const { strings, syscalls } = profile;
  let value = 0;
  let count = 0;
  for (let row = 0; row < syscalls.call.length; row++) {
    if (!idle && isIdleCategory(strings[syscalls.category[row]!]!)) continue;
    value += syscalls.total[row]!;
    count += syscalls.count[row]!;
  }
  return { value, count };
}
