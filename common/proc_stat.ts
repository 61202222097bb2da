// SPDX-License-Identifier: Apache-2.0
/**
 * Reads `/proc/PID/stat`, see proc_pid_stat(5).
 *
 * @module
 */

/** Ticks a second: USER_HZ is 100 on every Linux that we know. */
const TICKS = 100;

/**
 * Returns the fields from the 3rd, the state, on: the 2nd is the name, which stands in parentheses and may itself hold
 * spaces and parentheses.
 */
export function statFields(text: string): string[] {
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** Returns the time that a process spent on CPUs, in seconds, of what {@linkcode statFields} returned. */
export function cpuSeconds(fields: readonly string[]): { readonly user: number; readonly system: number } {
  return { user: Number(fields[11]) / TICKS, system: Number(fields[12]) / TICKS };
}
