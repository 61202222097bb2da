// SPDX-License-Identifier: Apache-2.0
/**
 * Writes numbers as people read them.
 *
 * @module
 */

const TIME_UNITS = [
  ["d", 86_400e9],
  ["h", 3_600e9],
  ["min", 60e9],
  ["s", 1e9],
  ["ms", 1e6],
  ["µs", 1e3],
] as const;

/** Returns nanoseconds with three digits that count: `1.37 s`, `42.0 ms`, `3.10 h`. */
export function formatNs(ns: number): string {
  const [unit, size] = TIME_UNITS.find(([, size]) => ns >= size) ?? ["ns", 1];
  if (unit === "ns") return `${Math.round(ns)} ns`;
  return `${threeDigits(ns / size)} ${unit}`;
}

/** Returns a whole number with thin spaces between groups of three digits. */
export function formatCount(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, "\u2009");
}

/** Returns `value` in the unit of a graph. */
export function formatValue(value: number, unit: string): string {
  return unit === "nanoseconds" ? formatNs(value) : formatCount(value);
}

/** Returns a part of a whole as percent: `12.3 %`, `100 %`, `< 0.01 %`; `0 %` of nothing. */
export function formatShare(part: number, whole: number): string {
  const percent = whole > 0 ? 100 * part / whole : 0;
  if (percent === 0) return "0 %";
  if (percent < 0.01) return "< 0.01 %";
  if (percent < 1) return `${percent.toFixed(2)} %`;
  if (percent < 99.95) return `${percent.toFixed(1)} %`;
  return "100 %";
}

/** Returns the last part of a module's path; what is no path is as it is. */
export function shortModule(module: string): string {
  return module.slice(module.lastIndexOf("/") + 1) || module;
}

function threeDigits(value: number): string {
  if (value >= 99.95) return String(Math.round(value));
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}
