// SPDX-License-Identifier: Apache-2.0
/**
 * Reads sums as ClickHouse answers them.
 *
 * @module
 */

import type { Total } from "../../profile/model.ts";

/** Is the total of nothing. */
export const NO_TOTAL: Total = { value: 0, count: 0 };

/** Makes a total of numbers: 64-bit sums come as text; a number holds 53 bits exactly, which is 104 days of one CPU. */
export function toTotal(value: string, count: string): Total {
  return { value: Number(value), count: Number(count) };
}

/** Returns what is left of `total` without `parts`; the sums are taken exactly before they become numbers. */
export function rest(
  total: readonly [value: string, count: string],
  parts: Iterable<readonly [value: string, count: string]>,
): Total {
  let value = BigInt(total[0]);
  let count = BigInt(total[1]);
  for (const part of parts) {
    value -= BigInt(part[0]);
    count -= BigInt(part[1]);
  }
  return { value: Number(value), count: Number(count) };
}
