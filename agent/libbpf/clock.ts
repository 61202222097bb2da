// SPDX-License-Identifier: Apache-2.0
/**
 * The clock that BPF programs read.
 *
 * @module
 */

import { openLibrary } from "./library.ts";

const CLOCK_MONOTONIC = 1;

/** Returns what `bpf_ktime_get_ns` gives: nanoseconds since the machine was started, without those that it slept. */
export function monotonicNs(): bigint {
  using library = openLibrary();
  const time = new BigInt64Array(2);
  library.libc.clock_gettime(CLOCK_MONOTONIC, time);
  return time[0]! * 1_000_000_000n + time[1]!;
}
