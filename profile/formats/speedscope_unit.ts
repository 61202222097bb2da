// SPDX-License-Identifier: Apache-2.0
/**
 * Says what speedscope calls units, for both writers of its files: that of profiles, and the page's of what it shows.
 *
 * @module
 */

const KNOWN: ReadonlySet<string> = new Set([
  "nanoseconds",
  "microseconds",
  "milliseconds",
  "seconds",
  "bytes",
]);

/** Returns what `unit` is in a file of speedscope: all that it does not know is a number to it. */
export function speedscopeUnit(unit: string): string {
  return KNOWN.has(unit) ? unit : "none";
}
