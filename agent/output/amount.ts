// SPDX-License-Identifier: Apache-2.0
/**
 * Numbers as people read them.
 *
 * @module
 */

const STEPS = [["h", 3600e9], ["min", 60e9], ["s", 1e9], ["ms", 1e6], ["µs", 1e3]] as const;

/** Returns `1.85 s`, `12.0 ms`, `1,980 samples`. */
export function formatAmount(amount: number, unit: string): string {
  if (unit === "count") return `${formatCount(amount)} ${amount === 1 ? "sample" : "samples"}`;
  for (const [name, size] of STEPS) {
    if (amount < size) continue;
    const scaled = amount / size;
    return `${scaled.toFixed(scaled < 10 ? 2 : scaled < 100 ? 1 : 0)} ${name}`;
  }
  return `${amount} ns`;
}

/** Returns `1,980` */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** Returns `12.3 %` of a share from 0 to 1; what is there, but too small for it, is `<0.1 %`. */
export function formatPercent(share: number): string {
  return share > 0 && share < 0.0005 ? "<0.1 %" : `${(100 * share).toFixed(1)} %`;
}
