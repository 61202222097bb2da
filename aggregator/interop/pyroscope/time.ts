// SPDX-License-Identifier: Apache-2.0
/**
 * Reads times as Pyroscope's own addresses have them.
 *
 * @module
 */

const RELATIVE = /^now(?:-(\d{1,9})(s|m|h|d|w|M|y))?$/;
const DAY = 24 * 3600;
const SECONDS: Readonly<Record<string, number>> = {
  ...{ s: 1, m: 60, h: 3600, d: DAY, w: 7 * DAY, M: 30 * DAY, y: 365 * DAY },
};
/** Says what a number of so many digits counts since 1970, as ms each. */
const DIGITS: Readonly<Record<number, number>> = { 10: 1000, 13: 1, 16: 1e-3, 19: 1e-6 };

/**
 * Reads `now`, `now-1h`, `20261120`, or a number since 1970 whose digits say of what: seconds (10), ms (13), µs (16) or
 * ns (19).
 *
 * @param now Unix ms
 * @returns Unix ms, whole; `undefined` when `text` is none of these
 */
export function parseFieldTime(text: string, now: number): number | undefined {
  const relative = RELATIVE.exec(text);
  if (relative) {
    const [, amount = "0", unit = "s"] = relative;
    return Math.floor(now - Number(amount) * SECONDS[unit]! * 1000);
  }
  if (!/^\d+$/.test(text)) return undefined;
  const scale = DIGITS[text.length];
  if (scale !== undefined) return Math.floor(Number(text) * scale);
  const [, year, month, day] = /^(\d{4})(\d\d)(\d\d)$/.exec(text) ?? [];
  if (year === undefined) return undefined;
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day)
    ? date.getTime()
    : undefined;
}
