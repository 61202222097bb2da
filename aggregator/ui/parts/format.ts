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

/** Says how many nanoseconds the units of time have. */
const UNIT_NS: Readonly<Record<string, number>> = {
  nanoseconds: 1,
  microseconds: 1e3,
  milliseconds: 1e6,
  seconds: 1e9,
};

/** Returns how many of `unit` a second has; `undefined` where it is no unit of time. */
export function perSecondOf(unit: string): number | undefined {
  return Object.hasOwn(UNIT_NS, unit) ? 1e9 / UNIT_NS[unit]! : undefined;
}

/** Returns `value` in the unit of a graph: time, bytes, a number, or a number of what others count. */
export function formatValue(value: number, unit: string): string {
  const second = perSecondOf(unit);
  if (second !== undefined) return formatNs(value * 1e9 / second);
  if (unit === "bytes") return formatBytes(value);
  return unit === "count" ? formatCount(value) : `${formatCount(value)} ${unit}`;
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

/** Returns the last part of a module's path; what is no path, as the kernel's [kworker/0:1], is as it is. */
export function shortModule(module: string): string {
  return module[0] === "[" ? module : module.slice(module.lastIndexOf("/") + 1) || module;
}

function threeDigits(value: number): string {
  if (value >= 99.95) return String(Math.round(value));
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

/** Returns a number of cores, threads or calls with three digits that count: `0.042`, `1.37`, `42`, `1.20 k`. */
export function formatNumber(value: number): string {
  if (value === 0) return "0";
  if (value >= 1e9) return `${threeDigits(value / 1e9)} G`;
  if (value >= 1e6) return `${threeDigits(value / 1e6)} M`;
  if (value >= 1e4) return `${threeDigits(value / 1e3)} k`;
  if (value >= 1) return threeDigits(value);
  return value < 0.001 ? "< 0.001" : value.toPrecision(2);
}

/** Returns bytes in powers of 1024: `3.2 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  for (; bytes >= 1024 && unit + 1 < units.length; unit++) bytes /= 1024;
  return `${unit === 0 ? Math.round(bytes) : threeDigits(bytes)} ${units[unit]}`;
}

/** Returns a change as `+12.3 %`, `−4.0 %`, `new` or `gone`. */
export function formatChange(base: number, compare: number): string {
  if (base === 0) return compare === 0 ? "0 %" : "new";
  if (compare === 0) return "gone";
  const part = (compare - base) / base;
  if (part >= 1) return part >= 10 ? `× ${threeDigits(compare / base)}` : `+${Math.round(100 * part)} %`;
  const text = formatShare(Math.abs(part), 1);
  return `${part < 0 ? "−" : "+"}${text}`;
}

/** Returns the end of a name that is too long: `…::Vector::push_back`. */
export function shortName(name: string, most: number): string {
  return name.length <= most ? name : `…${name.slice(1 - most)}`;
}

/** Returns what a file of `what` until `to`, a time as REST writes it, is called, without what follows the dot. */
export function fileName(what: string, to: string): string {
  // Types of profiles have colons, which not every disk takes in a name.
  return `aperture-${what.replaceAll(":", "_")}-${to.replace(/\.\d+|[:-]/g, "")}`;
}
