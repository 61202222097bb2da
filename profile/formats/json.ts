// SPDX-License-Identifier: Apache-2.0
/**
 * Writes a profile as JSON: its columns, as they are.
 *
 * @module
 */

import type { Profile } from "../model.ts";

/** Is raised when a reader of the form before would go wrong. */
export const JSON_VERSION = 1;

export interface ProfileJsonOptions {
  /** @default {""} */
  readonly node?: string;
  /** The time is in Unix nanoseconds. @default {0n} */
  readonly startNs?: bigint;
  /** @default {0} */
  readonly durationNs?: number;
}

type Numbers<T> = { readonly [K in keyof T]: number[] };

/**
 * Is the document. Columns of one table are equally long, and refer to rows of other tables by index:
 *
 * - `strings[0]` is "". `frames` (but `line` and `address`) and `series` (but `pid`) are rows of `strings`.
 * - Stack `i` is rows `stacks.frame[stacks.offset[i]]` (the leaf) to `stacks.frame[stacks.offset[i + 1] - 1]`
 *   (the root) of `frames`; so `offset` is one longer than there are stacks.
 * - Sample `i` is of `kind` 1 (cpu), 2 (lock) or 3 (syscall), and belongs to a row of `series` and one of
 *   `stacks`; `value` is nanoseconds, summed from `count` samples, waits or calls.
 * - Row `i` of `locks` is `count` waits, of `delay` ns together and `max` ns at most, that ended as `outcome` says: 1
 *   (woken), 2 (timeout) or 3 (interrupted). The thread that waited is a row of `series` and one of `stacks`; the
 *   one that woke it is so, too, but one more than the row, and 0 when nobody was seen.
 * - Row `i` of `syscalls` is `count` calls; `errno` and `errorCount` from `errorOffset[i]` on, and `histogram` (calls
 *   that took from 2^b to 2^(b+1) ns) from `histogramOffset[i]` on, are its own up to where those of `i + 1` begin.
 */
export interface ProfileJson {
  readonly version: typeof JSON_VERSION;
  readonly node: string;
  /** The time is in Unix nanoseconds, as text: a JSON number cannot hold them. */
  readonly startNs: string;
  readonly durationNs: number;
  readonly strings: readonly string[];
  readonly frames: Numbers<Profile["frames"]>;
  readonly stacks: Numbers<Profile["stacks"]>;
  readonly series: Numbers<Profile["series"]>;
  readonly samples: Numbers<Profile["samples"]>;
  readonly locks: Numbers<Profile["locks"]>;
  readonly syscalls: Numbers<Profile["syscalls"]>;
}

/** Returns the text of {@linkcode ProfileJson}, of all kinds. */
export function profileJson(
  profile: Profile,
  { node = "", startNs = 0n, durationNs = 0 }: ProfileJsonOptions = {},
): string {
  const document: ProfileJson = {
    version: JSON_VERSION,
    node,
    startNs: String(startNs),
    durationNs,
    strings: profile.strings,
    frames: plain(profile.frames),
    stacks: plain(profile.stacks),
    series: plain(profile.series),
    samples: plain(profile.samples),
    locks: plain(profile.locks),
    syscalls: plain(profile.syscalls),
  };
  return JSON.stringify(document);
}

/** Makes plain arrays: typed arrays would become objects. */
function plain<T extends object>(table: T): Numbers<T> {
  return Object.fromEntries(
    Object.entries(table).map(([name, column]) => [name, Array.from(column as ArrayLike<number>)]),
  ) as Numbers<T>;
}
