// SPDX-License-Identifier: Apache-2.0
/**
 * Says which tests run at the same time as others.
 *
 * @module
 */

/**
 * `parallel`: files run beside each other, with a low priority; `serial`: one file after the other,
 * beside the parallel lane.
 */
export type Lane = "parallel" | "serial";

/**
 * Is the nice value of what runs beside the serial lane: the processors are busy with it, and a test that measures must
 * run when it wants to, as on a machine that has time.
 */
export const BACKGROUND_NICE = 10;

/**
 * Is the need of tests (see `tests/support/needs.ts`) that puts a file into the serial lane: what BPF programs see is the
 * whole machine, and when they see it depends on what runs beside them.
 */
export const SERIAL_NEED = "bpf";

/** Files that run beside each other are one process: who counts what it has open would count for all of them. */
const OWN_PROCESS = "/proc/self/fd";

/**
 * Gives the lane of a file by its text: a file with a test that needs `SERIAL_NEED`, or that counts what the process has
 * open, is in the serial one.
 */
export function laneOf(source: string): Lane {
  return needsOf(source).has(SERIAL_NEED) || source.includes(OWN_PROCESS) ? "serial" : "parallel";
}

/** Gives what the tests of a file need, by its text: what it gives `testWith()`, or calls `NEEDS`, as strings in a list. */
export function needsOf(source: string): ReadonlySet<string> {
  const lists = [...source.matchAll(/(?:\btestWith\(|\bNEEDS\b[^=\n]*=)\s*\[([^\]]*)\]/g)];
  return new Set(lists.flatMap(([, list]) => [...list!.matchAll(/"([^"]+)"/g)].map(([, need]) => need!)));
}
