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
 * The needs of tests (see `tests/support/needs.ts`) that put a file into the serial lane: what BPF programs see is the
 * whole machine, and emulated machines are booted beside that lane while it waits.
 */
export const SERIAL_NEEDS: readonly string[] = ["bpf", "qemu-system-x86_64"];

/** Files that run beside each other are one process: who counts what it has open would count for all of them. */
const OWN_PROCESS = "/proc/self/fd";

/**
 * Gives the lane of a file by its text: a file that names one of `SERIAL_NEEDS` as a string, or counts what the process
 * has open, is in the serial one.
 */
export function laneOf(source: string): Lane {
  const isSerial = SERIAL_NEEDS.some((need) => source.includes(`"${need}"`)) || source.includes(OWN_PROCESS);
  return isSerial ? "serial" : "parallel";
}
