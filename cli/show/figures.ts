// SPDX-License-Identifier: Apache-2.0
/**
 * Writes figures as people read them.
 *
 * @module
 */

import { formatAmount, formatCount, formatPercent } from "../../agent/output/amount.ts";
import type { Total } from "../../profile/model.ts";
import { isProfileType, unitOf } from "../../profile/profile_type.ts";

export { formatCount, formatPercent } from "../../agent/output/amount.ts";

/** Returns `4.2 ms` of nanoseconds. */
export function time(ns: number): string {
  return formatAmount(Math.round(ns), "nanoseconds");
}

/** Returns a value of a kind in its unit: `4.2 ms`, `1.2 MiB`, `1,204`. */
export function amount(kind: string, value: number): string {
  const unit = isProfileType(kind) ? unitOf(kind) : "nanoseconds";
  if (unit === "nanoseconds") return time(value);
  if (unit !== "bytes") return formatCount(Math.round(value));
  return value >= 2 ** 20 ? `${(value / 2 ** 20).toFixed(1)} MiB` : `${(value / 1024).toFixed(1)} KiB`;
}

/** Returns the part of a whole as `8.8 %`; `–` of nothing. */
export function part(value: number, whole: number): string {
  return whole > 0 ? formatPercent(value / whole) : "–";
}

/** Returns how many cores `ns` of a time of `ms` are: `4.2`, `0.43`, `0.004`. */
export function cores(ns: number, ms: number): string {
  const amount = ns / 1e6 / ms;
  if (amount === 0) return "0";
  return amount < 0.0005 ? "<0.001" : amount.toFixed(amount >= 1 ? 1 : amount >= 0.1 ? 2 : 3);
}

/** Returns `4.2 cores`, `6.76 s waited 631 times`, `1.9 min in 35,012 calls`, or of a type of profile `4.0 KiB`. */
export function amountOf(kind: string, { value, count }: Total, ms: number): string {
  const number = count.toLocaleString("en-US");
  if (kind === "cpu") return `${cores(value, ms)} cores`;
  if (kind === "lock") return `${time(value)} waited ${number} times`;
  if (isProfileType(kind)) {
    const unit = unitOf(kind);
    return amount(kind, value) + (unit === "nanoseconds" || unit === "bytes" ? "" : ` ${unit}`);
  }
  return `${time(value)} in ${number} calls`;
}

/** Returns the change from one value to another: `▲+31 %`, `▼−4 %`, `=`, `new`, `gone`. */
export function change(before: number, after: number): string {
  if (before === 0) return after === 0 ? "=" : "new";
  if (after === 0) return "gone";
  const percent = Math.round(100 * (after / before - 1));
  if (percent === 0) return "=";
  const size = Math.abs(percent).toLocaleString("en-US");
  return percent > 0 ? `▲+${size} %` : `▼−${size} %`;
}

/** Returns `15:00–15:15 UTC`, with dates where it is not today, and seconds where they count. */
export function range(from: string, to: string, now: number): string {
  const [a, b] = [new Date(from).toISOString(), new Date(to).toISOString()];
  const seconds = [a, b].some((text) => text.slice(17, 19) !== "00") &&
    Date.parse(b) - Date.parse(a) < 600_000;
  const clock = (text: string) => text.slice(11, seconds ? 19 : 16);
  const today = new Date(now).toISOString().slice(0, 10);
  const [dayA, dayB] = [a.slice(0, 10), b.slice(0, 10)];
  const first = dayA === today ? "" : `${dayA} `;
  const second = dayB === dayA ? "" : `${dayB} `;
  return second === ""
    ? `${first}${clock(a)}–${clock(b)} UTC`
    : `${dayA} ${clock(a)} – ${second}${clock(b)} UTC`;
}
