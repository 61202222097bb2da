// SPDX-License-Identifier: Apache-2.0
/**
 * Sums as ClickHouse answers them.
 *
 * @module
 */

import type { Total } from "../../profile/model.ts";

/** Nothing. */
export const NO_TOTAL: Total = { value: 0, count: 0 };

/** 64-bit sums come as text; a number holds 53 bits exactly, which is 104 days of one CPU. */
export function toTotal(value: string, count: string): Total {
  return { value: Number(value), count: Number(count) };
}

/** What is left of `total` without `parts`; the sums are taken exactly before they become numbers. */
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
