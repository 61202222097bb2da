// SPDX-License-Identifier: Apache-2.0
/**
 * Decides how large the maps of system calls are made.
 *
 * @module
 */

import { checkMemory, entryBytes, SETS, STACK_BYTES, WALK_BYTES } from "./map_size.ts";

/** Each CPU has its own scratch and counters, and each map a spare entry for it. */
const CPU_BYTES = 4096 + WALK_BYTES;
/** Calls that end while the agent looks for those that are open: entries of one map. */
export const ENDED_CALLS = 2048;
const ENDED_BYTES = entryBytes(4, 64);

/** Entries of each map of a set. */
export interface SyscallMapSize {
  /** One for each CPU that a thread's name made a call on in a window. */
  readonly calls: number;
  readonly errors: number;
  readonly samples: number;
  readonly stacks: number;
  /** One for each process, thread's name, call and object that was slow; and one for each object. */
  readonly slow: number;
  readonly objects: number;
}

const BYTES: SyscallMapSize = {
  calls: entryBytes(32, 224),
  errors: entryBytes(32, 8),
  samples: entryBytes(40, 16),
  stacks: STACK_BYTES,
  slow: entryBytes(40, 40),
  objects: entryBytes(8, 672),
};

/**
 * These are enough for 1,000 processes of 30 different calls that begin and end within a second, and there are more for
 * each CPU that they move between: a set whose maps fill is drained early, but that takes a moment. But for stacks, only
 * what is used takes memory.
 */
const ENOUGH: SyscallMapSize = {
  calls: 32_768,
  errors: 4096,
  samples: 4096,
  stacks: 2560,
  slow: 4096,
  objects: 1024,
};
const CALLS_PER_CPU = 1024;
const NOTHING: SyscallMapSize = { calls: 0, errors: 0, samples: 0, stacks: 0, slow: 0, objects: 0 };
const MIN_ENTRIES = 128;

/** Returns what maps of that size use at most, in bytes. */
export function syscallMapBytes(size: SyscallMapSize, cpus: number): number {
  const entries = (Object.keys(BYTES) as (keyof SyscallMapSize)[])
    .reduce((sum, map) => sum + BYTES[map] * (size[map] + cpus), 0);
  return SETS * entries + (ENDED_CALLS + cpus) * ENDED_BYTES + cpus * CPU_BYTES;
}

/** Returns what the smallest maps use, in bytes. */
export function leastSyscallBytes(cpus: number): number {
  const fixed = syscallMapBytes(NOTHING, cpus);
  return Math.ceil(fixed + (syscallMapBytes(enough(cpus), cpus) - fixed) * MIN_ENTRIES / ENOUGH.errors);
}

function enough(cpus: number): SyscallMapSize {
  return { ...ENOUGH, calls: ENOUGH.calls + cpus * CALLS_PER_CPU };
}

/**
 * Maps that are large enough for a busy machine; where that is more than `memoryBytes`, all of them smaller.
 *
 * @throws {RangeError} when `memoryBytes` is too little for any
 */
export function syscallMapSize(
  { cpus, memoryBytes }: { readonly cpus: number; readonly memoryBytes: number },
): SyscallMapSize {
  const whole = enough(cpus);
  const fixed = syscallMapBytes(NOTHING, cpus);
  const scale = Math.min(1, (memoryBytes - fixed) / (syscallMapBytes(whole, cpus) - fixed));
  const of = (entries: number) => Math.floor(entries * scale);
  const size = {
    calls: of(whole.calls),
    errors: of(whole.errors),
    samples: of(whole.samples),
    stacks: of(whole.stacks),
    slow: of(whole.slow),
    objects: of(whole.objects),
  };
  if (Object.values(size).some((entries) => entries < MIN_ENTRIES)) {
    checkMemory(memoryBytes, leastSyscallBytes(cpus));
  }
  return size;
}
