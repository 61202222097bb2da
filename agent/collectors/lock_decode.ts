// SPDX-License-Identifier: Apache-2.0
/**
 * Reads what the kernel counted of waits for locks from the bytes of the maps.
 *
 * @module
 */

import { u64 } from "../../common/u64.ts";
import type { Outcome } from "../../profile/model.ts";
import {
  EARLIER_PLACE,
  type Entries,
  HINT,
  HOLD_SUM,
  LOCK_BUCKETS,
  LOCK_KEY,
  LOCK_SUM,
  NO_PLACE,
} from "../libbpf/mod.ts";
import { EARLIER_HOLDERS, type RawHold, type RawLock, type RawStack } from "./collector.ts";

/** `enum aperture_lock` of bpf/lock.h, in its order. */
export const LOCK_TYPES = ["futex", "spin", "rwlock", "mutex", "rwsem", "percpu", "rt", "sem"] as const;

/** `enum aperture_outcome` of bpf/lock.h, in its order. */
const OUTCOMES: readonly Outcome[] = ["woken", "timeout", "interrupted"];

/** Finds the place of a hash; `undefined` when it is not known any more. */
export type FindPlace = (hash: bigint) => RawStack | undefined;

/** A thread of which no more is known than that it waited. */
export const UNKNOWN_PLACE: RawStack = { pid: 0, comm: "", user: [], kernel: [] };

/** Adds the waits of a batch to `locks`. */
export function decodeLocks({ count, keys, values }: Entries, find: FindPlace, locks: RawLock[]): void {
  for (let i = 0; i < count; i++) {
    const key = i * LOCK_KEY.size;
    const value = i * LOCK_SUM.size;
    const hints = values.getUint32(value + LOCK_SUM.hints, true);
    const histogram = histogramAt(values, value + LOCK_SUM.histogram);
    locks.push({
      waiter: find(keys.getBigUint64(key + LOCK_KEY.waiter, true)) ?? UNKNOWN_PLACE,
      holder: holderOf(keys.getBigUint64(key + LOCK_KEY.holder, true), find),
      type: LOCK_TYPES[keys.getUint8(key + LOCK_KEY.lock)]!,
      outcome: OUTCOMES[keys.getUint8(key + LOCK_KEY.outcome)]!,
      count: countOf(histogram),
      delayNs: u64(values, value + LOCK_SUM.delay_ns),
      maxNs: u64(values, value + LOCK_SUM.max_ns),
      hints,
      value: values.getUint32(value + LOCK_SUM.value, true),
      address: hints & HINT.severalAddresses ? 0n : values.getBigUint64(value + LOCK_SUM.address, true),
      histogram,
    });
  }
}

/** Adds the holds of a batch to `holds`. */
export function decodeHolds({ count, keys, values }: Entries, find: FindPlace, holds: RawHold[]): void {
  for (let i = 0; i < count; i++) {
    const value = i * HOLD_SUM.size;
    const holder = find(keys.getBigUint64(i * 8, true));
    if (!holder) continue;
    const histogram = histogramAt(values, value + HOLD_SUM.histogram);
    holds.push({
      holder,
      hints: values.getUint32(value + HOLD_SUM.hints, true),
      count: countOf(histogram),
      totalNs: u64(values, value + HOLD_SUM.total_ns),
      maxNs: u64(values, value + HOLD_SUM.max_ns),
      histogram,
    });
  }
}

/** Returns what a row says of a holder by its name. */
export function holderOf(hash: bigint, find: FindPlace): RawStack | undefined {
  if (hash === NO_PLACE) return undefined;
  return hash === EARLIER_PLACE ? EARLIER_HOLDERS : find(hash);
}

/** Returns how many are in a histogram. */
function countOf(histogram: readonly number[]): number {
  return histogram.reduce((sum, count) => sum + count, 0);
}

/** Returns the histogram without the zeros at the end. */
function histogramAt(view: DataView<ArrayBuffer>, at: number): number[] {
  let length = LOCK_BUCKETS;
  while (length > 0 && view.getUint32(at + (length - 1) * 4, true) === 0) length--;
  const histogram: number[] = [];
  for (let i = 0; i < length; i++) histogram.push(view.getUint32(at + i * 4, true));
  return histogram;
}
